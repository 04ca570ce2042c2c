"""From settings to an open, up-to-date store and the engine that works on it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url

from service.settings import Settings
from studies.engine import Engine
from st import open_store, upgrade_database
from studies.storage.optuna_bridge.mirror import OptunaMirror
from studies.storage.optuna_bridge.sampler import OptunaSampler
from studies.storage.port import StudyStore


def open_database(settings: Settings) -> StudyStore:
    """Create or upgrade the database of the settings and open it."""
    upgrade(settings.database_url)
    return open_store(settings.database_url, lease_seconds=settings.lease_seconds)


def upgrade(database_url: str) -> None:
    """Bring a database's schema up to date; a SQLite file and its folder are created."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    upgrade_database(database_url)


def build_engine(settings: Settings, store: StudyStore) -> Engine:
    return Engine(store, OptunaSampler(), OptunaMirror(settings.database_url))
