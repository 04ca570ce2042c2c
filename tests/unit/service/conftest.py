"""The service on a store in memory, with no engine behind it: what tests do is all that happens."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from service.app import create_app
from service.settings import Settings
from studies.storage.memory import MemoryStore
from tests.asgi import client_of


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def settings() -> Settings:
    return Settings(database_url="memory://", tick_seconds=0.01)


@pytest.fixture
def http(settings: Settings, store: MemoryStore) -> Iterator[httpx.Client]:
    with client_of(create_app(settings, store, tick=lambda: None)) as client:
        yield client
