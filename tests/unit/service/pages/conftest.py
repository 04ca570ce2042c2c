"""The pages of the real app on a store in memory: no engine runs behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

import httpx
import pytest

from service.app import create_app
from service.settings import Settings
from studies.storage.memory import MemoryStore
from studies.storage.port import StudyStore
from tests.asgi import client_of


def browser(store: object, **settings: Any) -> AbstractContextManager[httpx.Client]:
    """Return a client that asks as a browser does."""
    app = create_app(Settings(database_url="memory://", **settings), cast(StudyStore, store), tick=lambda: None)
    return client_of(app)


@pytest.fixture
def client(store: MemoryStore) -> Iterator[httpx.Client]:
    with browser(store) as client:
        client.headers["Accept"] = "text/html"
        yield client
