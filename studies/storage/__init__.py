"""Where studies live: the port, the store twice (memory, SQL), and the bridge to Optuna."""

from __future__ import annotations

from studies.storage.memory import MemoryStore
from studies.storage.port import StudyStore

__all__ = ["MemoryStore", "StudyStore", "open_store", "upgrade_database"]

MEMORY = "memory://"


def open_store(url: str, lease_seconds: float = 30.0) -> StudyStore:
    """Return the store at ``memory://``, ``sqlite:///path`` or ``postgresql://...``; nothing is created there.

    Raises:
        StagetuneError: the address is of no database that Stagetune knows.
    """
    if url == MEMORY:
        return MemoryStore(lease_seconds=lease_seconds)
    from studies.storage.sql.store import SqlStore

    return SqlStore(url, lease_seconds)


def upgrade_database(url: str) -> None:
    """Create the schema at `url`, or bring it up to this program's; see `studies.storage.sql.upgrade`."""
    if url != MEMORY:
        from studies.storage.sql.upgrade import upgrade_database as upgrade

        upgrade(url)
