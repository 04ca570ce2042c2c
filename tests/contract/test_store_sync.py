"""The worker's side: leases, reports, duplicates, stop orders, who gets what."""

from __future__ import annotations

from itertools import pairwise

import pytest

from studies.contract.states import AttemptState, StudyCommand, TrialState
from studies.contract.worker_protocol import Device, DeviceReport, LogChunk, SyncRequest
from studies.core.actions import ContinueTrial, EndTrial
from studies.storage import StudyStore
from studies.storage.log_cap import NOTICE
from tests import builders as build
from tests.contract.conftest import Advance
from tests.contract.scenes import decide, finish, running_study, take, trials


def test_a_lease_says_all_that_a_run_needs(store: StudyStore) -> None:
    study_id = running_study(store, "a", num_steps=120, seed=4)
    lease = take(store, store.register_worker(build.worker()))
    trial, spec = trials(store, study_id)[0], build.spec()
    run = lease.run
    assert lease.device == "cpu"
    assert (run.trial_id, run.trial_number, run.study_id, run.study_name) == (trial.id, 0, study_id, spec.name)
    assert (run.stage, run.objective, run.metric, run.optimizer) == ("lr_sweep", spec.objective, spec.metric, "sgd")
    assert (run.params, run.schedule, run.num_steps, run.seed) == (trial.params, trial.schedule, 120, 4)
    assert run.evaluate_every == spec.evaluate_every
    assert trials(store, study_id)[0].state is TrialState.RUNNING


def test_devices_are_filled_up_to_their_capacity(store: StudyStore) -> None:
    running_study(store, *"abcdefg")
    devices = (Device(name="cuda:0", capacity=1), Device(name="cuda:1", capacity=2), Device(name="cpu", capacity=0))
    worker_id = store.register_worker(build.worker(devices=devices))
    leases = store.sync(worker_id, build.sync()).leases
    assert sorted(lease.device for lease in leases) == ["cuda:0", "cuda:1", "cuda:1"]
    assert [lease.run.trial_number for lease in leases] == [0, 1, 2]
    more = SyncRequest(
        attempts=tuple(build.report(lease) for lease in leases), devices=(DeviceReport(name="cuda:0", capacity=3),)
    )
    assert [lease.device for lease in store.sync(worker_id, more).leases] == ["cuda:0", "cuda:0"]
    (view,) = store.list_workers()
    assert {device.name: len(device.running) for device in view.devices} == {"cuda:0": 3, "cuda:1": 2, "cpu": 0}


def test_a_lowered_capacity_takes_nothing_away(store: StudyStore) -> None:
    running_study(store, "a", "b", "c")
    worker_id = store.register_worker(build.worker(capacity=2))
    leases = store.sync(worker_id, build.sync()).leases
    answer = store.sync(worker_id, build.sync(*[build.report(lease) for lease in leases], capacity=0))
    assert (len(answer.acknowledged), answer.stop, answer.leases) == (2, (), ())


def test_an_answer_that_got_lost_is_given_again(store: StudyStore) -> None:
    running_study(store, "a", "b")
    worker_id = store.register_worker(build.worker(capacity=2))
    first = store.sync(worker_id, build.sync()).leases
    again = store.sync(worker_id, build.sync()).leases
    assert {lease.attempt_id: lease for lease in again} == {lease.attempt_id: lease for lease in first}


