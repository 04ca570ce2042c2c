"""The cache of decoded curves: reads only what is new, and forgets what is used least."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, RowMapping, select

from studies.contract.worker_protocol import Lease
from studies.core.snapshot import Curve
from studies.storage.records import AttemptRecord
from studies.storage.sql import curve_cache, tables
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


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The attempts whose chunks are read from the database, one a chunk."""
    attempts: list[str] = []
    original = curve_cache.piece

    def noted(row: RowMapping) -> Curve:
        attempts.append(row["attempt_id"])
        return original(row)

    monkeypatch.setattr(curve_cache, "piece", noted)
    return attempts


def _look(cache: CurveCache, engine: Engine) -> dict[str, dict[str, int]]:
    """Return how many points each attempt's metrics have."""
    with reading(engine) as connection:
        found = cache.curves(connection, records(connection, AttemptRecord, select(tables.attempt)))
    return {key: {name: len(curve) for name, curve in by_name.items()} for key, by_name in found.items()}


def test_only_attempts_with_news_are_read(store: SqlStore, engine: Engine, read: list[str]) -> None:
    worker_id, (first, second) = _two_runs(store)
    cache = CurveCache()
    store.sync(
        worker_id, build.sync(*[build.report(lease, build.chunk("loss", {1: 1.0})) for lease in (first, second)])
    )
    assert _look(cache, engine) == {first.attempt_id: {"loss": 1}, second.attempt_id: {"loss": 1}}
    assert sorted(read) == sorted([first.attempt_id, second.attempt_id])
    read.clear()
    _look(cache, engine)
    assert read == []
    news = build.report(second, build.chunk("loss", {2: 1.0, 3: 1.0}, sequence=1))
    store.sync(worker_id, build.sync(build.report(first), news))
    assert _look(cache, engine)[second.attempt_id] == {"loss": 3}
    assert read == [second.attempt_id]
    assert cache.size == 4


def test_what_is_used_least_is_forgotten_and_read_again(store: SqlStore, engine: Engine, read: list[str]) -> None:
    worker_id, leases = _two_runs(store)
    store.sync(worker_id, build.sync(*[build.report(lease, build.chunk("loss", {1: 1.0})) for lease in leases]))
    cache = CurveCache(max_points=1)
    expected = {lease.attempt_id: {"loss": 1} for lease in leases}
    assert _look(cache, engine) == expected
    assert cache.size == 1
    read.clear()
    assert _look(cache, engine) == expected
    assert len(read) == 1


def test_what_is_forgotten_on_purpose_takes_no_room(store: SqlStore, engine: Engine) -> None:
    worker_id, (first, second) = _two_runs(store)
    store.sync(worker_id, build.sync(*[build.report(lease, build.chunk("loss")) for lease in (first, second)]))
    cache = CurveCache()
    _look(cache, engine)
    cache.forget([first.attempt_id, "at_unknown"])
    assert cache.size == 2
