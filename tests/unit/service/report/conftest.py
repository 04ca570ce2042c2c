"""The real app on the test's store, asked as a browser asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from httpx import Client

from studies.storage.memory import MemoryStore
from tests.unit.service.pages.conftest import browser


@pytest.fixture
def client(store: MemoryStore) -> Iterator[Client]:
    with browser(store) as client:
        client.headers["Accept"] = "text/html"
        yield client
