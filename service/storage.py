"""From settings to an open, up-to-date store, and the engine that works on it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from service.settings import Settings
from studies.core.decide import decide
from studies.engine import Engine
from studies.errors import StorageUnavailable
from studies.storage import open_store, upgrade_database
from studies.storage.optuna_bridge.mirror import OptunaMirror
from studies.storage.optuna_bridge.pruner import OptunaPruner
from studies.storage.optuna_bridge.sampler import OptunaSampler
from studies.storage.port import StudyStore

_SQLITE = "sqlite:///"


def open_database(settings: Settings) -> StudyStore:
    """Create or upgrade the database of the settings and open it.

    Raises:
        StagetuneError: it cannot be used; the message says what to do.
    """
    upgrade(settings.database_url)
    return open_store(settings.database_url, lease_seconds=settings.lease_seconds)


def upgrade(database_url: str) -> None:
    """Bring a database's schema up to date; a SQLite file and its folder are created.

    Raises:
        StagetuneError: it cannot be used; the message says what to do.
    """
    if database_url.startswith(_SQLITE):
        _make_folder(Path(database_url.removeprefix(_SQLITE)).parent)
    try:
        upgrade_database(database_url)
    except StorageUnavailable as error:
        raise _with_reason(error) from error


def _with_reason(error: StorageUnavailable) -> StorageUnavailable:
    """Add what the driver says: whoever starts a server may know it, and needs it."""
    from studies.storage.sql.failures import driver_says  # nothing of SQL is loaded for a store in memory

    said = driver_says(error)
    if said is None or type(error) is not StorageUnavailable:
        return error
    mend = "See to the database, or to the address in --database-url or STAGETUNE_DATABASE_URL, and start again."
    return StorageUnavailable(f"The database cannot be used: {said}. {mend}")


def build_engine(settings: Settings, store: StudyStore) -> Engine:
    decision = partial(decide, pruner=OptunaPruner())
    return Engine(store, OptunaSampler(), OptunaMirror(settings.database_url), decision)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailable(f"{folder} cannot be created ({error.strerror}): choose another place.") from error
