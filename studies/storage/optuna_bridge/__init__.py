"""The bridge to Optuna, its only importer: its samplers and pruners as pure functions, a record of finished trials."""

from studies.storage.optuna_bridge.mirror import OptunaMirror
from studies.storage.optuna_bridge.pruner import OptunaPruner
from studies.storage.optuna_bridge.sampler import OptunaSampler, missing

__all__ = ["OptunaMirror", "OptunaPruner", "OptunaSampler", "missing"]