def test_a_lease_that_was_to_stop_before_it_was_heard_of_ends(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    store.command(study_id, StudyCommand.PAUSE)
    answer = store.sync(worker_id, build.sync())
    assert (answer.stop, answer.leases) == ((), ())
    assert store.get_trial(lease.run.trial_id).attempts[0].state is AttemptState.STOPPED
    assert trials(store, study_id)[0].state is TrialState.WAITING


@pytest.mark.parametrize(
    ("objectives", "allow", "expected"),
    [
        pytest.param(("image_classification",), (), ["builtin"], id="registered builtin only"),
        pytest.param((), ("train.py:*",), ["function"], id="allowed function only"),
        pytest.param((), ("other.py:*", "*:train"), ["function"], id="any pattern will do"),
        pytest.param((), ("TRAIN.py:*",), [], id="patterns mind the case"),
        pytest.param((), (), [], id="nothing"),
    ],
)
def test_a_worker_gets_what_it_may_run(
    store: StudyStore, objectives: tuple[str, ...], allow: tuple[str, ...], expected: list[str]
) -> None:
    running_study(store, spec=build.spec("builtin"))
    running_study(store, spec=build.function_spec("function"))
    worker_id = store.register_worker(build.worker(capacity=5, objectives=objectives, allow=allow))
    assert [lease.run.study_name for lease in store.sync(worker_id, build.sync()).leases] == expected


def test_older_studies_come_first(store: StudyStore, advance: Advance) -> None:
    first = running_study(store, "a", "b", spec=build.spec("first"))
    advance(1)
    second = running_study(store, "a", spec=build.spec("second"))
    order = [study.id for study in reversed(store.list_studies())]
    leases = store.sync(store.register_worker(build.worker(capacity=3)), build.sync()).leases
    numbers = {first: [0, 1], second: [0]}
    assert [(lease.run.study_id, lease.run.trial_number) for lease in leases] == [
        (study_id, number) for study_id in order for number in numbers[study_id]
    ]


def test_a_report_that_is_sent_twice_counts_once(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    news = build.sync(
        build.report(lease, build.chunk("dev_accuracy", {1: 0.5}), outcome="completed", log="hello"), capacity=0
    )
    first, second = store.sync(worker_id, news), store.sync(worker_id, news)
    assert first.acknowledged == second.acknowledged == (lease.attempt_id,)
    view = store.list_trials(study_id).trials[0]
    assert (view.state, view.metrics["dev_accuracy"].count) == (TrialState.COMPLETED, 1)
    assert store.log(view.id).text == "hello"
    assert len(store.get_trial(view.id).attempts) == 1


def test_another_outcome_than_the_first_is_lost(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    finish(store, worker_id, lease)
    other = store.sync(worker_id, build.sync(build.report(lease, outcome="failed")))
    heartbeat = store.sync(worker_id, build.sync(build.report(lease)))
    assert other.lost == heartbeat.lost == (lease.attempt_id,)
    assert trials(store, study_id)[0].state is TrialState.COMPLETED


def test_only_the_holder_of_the_token_is_heard(store: StudyStore) -> None:
    study_id = running_study(store)
    owner, stranger = store.register_worker(build.worker()), store.register_worker(build.worker("stranger"))
    lease = take(store, owner)
    forged = lease.model_copy(update={"token": "0" * 32})
    points = build.chunk("loss", {1: 1.0})
    assert store.sync(owner, build.sync(build.report(forged, points))).lost == (lease.attempt_id,)
    assert store.sync(stranger, build.sync(build.report(lease, points))).lost == (lease.attempt_id,)
    unknown = lease.model_copy(update={"attempt_id": "at_unknown"})
    assert store.sync(stranger, build.sync(build.report(unknown))).lost == ("at_unknown",)
    assert len(store.curves(study_id, "loss")) == 0


@pytest.mark.parametrize("outcome", ["preempted", "stopped"])
def test_a_run_that_was_given_back_is_not_counted(store: StudyStore, outcome: str) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    for _ in range(4):
        lease = store.sync(worker_id, build.sync(capacity=1)).leases[0]
        store.sync(worker_id, build.sync(build.report(lease, outcome=outcome), capacity=0))
    assert trials(store, study_id)[0].state is TrialState.WAITING


def test_a_trial_fails_with_its_second_failed_attempt(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    for expected in (TrialState.WAITING, TrialState.FAILED):
        lease = store.sync(worker_id, build.sync(capacity=1)).leases[0]
        store.sync(worker_id, build.sync(build.report(lease, outcome="failed", reason="ValueError: no"), capacity=0))
        assert trials(store, study_id)[0].state is expected
    view = store.list_trials(study_id).trials[0]
    assert "ValueError: no" in view.ended_because
    assert view.ended_at is not None


def test_a_run_that_diverged_is_a_result(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    report = build.report(lease, build.chunk("loss", {1: float("nan")}), outcome="diverged", reason="loss was nan")
    store.sync(worker_id, build.sync(report))
    view = store.list_trials(study_id).trials[0]
    assert (view.state, view.ended_because) == (TrialState.DIVERGED, "loss was nan")


@pytest.mark.parametrize(
    ("name", "state"),
    [
        pytest.param("dev_accuracy", TrialState.COMPLETED, id="the study's metric"),
        pytest.param("loss", TrialState.COMPLETED, id="the training loss"),
        pytest.param("lr", TrialState.FAILED, id="neither"),
    ],
)
def test_a_completed_run_must_have_been_measured(store: StudyStore, name: str, state: TrialState) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    store.sync(worker_id, build.sync(build.report(lease, build.chunk(name, {1: 0.1}), outcome="completed")))
    view = store.list_trials(study_id).trials[0]
    assert view.state is state
    assert ("no-metric" in view.ended_because) == (state is TrialState.FAILED)


def test_an_error_record_is_kept_with_its_attempt(store: StudyStore) -> None:
    running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    report = build.report(lease, outcome="failed", reason="died\x00here")
    assert report.outcome is not None
    error = {"type": "ValueError", "message": "bad\x00 batch", "line": 3}
    outcome = report.outcome.model_copy(update={"error": error})
    store.sync(worker_id, build.sync(report.model_copy(update={"outcome": outcome})))
    attempt = store.get_trial(lease.run.trial_id).attempts[0]
    assert (attempt.error, attempt.reason) == (error, "died\ufffdhere")
    assert (attempt.worker_name, attempt.device, attempt.state) == ("node", "cpu", AttemptState.FAILED)


def test_logs_are_read_in_order_across_attempts_from_any_offset(store: StudyStore) -> None:
    running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    trial_id = lease.run.trial_id
    for sequence, text in ((1, "wörld "), (0, "hello "), (1, "again ignored")):
        report = build.report(lease).model_copy(update={"logs": (LogChunk(sequence=sequence, text=text),)})
        store.sync(worker_id, build.sync(report))
    store.sync(worker_id, build.sync(build.report(lease, outcome="preempted"), capacity=0))
    second = store.sync(worker_id, build.sync(capacity=1)).leases[0]
    store.sync(worker_id, build.sync(build.report(second, log="nul\x00 end")))
    whole = "hello wörld nul\ufffd end"
    assert store.log(trial_id).text == whole
    for offset in range(len(whole) + 2):
        page = store.log(trial_id, offset, 5)
        assert (page.text, page.next_offset) == (whole[offset : offset + 5], offset + len(whole[offset : offset + 5]))
    for back in (1, 5, len(whole), len(whole) + 7):
        assert store.log(trial_id, -back).text == whole[-back:]
        assert store.log(trial_id, -back).next_offset == len(whole)
    tail = store.log(trial_id, -8, 3)
    assert (tail.text, tail.next_offset) == (whole[-8:-5], len(whole) - 5)


def test_a_runs_output_is_kept_up_to_a_bound_that_is_told(store: StudyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studies.storage.log_cap.MAX_LOG_BYTES", 10)
    running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    for piece, so_far in (
        ((0, "0123"), "0123"),
        ((0, "0123"), "0123"),
        ((1, "456789"), "0123456789"),
        ((1, "456789"), "0123456789"),
        ((2, "more"), "0123456789" + NOTICE),
        ((2, "more"), "0123456789" + NOTICE),
        ((3, "and more"), "0123456789" + NOTICE),
    ):
        logs = (LogChunk(sequence=piece[0], text=piece[1]),)
        answer = store.sync(worker_id, build.sync(build.report(lease).model_copy(update={"logs": logs})))
        assert answer.acknowledged == (lease.attempt_id,), "what is not kept must not be sent again"
        assert store.log(lease.run.trial_id).text == so_far


def test_pieces_that_come_twice_leave_the_room_to_new_ones(store: StudyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studies.storage.log_cap.MAX_LOG_BYTES", 8)
    running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    for texts in (["wörl"], ["wörl", "dör"]):
        logs = tuple(LogChunk(sequence=number, text=text) for number, text in enumerate(texts))
        store.sync(worker_id, build.sync(build.report(lease).model_copy(update={"logs": logs})))
    assert store.log(lease.run.trial_id).text == "wörldö" + NOTICE


def test_workers_are_listed_last_seen_first_and_know_when_they_are_gone(store: StudyStore, advance: Advance) -> None:
    first = store.register_worker(build.worker("first", allow=("a.py:*",)))
    advance(20)
    second = store.register_worker(build.worker("second"))
    assert [worker.id for worker in store.list_workers()] == [second, first]
    store.sync(second, build.sync())
    advance(20)
    views = {worker.name: worker for worker in store.list_workers()}
    assert (views["first"].alive, views["second"].alive) == (False, True)
    assert (views["first"].allow, views["first"].objectives) == (("a.py:*",), ("image_classification",))
    assert (views["first"].hostname, views["first"].version) == ("first.example", "0.1.0")


def test_a_continued_trial_supersedes_from_where_it_resumed(store: StudyStore) -> None:
    study_id = running_study(store, num_steps=4)
    worker_id = store.register_worker(build.worker())
    first = take(store, worker_id)
    losses = build.chunk("loss", {1: 4.0, 2: 3.0, 3: 0.1, 4: float("inf")})
    dev = build.chunk("dev_accuracy", {2: 0.5, 4: 0.9})
    store.sync(worker_id, build.sync(build.report(first, losses, dev, outcome="completed"), capacity=0))
    decide(store, study_id, ContinueTrial(first.run.trial_id, 6, "has not converged"))
    second = store.sync(worker_id, build.sync(capacity=1)).leases[0]
    store.sync(worker_id, build.sync(build.report(second)))
    assert len(store.curve(first.run.trial_id, "loss")) == 4, "an attempt without news supersedes nothing"
    store.sync(worker_id, build.sync(build.report(second, build.chunk("loss", {3: 2.5}), started_from=2)))
    curve = store.curve(first.run.trial_id, "loss")
    assert (curve.steps.tolist(), curve.values.tolist()) == ([1, 2, 3], [4.0, 3.0, 2.5])
    assert store.curve(first.run.trial_id, "dev_accuracy").steps.tolist() == [2], "measured at the checkpoint: stays"
    summary = store.list_trials(study_id).trials[0].metrics
    assert (summary["loss"].minimum, summary["loss"].last, summary["loss"].count) == (2.5, 2.5, 3)
    assert (summary["dev_accuracy"].maximum, summary["dev_accuracy"].last_step) == (0.5, 2)
    more = build.chunk("loss", {4: 2.0}, sequence=1)
    store.sync(worker_id, build.sync(build.report(second, more, started_from=2)))
    loaded = trials(store, study_id)[0].curve("loss")
    assert loaded.values.tolist() == [4.0, 3.0, 2.5, 2.0]
    assert store.list_trials(study_id).trials[0].metrics["loss"].last == 2.0


def test_a_metric_that_was_wholly_superseded_is_gone(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    first = take(store, worker_id)
    report = build.report(first, build.chunk("loss", {1: 1.0}), build.chunk("odd", {2: 1.0}), outcome="preempted")
    store.sync(worker_id, build.sync(report, capacity=0))
    second = store.sync(worker_id, build.sync(capacity=1)).leases[0]
    store.sync(worker_id, build.sync(build.report(second, build.chunk("loss", {1: 2.0}))))
    assert set(store.list_trials(study_id).trials[0].metrics) == {"loss"}
    assert trials(store, study_id)[0].curves.keys() == {"loss"}


def test_pages_of_trials(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b", "c")
    first = store.list_trials(study_id, limit=2)
    assert ([trial.number for trial in first.trials], first.next_after) == ([0, 1], 1)
    second = store.list_trials(study_id, after=first.next_after, limit=2)
    assert ([trial.number for trial in second.trials], second.next_after) == ([2], None)


def test_events_tell_what_happened_in_order(store: StudyStore) -> None:
    study_id = running_study(store)
    other = running_study(store, spec=build.spec("other"))
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    store.sync(worker_id, build.sync(build.report(lease, build.chunk("loss", {1: 1.0}))))
    store.sync(worker_id, build.sync(build.report(lease, build.chunk("loss", {2: 1.0}, sequence=1))))
    decide(store, study_id, EndTrial(lease.run.trial_id, "pruned", "too slow"))
    own = store.events(study_id, 0)
    assert [event.kind for event in own] == ["study", "study", "stage", "trial", "trial", "metrics", "trial"]
    assert own[-1].trial_id == lease.run.trial_id
    assert "too slow" in own[-1].message
    every = store.events(None, 0)
    assert [event.id for event in every] == sorted(event.id for event in every)
    assert {event.study_id for event in every} == {study_id, other}
    assert store.last_event_id() == every[-1].id
    assert store.events(study_id, own[2].id, limit=2) == own[3:5]
    assert store.events(None, store.last_event_id()) == []


def test_metrics_are_told_about_once_a_second(store: StudyStore, advance: Advance) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)

    def report(sequence: int) -> list[float]:
        news = build.chunk("loss", {sequence: 1.0}, sequence=sequence)
        store.sync(worker_id, build.sync(build.report(lease, news)))
        return [event.at for event in store.events(study_id, 0) if event.kind == "metrics"]

    told = [report(sequence) for sequence in range(6)][-1]
    assert all(later - earlier >= 1 for earlier, later in pairwise(told))
    advance(1.5)
    assert len(report(6)) == len(told) + 1
    assert store.get_study(study_id).progress.steps == 6
