"""The bridge to Optuna, the only importer of it: its samplers as pure functions, and a record of finished trials."""

from studies.storage.optuna_bridge.mirror import OptunaMirror
from studies.storage.optuna_bridge.sampler import OptunaSampler, missing

__all__ = ["OptunaMirror", "OptunaSampler", "missing"]
