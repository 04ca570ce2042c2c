"""The cache of decoded curves: reads only what is new, and forgets what is used least."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event, select

from studies.contract.worker_protocol import Lease
from studies.storage.records import AttemptRecord
from studies.storage.sql import tables
from studies.storage.sql.curve_cache import CurveCache
from studies.storage.sql.engine import make_engine, reading
from studies.storage.sql.rows import records
from studies.storage.sql.store import SqlStore
from tests import builders as build
from tests.contract.scenes import running_study


@pytest.fixture
def store(sqlite_store_url: str) -> Iterator[SqlStore]:
    opened = SqlStore(sqlite_store_url)
    yield opened
    opened.close()


@pytest.fixture
def engine(sqlite_store_url: str) -> Iterator[Engine]:
    made = make_engine(sqlite_store_url)
    yield made
    made.dispose()


def _two_runs(store: SqlStore) -> tuple[str, tuple[Lease, ...]]:
    running_study(store, "a", "b")
    worker_id = store.register_worker(build.worker(capacity=2))
    return worker_id, store.sync(worker_id, build.sync()).leases


def _look(cache: CurveCache, engine: Engine) -> tuple[dict[str, dict[str, int]], list[int]]:
    """Return how many points each attempt's metrics have, and the number of attempts named in each query."""
    queries: list[int] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "stagetune_metric_chunk" in statement:
            queries.append(statement.count("attempt_id = "))

    with reading(engine) as connection:
        attempts = records(connection, AttemptRecord, select(tables.attempt))
        event.listen(engine, "before_cursor_execute", count)
        found = cache.curves(connection, attempts)
        event.remove(engine, "before_cursor_execute", count)
    return {key: {name: len(curve) for name, curve in by_name.items()} for key, by_name in found.items()}, queries


def test_only_attempts_with_news_are_read(store: SqlStore, engine: Engine) -> None:
    worker_id, (first, second) = _two_runs(store)
    cache = CurveCache()
    store.sync(
        worker_id, build.sync(*[build.report(lease, build.chunk("loss", {1: 1.0})) for lease in (first, second)])
    )
    points, queries = _look(cache, engine)
    assert points == {first.attempt_id: {"loss": 1}, second.attempt_id: {"loss": 1}}
    assert queries == [2]
    assert _look(cache, engine)[1] == []
    news = build.report(second, build.chunk("loss", {2: 1.0, 3: 1.0}, sequence=1))
    store.sync(worker_id, build.sync(build.report(first), news))
    points, queries = _look(cache, engine)
    assert points[second.attempt_id] == {"loss": 3}
    assert queries == [1]
    assert cache.size == 4


def test_what_is_used_least_is_forgotten_and_read_again(store: SqlStore, engine: Engine) -> None:
    worker_id, leases = _two_runs(store)
    store.sync(worker_id, build.sync(*[build.report(lease, build.chunk("loss", {1: 1.0})) for lease in leases]))
    cache = CurveCache(max_points=1)
    expected = {lease.attempt_id: {"loss": 1} for lease in leases}
    assert _look(cache, engine)[0] == expected
    assert cache.size == 1
    assert _look(cache, engine) == (expected, [1])
