"""A closed server, and tokens for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.auth.secrets import new_token
from service.settings import Settings
from studies.contract.scopes import Scope
from studies.storage.memory import MemoryStore
from tests.asgi import client_of

SETTINGS_TOKEN = "a-token-that-is-long-enough"

MakeToken = Callable[..., str]


@pytest.fixture
def make_token(store: MemoryStore) -> MakeToken:
    """Make a token in the store with the scopes given; return its text."""

    def make(*scopes: Scope, name: str = "test", lifetime: float | None = None) -> str:
        text, new = new_token(name, scopes, lifetime)
        store.credentials.create_token(new)
        return text

    return make


@pytest.fixture
def closed(store: MemoryStore) -> FastAPI:
    """A server with a token in its settings."""
    return create_app(Settings(token=SETTINGS_TOKEN, tick_seconds=0.01), store, tick=lambda: None)


@pytest.fixture
def client(closed: FastAPI) -> Iterator[httpx.Client]:
    with client_of(closed) as found:
        yield found


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
