"""What a page shows of devices: which runs were where and when, what they took, what failed, and why trials wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from studies.contract.packing import PackReport
from studies.contract.states import AttemptState, StudyCommand, StudyState
from studies.contract.views import AttemptView
from studies.contract.worker_protocol import DeviceReport, Lease, SyncRequest
from studies.core.actions import AwaitApproval
from studies.errors import NotFound
from studies.storage import StudyStore
from studies.storage.port import Queues, Span
from tests import builders as build
from tests.contract.conftest import LEASE_SECONDS, Advance
from tests.contract.scenes import decide, finish, running_study, take

AGES = 1e12
"""Later than any clock of these tests."""

EVER = Span(0.0, AGES)


def _leased(store: StudyStore, count: int, **worker: Any) -> tuple[str, tuple[Lease, ...]]:
    """A worker that runs `count` trials of one study."""
    running_study(store, *(f"t{number}" for number in range(count)))
    worker_id = store.register_worker(build.worker(capacity=count, **worker))
    return worker_id, store.sync(worker_id, build.sync()).leases


def _numbers(store: StudyStore, runs: Sequence[Any]) -> list[int]:
    faces = store.trial_faces({run.trial_id for run in runs})
    return [faces[run.trial_id].number for run in runs]


def _end(store: StudyStore, worker_id: str, lease: Lease, state: str = "completed", reason: str = "") -> None:
    news = build.report(lease, build.chunk(), outcome=state, reason=reason)
    store.sync(worker_id, build.sync(news, capacity=0))


def _attempt(store: StudyStore, lease: Lease) -> AttemptView:
    return store.get_trial(lease.run.trial_id).attempts[-1]


# --- resources -----------------------------------------------------------------------------------------------------


def _told(lease: Lease, **figures: Any) -> SyncRequest:
    return build.sync(build.report(lease).model_copy(update=figures))


def test_of_memory_the_peak_is_kept_and_of_speed_the_latest_word(store: StudyStore) -> None:
    worker_id, (lease,) = _leased(store, 1)
    seen: list[tuple[int | None, float | None]] = []
    for memory, speed in ((None, None), (3 << 30, 900.0), (2 << 30, 1_000.5), (None, None)):
        store.sync(worker_id, _told(lease, peak_memory_bytes=memory, samples_per_second=speed))
        attempt = _attempt(store, lease)
        seen.append((attempt.peak_memory_bytes, attempt.samples_per_second))
    assert seen == [(None, None), (3 << 30, 900.0), (3 << 30, 1_000.5), (3 << 30, 1_000.5)]


def test_what_comes_with_the_end_of_a_run_counts_and_a_repetition_changes_nothing(store: StudyStore) -> None:
    worker_id, (lease,) = _leased(store, 1)
    ended = build.report(lease, build.chunk(), outcome="completed")
    news = ended.model_copy(update={"peak_memory_bytes": 5 << 30, "samples_per_second": 1e6})
    for _ in range(2):
        store.sync(worker_id, build.sync(news, capacity=0))
    attempt = _attempt(store, lease)
    assert (attempt.state, attempt.peak_memory_bytes, attempt.samples_per_second) == ("completed", 5 << 30, 1e6)


def test_a_worker_that_says_nothing_of_resources_is_understood(store: StudyStore) -> None:
    worker_id, (lease,) = _leased(store, 1)
    finish(store, worker_id, lease)
    attempt = _attempt(store, lease)
    assert (attempt.peak_memory_bytes, attempt.samples_per_second) == (None, None)


def test_what_is_set_aside_for_a_process_is_shown(store: StudyStore) -> None:
    worker_id, (lease,) = _leased(store, 1)
    pack = PackReport(run_class=lease.run.run_class, attempts=(lease.attempt_id,), reserved_bytes=4 << 30)
    status = DeviceReport(name="cpu", capacity=1, packs=(pack,))
    store.sync(worker_id, SyncRequest(attempts=(build.report(lease),), devices=(status,)))
    assert store.list_workers()[0].devices[0].packs[0].reserved_bytes == 4 << 30


# --- runs on a device ----------------------------------------------------------------------------------------------


def test_runs_on_a_device_are_those_of_its_workers_within_the_time(store: StudyStore) -> None:
    first, (early, late) = _leased(store, 2)
    other = store.register_worker(build.worker("another"))
    running_study(store, spec=build.spec("elsewhere"))
    take(store, other)
    _end(store, first, early)
    assert sorted(_numbers(store, store.runs_on(first, "cpu", EVER, 9))) == [0, 1]
    assert store.runs_on(first, "cuda:0", EVER, 9) == []
    assert len(store.runs_on(other, "cpu", EVER, 9)) == 1
    (run,) = store.runs_on(first, "cpu", Span(AGES - 1, AGES), 9)
    assert (run.trial_id, run.state, run.ended_at) == (late.run.trial_id, AttemptState.RUNNING, None)
    assert store.runs_on(first, "cpu", Span(0.0, run.started_at), 9) == []


def test_of_too_many_runs_those_that_run_and_those_that_ended_last_are_told(store: StudyStore) -> None:
    worker_id, leases = _leased(store, 4)
    for lease in leases[1:]:
        _end(store, worker_id, lease)
    assert _numbers(store, store.runs_on(worker_id, "cpu", EVER, 1)) == [0]
    ends = {run.trial_id: run.ended_at or AGES for run in store.runs_on(worker_id, "cpu", EVER, 9)}
    told = store.runs_on(worker_id, "cpu", EVER, 2)
    assert len(told) == 2
    assert min(ends[run.trial_id] for run in told) == sorted(ends.values())[-2]


def test_a_run_is_told_with_the_process_that_trains_it(store: StudyStore) -> None:
    worker_id, leases = _leased(store, 2)
    pack = PackReport(
        run_class=leases[0].run.run_class,
        engine="vmap",
        attempts=tuple(lease.attempt_id for lease in leases),
        pack_id="pk_1",
    )
    status = DeviceReport(name="cpu", capacity=2, packs=(pack,))
    reports = tuple(build.report(lease) for lease in leases)
    store.sync(worker_id, SyncRequest(attempts=reports, devices=(status,)))
    _end(store, worker_id, leases[0], "diverged")
    runs = store.runs_on(worker_id, "cpu", EVER, 9)
    assert {(run.pack_id, run.engine) for run in runs} == {("pk_1", "vmap")}
    assert {run.state for run in runs} == {AttemptState.DIVERGED, AttemptState.RUNNING}


def test_a_trial_has_a_face_and_one_that_is_gone_has_none(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b")
    first, second = store.list_trials(study_id).trials
    faces = store.trial_faces([second.id, "tr_none"])
    assert list(faces) == [second.id]
    assert faces[second.id] == (study_id, store.get_study(study_id).name, 1, second.params)
    assert store.trial_faces([]) == {}
    assert first.id not in faces


def test_a_worker_that_was_started_again_goes_on_with_its_devices_history(store: StudyStore, advance: Advance) -> None:
    before, leases = _leased(store, 2)
    _end(store, before, leases[0], "failed", "CUDA error")
    advance(LEASE_SECONDS + 1)
    again = store.register_worker(build.worker())
    assert len(store.runs_on(again, "cpu", EVER, 9)) == 2
    assert [item.reason for item in store.failures_on(again, 9)] == ["CUDA error"]
    advance(1)
    store.sync(before, build.sync(capacity=0))
    assert store.runs_on(again, "cpu", EVER, 9) == [], "both are there: two processes of one node"


def test_of_a_worker_that_there_is_not_nothing_is_told(store: StudyStore) -> None:
    with pytest.raises(NotFound):
        store.runs_on("wk_none", "cpu", EVER, 9)
    with pytest.raises(NotFound):
        store.failures_on("wk_none", 9)


# --- failures ------------------------------------------------------------------------------------------------------


def test_the_latest_failures_of_a_worker_are_told_with_their_reasons(store: StudyStore, advance: Advance) -> None:
    worker_id, (good, bad, left, silent) = _leased(store, 4)
    _end(store, worker_id, good)
    for lease, state, reason in ((bad, "failed", "CUDA error"), (left, "evicted", "out of memory")):
        _end(store, worker_id, lease, state, reason)
    advance(LEASE_SECONDS + 1)
    store.expire_leases()
    found = store.failures_on(worker_id, 9)
    assert {(item.trial_id, item.state, item.reason) for item in found} >= {
        (bad.run.trial_id, AttemptState.FAILED, "CUDA error"),
        (left.run.trial_id, AttemptState.EVICTED, "out of memory"),
    }
    assert len(found) == 3
    assert found[0].trial_id == silent.run.trial_id
    assert [item.ended_at for item in found] == sorted((item.ended_at for item in found), reverse=True)
    assert len(store.failures_on(worker_id, 2)) == 2


# --- why trials wait -----------------------------------------------------------------------------------------------


def test_every_study_with_waiting_trials_says_why(store: StudyStore) -> None:
    running = running_study(store, "a", "b", spec=build.spec("one"))
    paused = running_study(store, spec=build.spec("two"))
    store.create_study(build.spec("queued"))
    gone = running_study(store, spec=build.spec("three"))
    store.command(paused, StudyCommand.PAUSE)
    store.command(gone, StudyCommand.CANCEL)
    first, second = store.queues(9).oldest
    assert (first.study_id, first.name, first.state, first.waiting) == (running, "one", StudyState.RUNNING, 2)
    assert first.because == store.get_study(running).waiting_because
    assert "No worker is connected" in first.because
    assert (second.study_id, second.waiting) == (paused, 1)
    assert "resume" in second.because


def test_a_study_whose_trials_all_run_is_not_in_the_queue(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    (queue,) = store.queues(9).oldest
    assert (queue.study_id, queue.because) == (study_id, ""), "the next sync starts it"
    take(store, worker_id)
    assert store.queues(9) == Queues()
    decide(store, study_id, build.add_trials("another"))
    assert "All 1 places" in store.queues(9).oldest[0].because


def test_a_study_that_waits_for_a_person_is_in_the_queue(store: StudyStore) -> None:
    study_id = store.create_study(build.spec()).study_id
    decide(store, study_id, AwaitApproval("lr_sweep", "look first"))
    (queue,) = store.queues(9).oldest
    assert (queue.state, queue.waiting) == (StudyState.AWAITING_APPROVAL, 0)
    assert "approve" in queue.because


def test_of_a_long_queue_the_oldest_are_told_and_all_are_counted(store: StudyStore) -> None:
    first, second, _ = (running_study(store, spec=build.spec(name)) for name in ("one", "two", "three"))
    found = store.queues(2)
    assert [queue.study_id for queue in found.oldest] == [first, second]
    assert found.total == 3
