"""The stores that the contract suite holds to the port: memory, SQLite, PostgreSQL, and memory through the REST API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import create_engine, text

from studies.storage import MemoryStore, StudyStore, open_store
from studies.storage.sql.engine import database_url
from tests.contract.http_store import http_store

LEASE_SECONDS = 30.0
Advance = Callable[[float], None]


@dataclass
class HandClock:
    """A clock that a test moves."""

    seconds: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


def age_database(url: str, seconds: float) -> None:
    """Make everything in a database that waits for time `seconds` older: the database's clock cannot be moved."""
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        for table, column in (
            ("attempt", "lease_expires_at"),
            ("attempt", "started_at"),
            ("attempt", "ended_at"),
            ("worker", "last_sync_at"),
            ("trial", "failed_at"),
            ("trial", "started_at"),
            ("trial", "ended_at"),
            ("study", "updated_at"),
            ("event", "at"),
            ("token", "expires_at"),
            ("token", "last_used_at"),
            ("session", "opened_at"),
            ("session", "seen_at"),
        ):
            connection.execute(
                text(f"UPDATE stagetune_{table} SET {column} = {column} - :seconds"), {"seconds": seconds}
            )
    engine.dispose()


@pytest.fixture(params=["memory", "sqlite", "postgres", "http"])
def opened(request: pytest.FixtureRequest) -> Iterator[tuple[StudyStore, Advance]]:
    """An empty store, and the function that lets time pass for it."""
    if request.param == "memory":
        clock = HandClock()
        yield MemoryStore(clock, LEASE_SECONDS), clock.advance
        return
    if request.param == "http":
        clock = HandClock()
        with http_store(MemoryStore(clock, LEASE_SECONDS)) as over_http:
            yield over_http, clock.advance
        return
    url = request.getfixturevalue(f"{request.param}_store_url")
    store = open_store(url, LEASE_SECONDS)
    yield store, lambda seconds: age_database(url, seconds)
    store.close()


@pytest.fixture
def store(opened: tuple[StudyStore, Advance]) -> StudyStore:
    return opened[0]


@pytest.fixture
def advance(opened: tuple[StudyStore, Advance]) -> Advance:
    return opened[1]


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """The address of a database with the schema, for tests that open several stores on it."""
    url: str = request.getfixturevalue(f"{request.param}_store_url")
    return url
