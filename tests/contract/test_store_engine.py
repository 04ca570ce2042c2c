"""The engine's side: load, apply, settled trials, expired leases."""

from __future__ import annotations

import pytest

from studies.contract.states import AttemptState, StageState, StudyCommand, StudyState, TrialState
from studies.core.actions import CloseStage, ContinueTrial, EndTrial, Fail, Finish, OpenStage
from studies.errors import NotFound
from studies.storage import StudyStore
from tests import builders as build
from tests.contract.conftest import LEASE_SECONDS, Advance
from tests.contract.scenes import decide, finish, running_study, take, trials


def test_a_queued_study_runs_with_its_first_action(store: StudyStore) -> None:
    study_id = store.create_study(build.spec()).study_id
    known = store.load(study_id)
    assert known.snapshot.state is StudyState.QUEUED
    assert store.apply(study_id, known.version, [])
    assert store.load(study_id) == known
    assert store.apply(study_id, known.version, [OpenStage("lr_sweep"), build.add_trials("a", "b")])
    after = store.load(study_id)
    assert after.version != known.version
    assert after.snapshot.state is StudyState.RUNNING
    assert after.snapshot.stages[0].state is StageState.RUNNING
    assert [(trial.number, trial.key, trial.state) for trial in after.snapshot.trials] == [
        (0, "a", TrialState.WAITING),
        (1, "b", TrialState.WAITING),
    ]


def test_the_second_of_two_decisions_on_one_snapshot_does_nothing(store: StudyStore) -> None:
    study_id = running_study(store)
    version = store.load(study_id).version
    assert store.apply(study_id, version, [build.add_trials("b")])
    assert not store.apply(study_id, version, [build.add_trials("c")])
    assert [trial.key for trial in trials(store, study_id)] == ["lr=0.1", "b"]


