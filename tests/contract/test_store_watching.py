"""What a monitoring system asks of a store: how much there is, and what was done."""

from __future__ import annotations

import pytest

from studies.contract.states import AttemptState, StudyCommand, StudyState, TrialState, WorkerHold
from studies.storage import StudyStore
from studies.storage.work_done import WorkDone
from tests import builders as build
from tests.contract.conftest import LEASE_SECONDS, Advance
from tests.contract.scenes import finish, running_study, take


def test_an_empty_store_has_nothing_to_count(store: StudyStore) -> None:
    census = store.census()
    assert (dict(census.studies), dict(census.trials)) == ({}, {})
    assert (census.queue_seconds, census.workers_alive) == (0.0, 0)
    assert store.work.total() == WorkDone()


def test_studies_and_trials_are_counted_by_state(store: StudyStore) -> None:
    running_study(store, "a", "b", "c")
    store.create_study(build.spec("queued"))
    worker_id = store.register_worker(build.worker())
    finish(store, worker_id, take(store, worker_id))
    assert store.sync(worker_id, build.sync(capacity=1)).leases
    census = store.census()
    assert dict(census.studies) == {StudyState.RUNNING: 1, StudyState.QUEUED: 1}
    assert dict(census.trials) == {TrialState.COMPLETED: 1, TrialState.RUNNING: 1, TrialState.WAITING: 1}


def test_workers_are_alive_for_a_lease(store: StudyStore, advance: Advance) -> None:
    silent, heard = (store.register_worker(build.worker(name)) for name in ("silent", "heard"))
    assert store.census().workers_alive == 2
    advance(LEASE_SECONDS + 1)
    store.sync(heard, build.sync())
    assert store.census().workers_alive == 1
    assert silent != heard


def test_workers_that_are_held_are_counted_among_those_alive(store: StudyStore, advance: Advance) -> None:
    worker_id, _ = (store.register_worker(build.worker(name)) for name in ("held", "free"))
    held = store.drain_worker(worker_id).hold
    assert held is not None
    assert (store.census().workers_alive, dict(store.census().workers_held)) == (2, {WorkerHold.DRAINING: 1})
    advance(LEASE_SECONDS + 1)
    assert not store.census().workers_held


def test_the_queue_is_as_old_as_its_oldest_trial(store: StudyStore, advance: Advance) -> None:
    """A trial that was run and given back waits from then on; those of a paused study are not in the queue."""
    study_id = running_study(store, "a")
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    assert store.census().queue_seconds == 0.0
    store.sync(worker_id, build.sync(build.report(lease, outcome="preempted"), capacity=0))
    advance(100.0)
    assert store.census().queue_seconds == pytest.approx(100.0, abs=10.0)
    store.command(study_id, StudyCommand.PAUSE)
    assert store.census().queue_seconds == 0.0


def test_what_is_sent_twice_is_counted_once(store: StudyStore) -> None:
    running_study(store, "a")
    worker_id = store.register_worker(build.worker())
    news = build.report(take(store, worker_id), build.chunk("loss", {1: 2.0, 2: 1.0}), log="naïve\n")
    for _ in range(2):
        store.sync(worker_id, build.sync(news, capacity=0))
    done = store.work.total()
    assert (done.points, done.log_bytes) == (2, len("naïve\n".encode()))
    assert not done.endings


def test_ends_and_retries_are_counted(store: StudyStore, advance: Advance) -> None:
    running_study(store, "a")
    worker_id = store.register_worker(build.worker())
    take(store, worker_id)
    advance(LEASE_SECONDS + 1)
    assert store.expire_leases() == 1
    finish(store, worker_id, take(store, worker_id))
    done = store.work.total()
    assert dict(done.endings) == {AttemptState.EXPIRED: 1, AttemptState.COMPLETED: 1}
    assert dict(done.retries) == {AttemptState.EXPIRED: 1}


def test_what_is_told_of_the_work_is_the_caller_s_own(store: StudyStore) -> None:
    store.work.total().points += 5
    assert store.work.total().points == 0
