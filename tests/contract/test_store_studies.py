"""Studies: creating, finding, commanding them, and what their views say."""

from __future__ import annotations

import pytest

from studies.contract.states import StageState, StudyCommand, StudyState, TrialState
from studies.core.actions import AwaitApproval, CloseStage, Fail, Finish, OpenStage
from studies.errors import IdempotencyConflict, NameTaken, NotAllowedNow, NotFound
from studies.storage import StudyStore
from tests import builders as build
from tests.contract.conftest import Advance
from tests.contract.scenes import decide, finish, running_study, take, trials


def test_a_new_study_is_queued_with_its_stages_pending(store: StudyStore) -> None:
    created = store.create_study(build.spec("first"))
    view = store.get_study(created.study_id)
    assert created.fresh
    assert (view.name, view.state, view.best, view.waiting_because) == ("first", StudyState.QUEUED, None, "")
    assert [(stage.kind, stage.state, stage.optuna_study) for stage in view.stages] == [
        ("lr_sweep", StageState.PENDING, "first/lr_sweep"),
        ("batch_momentum", StageState.PENDING, "first/batch_momentum"),
        ("decay_schedule", StageState.PENDING, "first/decay_schedule"),
    ]
    assert view.spec == build.spec("first")
    assert (view.progress.trials_budget, view.progress.steps_budget) == (60, None)
    assert store.active_studies() == [created.study_id]
    assert store.find_study("first") == created.study_id
    assert store.find_study("second") is None


def test_a_name_is_given_once(store: StudyStore) -> None:
    store.create_study(build.spec("taken"))
    with pytest.raises(NameTaken, match="taken"):
        store.create_study(build.spec("taken", seed=1))
    assert len(store.list_studies()) == 1


def test_an_idempotency_key_returns_the_study_of_then(store: StudyStore) -> None:
    first = store.create_study(build.spec(), idempotency_key="key")
    again = store.create_study(build.spec(), idempotency_key="key")
    assert (again.study_id, again.fresh) == (first.study_id, False)
    with pytest.raises(IdempotencyConflict):
        store.create_study(build.spec("other"), idempotency_key="key")
    with pytest.raises(NameTaken):
        store.create_study(build.spec(), idempotency_key="another")


def test_studies_are_listed_newest_first(store: StudyStore, advance: Advance) -> None:
    created = []
    for number in range(3):
        created.append(store.create_study(build.spec(f"s{number}")).study_id)
        advance(1.0)
    listed = [study.id for study in store.list_studies()]
    assert sorted(listed) == sorted(created)
    assert listed == list(reversed(store.active_studies()))
    assert [study.id for study in store.list_studies(limit=2)] == listed[:2]
    assert [study.id for study in store.list_studies(name="s1")] == [created[1]]
    assert store.list_studies(name="none") == []


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda store: store.get_study("st_x"), id="get_study"),
        pytest.param(lambda store: store.command("st_x", StudyCommand.PAUSE), id="command"),
        pytest.param(lambda store: store.load("st_x"), id="load"),
        pytest.param(lambda store: store.apply("st_x", 0, []), id="apply"),
        pytest.param(lambda store: store.settled_trials("st_x"), id="settled_trials"),
        pytest.param(lambda store: store.list_trials("st_x"), id="list_trials"),
        pytest.param(lambda store: store.curves("st_x", "loss"), id="curves"),
        pytest.param(lambda store: store.decisions("st_x"), id="decisions"),
        pytest.param(lambda store: store.get_trial("tr_x"), id="get_trial"),
        pytest.param(lambda store: store.curve("tr_x", "loss"), id="curve"),
        pytest.param(lambda store: store.log("tr_x"), id="log"),
        pytest.param(lambda store: store.sync("wk_x", build.sync()), id="sync"),
    ],
)
def test_an_unknown_id_is_not_found(store: StudyStore, call: object) -> None:
    with pytest.raises(NotFound):
        call(store)  # type: ignore[operator]