def test_a_command_moves_the_version_and_results_do_not(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b")
    version = store.load(study_id).version
    worker_id = store.register_worker(build.worker())
    finish(store, worker_id, take(store, worker_id))
    assert store.load(study_id).version == version
    store.command(study_id, StudyCommand.PAUSE)
    assert store.load(study_id).version != version
    assert not decide(store, study_id, build.add_trials("c")), "a paused study is not changed"


def test_adding_a_trial_again_adds_nothing(store: StudyStore) -> None:
    study_id = running_study(store, "a")
    decide(store, study_id, build.add_trials("a", "b", "b"))
    decide(store, study_id, OpenStage("batch_momentum"), build.add_trials("a", stage="batch_momentum"))
    assert [(trial.stage, trial.key, trial.number) for trial in trials(store, study_id)] == [
        ("lr_sweep", "a", 0),
        ("lr_sweep", "b", 1),
        ("batch_momentum", "a", 2),
    ]


def test_a_trial_is_stored_as_it_was_proposed(store: StudyStore) -> None:
    params = {"lr": 1e-5, "batch_size": 64, "nesterov": True, "optimizer": "sgd"}
    study_id = running_study(store, "a", params=params, num_steps=7, seed=3, reason="why")
    parent = trials(store, study_id)[0].id
    decide(store, study_id, build.add_trials("b", parent_id=parent))
    view = store.get_trial(parent)
    assert (view.params, view.num_steps, view.seed, view.reason) == (params, 7, 3, "why")
    assert {name: type(value) for name, value in view.params.items()} == {k: type(v) for k, v in params.items()}
    assert trials(store, study_id)[1].parent_id == parent


def test_ending_a_running_trial_stops_its_run_and_its_result_counts_no_more(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    decide(store, study_id, EndTrial(lease.run.trial_id, "pruned", "worse than half of the others"))
    view = store.get_trial(lease.run.trial_id)
    assert (view.state, view.ended_because) == (TrialState.PRUNED, "worse than half of the others")
    assert view.attempts[0].state is AttemptState.RUNNING
    answer = store.sync(worker_id, build.sync(build.report(lease, build.chunk())))
    assert answer.stop[0].reason == "worse than half of the others"
    store.sync(worker_id, build.sync(build.report(lease, build.chunk("dev_accuracy", {5: 1.0}), outcome="completed")))
    view = store.get_trial(lease.run.trial_id)
    assert (view.state, view.attempts[0].state) == (TrialState.PRUNED, AttemptState.COMPLETED)


@pytest.mark.parametrize("state", ["diverged", "pruned", "cancelled"])
def test_a_completed_trial_can_still_be_ended_otherwise_and_a_pruned_one_not(store: StudyStore, state: str) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    finish(store, worker_id, lease)
    decide(store, study_id, EndTrial(lease.run.trial_id, state, "first"))  # type: ignore[arg-type]
    decide(store, study_id, EndTrial(lease.run.trial_id, "diverged", "second"))
    assert store.get_trial(lease.run.trial_id).ended_because == "first"
    assert trials(store, study_id)[0].state is TrialState(state)


def test_a_completed_trial_goes_on_from_where_it_was(store: StudyStore) -> None:
    study_id = running_study(store, num_steps=100)
    worker_id = store.register_worker(build.worker())
    first = take(store, worker_id)
    decide(store, study_id, ContinueTrial(first.run.trial_id, 200, "not yet: it runs"))
    finish(store, worker_id, first)
    decide(store, study_id, ContinueTrial(first.run.trial_id, 90, "shorter: nothing"))
    assert trials(store, study_id)[0].num_steps == 100
    decide(store, study_id, ContinueTrial(first.run.trial_id, 200, "has not converged"))
    trial = trials(store, study_id)[0]
    assert (trial.state, trial.num_steps) == (TrialState.WAITING, 200)
    second = store.sync(worker_id, build.sync(capacity=1)).leases[0]
    assert (second.run.trial_id, second.run.num_steps) == (first.run.trial_id, 200)


def test_an_action_on_something_unknown_changes_nothing_at_all(store: StudyStore) -> None:
    study_id = running_study(store)
    before = store.load(study_id).version
    with pytest.raises(NotFound):
        decide(store, study_id, build.add_trials("b"), EndTrial("tr_unknown", "pruned", "why"))
    assert store.load(study_id).version == before
    assert len(trials(store, study_id)) == 1


def test_a_decision_is_kept_in_order_and_shown_with_its_stage(store: StudyStore) -> None:
    study_id = running_study(store)
    first = build.decision(reason="first", evidence={"cells": [{"lr": 0.1, "score": None}], "lead": 0.25})
    decide(store, study_id, CloseStage("lr_sweep", first), OpenStage("batch_momentum"))
    decide(store, study_id, CloseStage("lr_sweep", build.decision(reason="again: nothing")))
    decide(store, study_id, CloseStage("batch_momentum", build.decision(reason="second")))
    records = store.decisions(study_id)
    assert [(item.sequence, item.stage, item.decision.reason) for item in records] == [
        (0, "lr_sweep", "first"),
        (1, "batch_momentum", "second"),
    ]
    assert records[0].decision == first
    stages = store.get_study(study_id).stages
    assert (stages[0].state, stages[0].decision) == (StageState.COMPLETED, first)
    assert stages[0].opened_at is not None
    assert stages[0].closed_at is not None
    assert store.load(study_id).snapshot.stages[0].decision == first


def test_what_is_returned_does_not_change_the_store(store: StudyStore) -> None:
    study_id = running_study(store)
    decide(store, study_id, CloseStage("lr_sweep", build.decision()))
    store.list_trials(study_id).trials[0].params["lr"] = 99.0
    trials(store, study_id)[0].params["lr"] = 99.0
    store.decisions(study_id)[0].decision.evidence["noise"] = 99.0
    assert store.list_trials(study_id).trials[0].params["lr"] == 0.1
    assert store.decisions(study_id)[0].decision == build.decision()


def test_trials_settle_with_their_stage_and_are_mirrored_once(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b")
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    finish(store, worker_id, lease, 0.75)
    assert store.settled_trials(study_id) == []
    decide(store, study_id, CloseStage("lr_sweep", build.decision()))
    (settled,) = store.settled_trials(study_id)
    assert (settled.trial_id, settled.stage, settled.state) == (lease.run.trial_id, "lr_sweep", TrialState.COMPLETED)
    assert (settled.score, settled.params["lr"], settled.attributes["key"]) == (0.75, 0.1, "a")
    assert settled.curve.steps.tolist() == [100]
    store.mark_mirrored({settled.trial_id: 0})
    assert store.settled_trials(study_id) == []
    decide(store, study_id, Finish(lease.run.trial_id, "done"))
    (cancelled,) = store.settled_trials(study_id)
    assert (cancelled.state, cancelled.score) == (TrialState.CANCELLED, None)


def test_settled_trials_come_in_the_portions_asked_for(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b", "c")
    decide(store, study_id, Fail("enough"))
    portions = [[item.attributes["key"] for item in store.settled_trials(study_id, limit)] for limit in (None, 2)]
    assert portions == [["a", "b", "c"], ["a", "b"]]


def test_an_expired_lease_puts_the_trial_back_once(store: StudyStore, advance: Advance) -> None:
    study_id = running_study(store)
    gone, other = store.register_worker(build.worker("gone")), store.register_worker(build.worker("other"))
    lease = take(store, gone)
    assert store.expire_leases() == 0
    advance(LEASE_SECONDS + 1)
    assert store.expire_leases() == 1
    assert store.expire_leases() == 0
    assert trials(store, study_id)[0].state is TrialState.WAITING
    answer = store.sync(gone, build.sync(build.report(lease, build.chunk(), outcome="completed"), capacity=0))
    assert (answer.lost, answer.acknowledged) == ((lease.attempt_id,), ())
    assert len(store.curve(lease.run.trial_id, "loss")) == 0
    assert take(store, other).run.trial_id == lease.run.trial_id
    assert [item.state for item in store.get_trial(lease.run.trial_id).attempts] == [
        AttemptState.EXPIRED,
        AttemptState.RUNNING,
    ]


def test_a_sync_keeps_the_lease(store: StudyStore, advance: Advance) -> None:
    running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    for _ in range(3):
        advance(LEASE_SECONDS * 0.8)
        store.sync(worker_id, build.sync(build.report(lease)))
        assert store.expire_leases() == 0


def test_an_extended_lease_holds_for_a_whole_lease_more(store: StudyStore, advance: Advance) -> None:
    running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    advance(LEASE_SECONDS + 1)
    store.extend_leases()
    advance(LEASE_SECONDS - 1)
    assert store.expire_leases() == 0
    advance(2)
    assert store.expire_leases() == 1
    store.extend_leases()
    assert store.sync(worker_id, build.sync(build.report(lease), capacity=0)).lost == (lease.attempt_id,)


def test_a_trial_that_outlives_many_workers_fails(store: StudyStore, advance: Advance) -> None:
    study_id = running_study(store)
    for number in range(5):
        take(store, store.register_worker(build.worker(f"w{number}")))
        advance(LEASE_SECONDS + 1)
        assert store.expire_leases() == 1
    view = store.list_trials(study_id).trials[0]
    assert view.state is TrialState.FAILED
    assert "went silent" in view.ended_because
