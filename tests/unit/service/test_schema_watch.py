from __future__ import annotations

import pytest

from service.schema_watch import CHECK_SECONDS, SchemaWatch
from studies.errors import SchemaMismatch, StorageUnavailable


class Database:
    """Counts ticks and checks; a check raises `trouble` where there is any."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ticks = self.checks = 0
        self.trouble: Exception | None = None
        self.watch = SchemaWatch(self._tick, self._check, lambda: self.now)

    def _tick(self) -> None:
        self.ticks += 1

    def _check(self) -> None:
        self.checks += 1
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture
def database() -> Database:
    return Database()


def test_the_schema_is_looked_at_now_and_then(database: Database) -> None:
    for database.now in (0.0, 1.0, CHECK_SECONDS - 0.1, CHECK_SECONDS, CHECK_SECONDS + 1):
        database.watch()
    assert (database.ticks, database.checks) == (5, 2)


def test_with_another_schema_nothing_is_decided_and_every_tick_looks_again(database: Database) -> None:
    database.trouble = SchemaMismatch("newer")
    for _ in range(3):
        with pytest.raises(SchemaMismatch, match="newer"):
            database.watch()
    assert (database.ticks, database.checks) == (0, 3)
    database.trouble = None
    database.watch()
    assert database.ticks == 1


def test_a_database_that_is_away_is_left_to_the_tick(database: Database) -> None:
    """The engine has to meet the outage itself: it excuses workers that could not be heard meanwhile."""
    database.trouble = StorageUnavailable()
    database.watch()
    assert database.ticks == 1
