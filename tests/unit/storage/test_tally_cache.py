"""Tallies that are brought up to date: the same as counted anew, and reading only what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from studies.contract.study_file import StageKind
from studies.core.actions import EndTrial
from studies.storage.presenting import Tally
from studies.storage.sql.engine import make_engine, reading
from studies.storage.sql.store import SqlStore
from studies.storage.sql.tally_cache import TallyCache, _Counts
from tests import builders as build
from tests.contract.scenes import decide, finish, running_study, take

Tallies = dict[str, dict[StageKind, Tally]]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_store_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    opened = SqlStore(url)
    yield opened
    opened.close()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = make_engine(url)
    yield made
    made.dispose()


def _look(cache: TallyCache, engine: Engine, *study_ids: str) -> Tallies:
    with reading(engine) as connection:
        return {study_id: counted.tallies for study_id, counted in cache.counted(connection, study_ids).items()}


def test_they_are_those_that_are_counted_anew(store: SqlStore, engine: Engine) -> None:
    cache = TallyCache()
    first = running_study(store, *(f"t{number}" for number in range(70)), spec=build.spec("first"))
    second = running_study(store, "a", spec=build.spec("second"))
    worker_id = store.register_worker(build.worker())

    def check(expected: Tally) -> None:
        kept = _look(cache, engine, first, second)
        assert kept == _look(TallyCache(), engine, first, second)
        assert kept[first]["lr_sweep"] == expected

    check(Tally(trials=70))
    lease = take(store, worker_id)
    store.sync(worker_id, build.sync(build.report(lease, build.chunk("loss", {1: 0.5, 8: 0.25}))))
    check(Tally(trials=70, steps=8, points=2, bytes=8))
    finish(store, worker_id, lease)
    check(Tally(trials=70, ended=1, steps=100, points=3, bytes=12))
    last = store.list_trials(first, after=68).trials[0]
    assert decide(store, first, EndTrial(last.id, "pruned", "not needed"), build.add_trials("more"))
    check(Tally(trials=71, ended=2, steps=100, points=3, bytes=12))


def test_a_look_costs_what_has_changed(store: SqlStore, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    note = _Counts.note

    def noted(counts: _Counts, changes: Sequence[Any]) -> None:
        read.append(len(changes))
        note(counts, changes)

    monkeypatch.setattr(_Counts, "note", noted)
    study_id = running_study(store, *(f"t{number}" for number in range(20)))
    worker_id = store.register_worker(build.worker())
    cache = TallyCache()
    _look(cache, engine, study_id)
    _look(cache, engine, study_id)
    take(store, worker_id)
    _look(cache, engine, study_id)
    assert read == [20, 1]


def test_of_more_than_it_may_keep_the_least_looked_at_go(store: SqlStore, engine: Engine) -> None:
    first = running_study(store, "a", spec=build.spec("first"))
    second = running_study(store, "b", "c", spec=build.spec("second"))
    cache = TallyCache(most_trials=1)
    for _ in range(2):
        assert _look(cache, engine, first)[first]["lr_sweep"].trials == 1
        assert _look(cache, engine, second, first)[second]["lr_sweep"].trials == 2


def test_a_study_without_trials_has_no_tallies(store: SqlStore, engine: Engine) -> None:
    study_id = store.create_study(build.spec()).study_id
    assert _look(TallyCache(), engine, study_id) == {study_id: {}}
    assert _look(TallyCache(), engine) == {}
