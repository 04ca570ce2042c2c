"""Nodes that fail what others do not: quarantined, drained, released. And where a failed trial goes."""

from __future__ import annotations

from typing import Any

import pytest

from studies.contract.states import TrialState, WorkerHold
from studies.contract.views import WorkerView
from studies.contract.worker_protocol import Lease
from studies.errors import NotFound
from studies.storage import StudyStore
from tests import builders as build
from tests.contract.conftest import LEASE_SECONDS, Advance
from tests.contract.scenes import finish, running_study, trials

KEYS = tuple(f"lr={n}" for n in range(12))


def node(store: StudyStore, name: str, capacity: int = 4, **fields: Any) -> str:
    """Register a worker; it has been heard of, and holds nothing."""
    worker_id = store.register_worker(build.worker(name, capacity=capacity, **fields))
    store.sync(worker_id, build.sync(capacity=0))
    return worker_id


def view_of(store: StudyStore, worker_id: str) -> WorkerView:
    return next(worker for worker in store.list_workers() if worker.id == worker_id)


def hold(store: StudyStore, worker_id: str) -> WorkerHold | None:
    return view_of(store, worker_id).hold


def ask(store: StudyStore, worker_id: str, capacity: int = 1) -> tuple[Lease, ...]:
    return store.sync(worker_id, build.sync(capacity=capacity)).leases


def fail(store: StudyStore, worker_id: str, *leases: Lease) -> None:
    """Report that these runs failed; take no new lease."""
    news = [build.report(lease, outcome="failed", reason="CUDA error: unknown") for lease in leases]
    store.sync(worker_id, build.sync(*news, capacity=0))


def fails_three(store: StudyStore, worker_id: str) -> tuple[Lease, ...]:
    """Let a worker take three trials and fail each."""
    leases: list[Lease] = []
    while len(leases) < 3:
        (lease,) = ask(store, worker_id)
        fail(store, worker_id, lease)
        leases.append(lease)
    return tuple(leases)


def test_three_failures_that_others_do_not_share_put_a_worker_into_quarantine(store: StudyStore) -> None:
    study_id = running_study(store, *KEYS)
    bad, _ = node(store, "bad"), node(store, "good")
    leases = fails_three(store, bad)
    view = view_of(store, bad)
    assert view.hold is WorkerHold.QUARANTINED
    assert "3 trials" in view.held_because
    assert "good" in view.held_because
    assert view.held_at is not None
    assert ask(store, bad) == ()
    assert {trial.state for trial in trials(store, study_id)} == {TrialState.WAITING}
    assert len({lease.run.trial_id for lease in leases}) == 3
    assert [event.kind for event in store.events(study_id, 0)].count("worker") == 1


