"""The engine's look at a study reads what has changed, whoever changed it, and misses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, update

from studies.contract.states import StudyCommand, TrialState
from studies.core.actions import ContinueTrial, EndTrial
from studies.core.snapshot import Curve
from studies.errors import StorageUnavailable
from studies.storage.sql import study_cache, tables
from studies.storage.sql.engine import make_engine
from studies.storage.sql.store import SqlStore
from studies.storage.sql.study_cache import SharedSteps
from tests import builders as build
from tests.contract.scenes import decide, finish, running_study, seen, take, trials


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
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the trials that are read from the database, as they are read."""
    numbers: list[int] = []
    original = study_cache._touched_since

    def noted(connection: Connection, study_id: str, horizon: int) -> list[study_cache.TrialRecord]:
        found = original(connection, study_id, horizon)
        numbers.extend(trial.number for trial in found)
        return found

    monkeypatch.setattr(study_cache, "_touched_since", noted)
    return numbers


def newcomer(url: str, study_id: str) -> list[object]:
    """What a server sees that has just come."""
    with closing(SqlStore(url)) as fresh:
        return seen(fresh, study_id)


def test_a_look_reads_the_trials_that_have_changed(store: SqlStore, url: str, read: list[int]) -> None:
    study_id = running_study(store, "a", "b", "c")
    worker_id = store.register_worker(build.worker())
    store.load(study_id)
    first = take(store, worker_id)
    store.load(study_id)
    finish(store, worker_id, first)
    store.load(study_id)
    read.clear()
    store.load(study_id)
    assert read == []
    decide(store, study_id, build.add_trials("d"))
    read.clear()
    store.load(study_id)
    assert read == [3]
    (second,) = store.sync(worker_id, build.sync(capacity=1)).leases
    read.clear()
    store.load(study_id)
    assert read == [second.run.trial_number]
    read.clear()
    assert seen(store, study_id) == newcomer(url, study_id)


def test_points_of_a_metric_that_lags_behind_are_seen(store: SqlStore, url: str) -> None:
    """They do not move the step that the trial has reached."""
    study_id = running_study(store, "a")
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    store.sync(worker_id, build.sync(build.report(lease, build.chunk("loss", {5: 1.0}))))
    store.load(study_id)
    store.sync(worker_id, build.sync(build.report(lease, build.chunk("lr", {1: 0.1}))))
    (trial,) = trials(store, study_id)
    assert trial.curves.keys() == {"loss", "lr"}
    assert seen(store, study_id) == newcomer(url, study_id)


def test_what_the_engine_does_to_ended_trials_is_seen(store: SqlStore, url: str) -> None:
    study_id = running_study(store, "a", "b")
    worker_id = store.register_worker(build.worker(capacity=2))
    for lease in store.sync(worker_id, build.sync()).leases:
        finish(store, worker_id, lease)
    first, second = trials(store, study_id)
    with closing(SqlStore(url)) as other:
        decide(other, study_id, ContinueTrial(first.id, 200, "still falling"), EndTrial(second.id, "pruned", "worse"))
        assert [trial.state for trial in trials(store, study_id)] == [TrialState.WAITING, TrialState.PRUNED]
        (resumed,) = other.sync(worker_id, build.sync(capacity=1)).leases
        news = build.report(resumed, build.chunk("dev_accuracy", {200: 0.9}), started_from=100)
        other.sync(worker_id, build.sync(news))
        assert trials(store, study_id)[0].curve("dev_accuracy").steps.tolist() == [100, 200]
        assert seen(store, study_id) == newcomer(url, study_id)


def test_the_note_of_optunas_record_is_no_change(store: SqlStore, read: list[int]) -> None:
    study_id = running_study(store, "a")
    store.load(study_id)
    store.mark_mirrored({trials(store, study_id)[0].id: 0})
    read.clear()
    store.load(study_id)
    assert read == []


def test_a_change_that_is_committed_late_is_seen(postgres_store_url: str) -> None:
    """Its mark is smaller than one that was seen long before: a transaction that took its time."""
    with closing(SqlStore(postgres_store_url)) as store:
        study_id = running_study(store, "a", "b")
        slow, quick = trials(store, study_id)
        engine = make_engine(postgres_store_url)
        with engine.begin() as connection:
            connection.execute(_ended(slow.id, "slow"))
            _at_once(engine, quick.id)
            assert [trial.ended_because for trial in trials(store, study_id)] == ["", "quick"]
            store.load(study_id)
        assert [trial.ended_because for trial in trials(store, study_id)] == ["slow", "quick"]
        engine.dispose()


def _at_once(engine: Engine, trial_id: str) -> None:
    with engine.begin() as connection:
        connection.execute(_ended(trial_id, "quick"))


def _ended(trial_id: str, reason: str) -> object:
    return update(tables.trial).where(tables.trial.c.id == trial_id).values(ended_because=reason)


def test_studies_that_are_not_active_are_forgotten(store: SqlStore, read: list[int]) -> None:
    study_id = running_study(store, "a")
    store.load(study_id)
    store.command(study_id, StudyCommand.PAUSE)
    store.active_studies()
    store.command(study_id, StudyCommand.RESUME)
    read.clear()
    store.load(study_id)
    assert read == [0]


def test_after_the_database_was_away_everything_is_read_anew(store: SqlStore, read: list[int]) -> None:
    study_id = running_study(store, "a")
    store.load(study_id)
    with pytest.raises(StorageUnavailable), store._cache.turn():
        raise StorageUnavailable
    read.clear()
    store.load(study_id)
    assert read == [0]


def test_curves_measured_at_the_same_steps_share_them() -> None:
    shared = SharedSteps()
    first, second = (
        shared.of({"loss": Curve(np.array([1, 2, 3]), np.array([value, 1.0, 2.0]))})["loss"] for value in (3.0, 4.0)
    )
    assert first.steps is second.steps
    assert second.values.tolist() == [4.0, 1.0, 2.0]
    third, fourth = (shared.of({"loss": Curve(np.array([1, middle, 9]), np.zeros(3))})["loss"] for middle in (2, 5))
    assert (third.steps.tolist(), fourth.steps.tolist()) == ([1, 2, 9], [1, 5, 9])