def test_pausing_gives_runs_a_stop_order_and_their_trials_go_on_later(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b")
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    assert store.command(study_id, StudyCommand.PAUSE).state is StudyState.PAUSED
    answer = store.sync(worker_id, build.sync(build.report(lease)))
    assert [(order.attempt_id, bool(order.reason)) for order in answer.stop] == [(lease.attempt_id, True)]
    answer = store.sync(worker_id, build.sync(build.report(lease, outcome="stopped")))
    assert (answer.acknowledged, answer.leases) == ((lease.attempt_id,), ())
    assert trials(store, study_id)[0].state is TrialState.WAITING
    assert "resume" in store.get_study(study_id).waiting_because
    store.command(study_id, StudyCommand.RESUME)
    again = take(store, worker_id)
    assert again.run.trial_id == lease.run.trial_id
    assert (again.attempt_id, again.token) != (lease.attempt_id, lease.token)


def test_a_completed_outcome_counts_in_a_paused_study(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    store.command(study_id, StudyCommand.PAUSE)
    finish(store, worker_id, lease)
    assert trials(store, study_id)[0].state is TrialState.COMPLETED


def test_a_command_that_changes_nothing_is_no_news(store: StudyStore) -> None:
    study_id = running_study(store)
    store.command(study_id, StudyCommand.PAUSE)
    version, last = store.load(study_id).version, store.last_event_id()
    assert store.command(study_id, StudyCommand.PAUSE).state is StudyState.PAUSED
    assert (store.load(study_id).version, store.last_event_id()) == (version, last)


def test_cancelling_ends_trials_and_runs(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b")
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    view = store.command(study_id, StudyCommand.CANCEL)
    assert view.state is StudyState.CANCELLED
    assert {stage.state for stage in view.stages} == {StageState.CANCELLED}
    assert {trial.state for trial in trials(store, study_id)} == {TrialState.CANCELLED}
    assert store.sync(worker_id, build.sync(build.report(lease))).stop[0].attempt_id == lease.attempt_id
    late = build.report(lease, build.chunk("dev_accuracy", {1: 0.9}), outcome="completed")
    assert store.sync(worker_id, build.sync(late)).acknowledged == (lease.attempt_id,)
    assert trials(store, study_id)[0].state is TrialState.CANCELLED
    assert store.active_studies() == []


def test_a_command_that_does_not_fit_says_which_do(store: StudyStore) -> None:
    study_id = running_study(store)
    with pytest.raises(NotAllowedNow, match="pause, resume, cancel"):
        store.command(study_id, StudyCommand.APPROVE)
    store.command(study_id, StudyCommand.CANCEL)
    with pytest.raises(NotAllowedNow, match="cancelled"):
        store.command(study_id, StudyCommand.RESUME)


def test_approval_lets_the_waiting_stage_begin(store: StudyStore) -> None:
    study_id = store.create_study(build.spec(gates="approve")).study_id
    assert decide(store, study_id, AwaitApproval("batch_momentum", "look at the sweep first"))
    view = store.get_study(study_id)
    assert (view.state, view.reason) == (StudyState.AWAITING_APPROVAL, "look at the sweep first")
    assert view.stages[1].state is StageState.AWAITING_APPROVAL
    assert f"stagetune approve {study_id}" in view.waiting_because
    assert store.active_studies() == []
    assert store.command(study_id, StudyCommand.APPROVE).state is StudyState.RUNNING
    stage = store.load(study_id).snapshot.stages[1]
    assert (stage.state, stage.approved) == (StageState.PENDING, True)


def test_best_is_by_the_direction_and_then_what_finish_names(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b", "c")
    worker_id = store.register_worker(build.worker(capacity=3))
    leases = store.sync(worker_id, build.sync()).leases
    for lease, score in zip(leases, (0.5, 0.9, 0.9), strict=True):
        finish(store, worker_id, lease, score)
    best = store.get_study(study_id).best
    assert best is not None
    assert (best.trial_id, best.metrics) == (leases[1].run.trial_id, {"dev_accuracy": 0.9})
    decide(store, study_id, Finish(leases[0].run.trial_id, "all stages are done"))
    view = store.get_study(study_id)
    assert view.state is StudyState.COMPLETED
    assert view.reason == "all stages are done"
    assert view.best is not None
    assert view.best.trial_id == leases[0].run.trial_id
    assert store.list_studies()[0].best == view.best


def test_best_of_a_minimised_metric_ignores_what_is_not_finite(store: StudyStore) -> None:
    spec = build.spec(metric={"name": "dev_loss", "direction": "minimize"})
    study_id = running_study(store, "a", "b", spec=spec)
    worker_id = store.register_worker(build.worker(capacity=2))
    first, second = store.sync(worker_id, build.sync()).leases
    for lease, values in ((first, {1: 2.0, 2: float("-inf")}), (second, {1: 1.0, 2: float("nan")})):
        report = build.report(lease, build.chunk("dev_loss", values), outcome="completed")
        store.sync(worker_id, build.sync(report))
    best = store.get_study(study_id).best
    assert best is not None
    assert (best.trial_id, best.metrics) == (second.run.trial_id, {"dev_loss": 1.0})


def test_failing_cancels_what_is_open_and_keeps_the_reason(store: StudyStore) -> None:
    study_id = running_study(store)
    decide(store, study_id, CloseStage("lr_sweep", build.decision()), OpenStage("batch_momentum"))
    decide(store, study_id, Fail("every rate diverged: lower the grid"))
    view = store.get_study(study_id)
    assert (view.state, view.reason) == (StudyState.FAILED, "every rate diverged: lower the grid")
    assert [stage.state for stage in view.stages] == [StageState.COMPLETED, StageState.FAILED, StageState.CANCELLED]
    assert trials(store, study_id)[0].state is TrialState.CANCELLED


def test_why_trials_wait_says_what_to_do(store: StudyStore, advance: object) -> None:
    study_id = running_study(store, "a", "b", spec=build.function_spec())
    assert "No worker is connected" in store.get_study(study_id).waiting_because
    store.register_worker(build.worker("unfit"))
    assert "--allow 'train.py:train'" in store.get_study(study_id).waiting_because
    store.register_worker(build.worker("starting", capacity=0, allow=("train.py:*",)))
    assert "still starting" in store.get_study(study_id).waiting_because
    worker_id = store.register_worker(build.worker("fit", allow=("train.py:*",)))
    assert store.get_study(study_id).waiting_because == ""
    take(store, worker_id)
    assert "places" in store.get_study(study_id).waiting_because
    advance(31)  # type: ignore[operator]
    assert "No worker is connected" in store.get_study(study_id).waiting_because