def test_its_trials_go_elsewhere(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b", "c")
    bad, good = node(store, "bad"), node(store, "good")
    fails_three(store, bad)
    while leases := ask(store, good):
        finish(store, good, leases[0])
    assert {trial.state for trial in trials(store, study_id)} == {TrialState.COMPLETED}
    assert hold(store, bad) is WorkerHold.QUARANTINED


def test_the_same_trial_counts_once(store: StudyStore) -> None:
    running_study(store, "only", spec=build.spec(max_attempts=9))
    bad = node(store, "bad")
    node(store, "good", allow=("nothing",), objectives=())
    for _ in range(5):
        (lease,) = ask(store, bad)
        fail(store, bad, lease)
    assert hold(store, bad) is None


def test_a_run_that_goes_well_begins_the_row_anew(store: StudyStore) -> None:
    running_study(store, *KEYS)
    flaky, _ = node(store, "flaky"), node(store, "good")
    for outcome in ("failed", "failed", "completed", "failed", "failed", "diverged", "failed", "failed"):
        (lease,) = ask(store, flaky)
        news = build.report(lease, build.chunk("dev_accuracy", {1: 0.5}), outcome=outcome)
        store.sync(flaky, build.sync(news, capacity=0))
    assert hold(store, flaky) is None


def test_runs_given_back_stopped_or_evicted_say_nothing(store: StudyStore) -> None:
    running_study(store, *KEYS)
    patient, _ = node(store, "patient"), node(store, "good")
    for outcome in ("preempted", "evicted", "stopped", "preempted", "evicted"):
        leases = ask(store, patient)
        news = [build.report(lease, outcome=outcome) for lease in leases]
        store.sync(patient, build.sync(*news, capacity=0))
    assert hold(store, patient) is None


def test_a_lone_worker_is_never_quarantined(store: StudyStore) -> None:
    running_study(store, *KEYS)
    alone = node(store, "alone")
    fails_three(store, alone)
    (lease,) = ask(store, alone)
    fail(store, alone, lease)
    assert hold(store, alone) is None


@pytest.mark.parametrize(
    "why", ["it cannot run this", "it is silent", "it is drained", "it is the same node under another id"]
)
def test_who_could_not_take_the_trials_is_nobody_to_compare_with(store: StudyStore, advance: Advance, why: str) -> None:
    running_study(store, *KEYS)
    other = node(
        store, "bad" if "same node" in why else "other", objectives=() if "cannot" in why else ("image_classification",)
    )
    if "silent" in why:
        advance(LEASE_SECONDS + 1)
    if "drained" in why:
        store.drain_worker(other)
    bad = node(store, "bad")
    fails_three(store, bad)
    assert hold(store, bad) is None


def test_trials_that_fail_on_another_node_too_release_the_first(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b", "c", spec=build.spec(max_attempts=3))
    first, second = node(store, "first"), node(store, "second")
    fails_three(store, first)
    assert hold(store, first) is WorkerHold.QUARANTINED
    assert store.review_quarantine() == 0
    (lease,) = ask(store, second)
    fail(store, second, lease)
    assert store.review_quarantine() == 1
    assert (hold(store, first), hold(store, second)) == (None, None)
    assert view_of(store, first).held_because == ""
    assert {trial.state for trial in trials(store, study_id)} == {TrialState.WAITING}


@pytest.mark.parametrize("max_attempts", [1, 2])
def test_a_study_that_fails_everywhere_leaves_every_worker_free(store: StudyStore, max_attempts: int) -> None:
    running_study(store, *(f"t{n}" for n in range(15)), spec=build.spec(max_attempts=max_attempts))
    workers = [node(store, name) for name in ("a", "b", "c")]
    for _ in range(15 * max_attempts):
        for worker_id in workers:
            for lease in ask(store, worker_id):
                fail(store, worker_id, lease)
        store.review_quarantine()
    assert [hold(store, worker_id) for worker_id in workers] == [None] * 3


def test_a_node_does_not_escape_by_starting_again(store: StudyStore) -> None:
    running_study(store, *KEYS)
    bad, _ = node(store, "bad"), node(store, "good")
    for _ in range(3):
        (lease,) = ask(store, bad)
        fail(store, bad, lease)
        last, bad = bad, node(store, "bad")
    assert hold(store, last) is hold(store, bad) is WorkerHold.QUARANTINED
    assert view_of(store, bad).held_because == view_of(store, last).held_because
    assert ask(store, bad) == ()
    store.release_worker(bad)
    assert hold(store, last) is hold(store, bad) is None
    assert len(ask(store, bad)) == 1


def test_a_released_worker_has_a_clean_record(store: StudyStore) -> None:
    running_study(store, *KEYS)
    bad, _ = node(store, "bad"), node(store, "good")
    fails_three(store, bad)
    view = store.release_worker(bad)
    assert (view.id, view.hold, view.held_because, view.held_at) == (bad, None, "", None)
    (lease,) = ask(store, bad)
    fail(store, bad, lease)
    assert hold(store, bad) is None


def test_a_drained_worker_finishes_what_it_has_and_gets_nothing_new(store: StudyStore) -> None:
    running_study(store, "a", "b")
    worker_id = node(store, "going")
    (lease,) = ask(store, worker_id)
    assert store.drain_worker(worker_id).hold is WorkerHold.DRAINING
    assert store.sync(worker_id, build.sync(build.report(lease), capacity=4)).stop == ()
    news = build.report(lease, build.chunk("dev_accuracy", {1: 0.5}), outcome="completed")
    answer = store.sync(worker_id, build.sync(news, capacity=4))
    assert (answer.acknowledged, answer.leases) == ((lease.attempt_id,), ())
    assert hold(store, worker_id) is WorkerHold.DRAINED
    assert store.drain_worker(worker_id).hold is WorkerHold.DRAINED
    assert store.release_worker(worker_id).hold is None
    assert len(ask(store, worker_id)) == 1


def test_a_drain_ends_with_the_process_and_does_not_undo_a_quarantine(store: StudyStore) -> None:
    running_study(store, *KEYS)
    going = node(store, "going")
    store.drain_worker(going)
    assert hold(store, node(store, "going")) is None
    bad = node(store, "bad")
    fails_three(store, bad)
    assert store.drain_worker(bad).hold is WorkerHold.QUARANTINED


def test_a_lost_lease_of_a_held_worker_is_told_again(store: StudyStore) -> None:
    running_study(store, "a")
    worker_id = node(store, "going")
    (lease,) = ask(store, worker_id)
    store.drain_worker(worker_id)
    assert [again.attempt_id for again in ask(store, worker_id)] == [lease.attempt_id]


def test_there_is_no_such_worker(store: StudyStore) -> None:
    for order in (store.drain_worker, store.release_worker):
        with pytest.raises(NotFound):
            order("wk_none")


def test_retries_are_bounded_by_the_study_file(store: StudyStore) -> None:
    for attempts in (1, 3):
        study_id = running_study(store, "only", spec=build.spec(f"s{attempts}", max_attempts=attempts))
        worker_id = node(store, f"w{attempts}")
        for turn in range(1, attempts + 1):
            (lease,) = ask(store, worker_id)
            fail(store, worker_id, lease)
            (trial,) = trials(store, study_id)
            assert trial.state is (TrialState.FAILED if turn == attempts else TrialState.WAITING)
        assert "CUDA error: unknown" in trial.ended_because
        assert ("attempts" in trial.ended_because) == (attempts > 1)


def test_a_retry_goes_to_another_worker_where_one_could_take_it_at_once(store: StudyStore) -> None:
    running_study(store, "only")
    first, second = node(store, "first"), node(store, "second")
    (lease,) = ask(store, first)
    store.sync(second, build.sync(capacity=1))
    fail(store, first, lease)
    assert ask(store, first) == ()
    assert [again.run.trial_id for again in ask(store, second)] == [lease.run.trial_id]


def test_a_retry_comes_back_where_nobody_else_could_take_it(store: StudyStore, advance: Advance) -> None:
    running_study(store, "only", spec=build.spec(max_attempts=3))
    first, second = node(store, "first"), node(store, "second")
    (lease,) = ask(store, first)
    fail(store, first, lease)
    (lease,) = ask(store, first)
    store.sync(second, build.sync(capacity=1))
    fail(store, first, lease)
    assert ask(store, first) == ()
    advance(LEASE_SECONDS + 1)  # and where the other does not come for it
    assert len(ask(store, first)) == 1


def test_what_fell_silent_goes_elsewhere_too(store: StudyStore, advance: Advance) -> None:
    running_study(store, "silent", "other")
    first = node(store, "first")
    (lease,) = ask(store, first)
    advance(LEASE_SECONDS + 1)
    assert store.expire_leases() == 1
    back = node(store, "first")
    assert [found.run.trial_number for found in ask(store, back)] == [1 - lease.run.trial_number]


def test_a_trial_says_why_it_waits(store: StudyStore) -> None:
    study_id = running_study(store, "first", "second")
    ids = [trial.id for trial in trials(store, study_id)]
    assert {store.get_trial(trial_id).waiting_because for trial_id in ids} == {
        "No worker is connected: start one with `stagetune-worker --server URL`."
    }
    worker_id = node(store, "node", capacity=1)
    (lease,) = ask(store, worker_id)
    (other,) = set(ids) - {lease.run.trial_id}
    assert store.get_trial(lease.run.trial_id).waiting_because == ""
    assert "All 1 places" in store.get_trial(other).waiting_because
    store.drain_worker(worker_id)
    assert "node is draining" in store.get_trial(other).waiting_because
    assert "node is draining" in store.get_study(study_id).waiting_because


def test_what_waits_beside_a_run_that_must_be_alone_is_told_so(store: StudyStore, advance: Advance) -> None:
    study_id = running_study(store, "alone", "busy", "other")
    first, second = node(store, "first", capacity=2), node(store, "second", capacity=2)
    (lease,) = ask(store, first)
    store.sync(first, build.sync(build.report(lease, outcome="evicted", reason="out of memory"), capacity=0))
    for worker_id in (first, second):
        store.sync(worker_id, build.sync(capacity=0))
    (busy,) = ask(store, first, capacity=1)
    assert busy.run.trial_id != lease.run.trial_id
    advance(5 * LEASE_SECONDS)
    store.extend_leases()
    store.sync(first, build.sync(build.report(busy), capacity=2))
    left = next(
        trial for trial in trials(store, study_id) if trial.state is TrialState.WAITING and trial.key != "alone"
    )
    assert "kept free for a run that has to be alone" in store.get_trial(left.id).waiting_because
