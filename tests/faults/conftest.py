"""Fixtures for tests of faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.postgres import Postgres


@pytest.fixture
def postgres(postgres_of_its_own: str) -> Iterator[Postgres]:
    """A durable PostgreSQL server to be crashed."""
    server = Postgres(postgres_of_its_own)
    yield server
    server.close()
