"""Where studies live: the port, the store twice (memory, SQL), and the bridge to Optuna."""

from studies.storage.memory import MemoryStore
from studies.storage.port import StudyStore

__all__ = ["MemoryStore", "StudyStore"]
