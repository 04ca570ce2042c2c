"""`decide` leads a study from stage to stage: what it answers in each state, and gates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from studies.contract.decision import Candidate, Decision
from studies.contract.schedule import Schedule
from studies.contract.states import StageState, StudyState
from studies.core.actions import AddTrials, AwaitApproval, CloseStage, EndTrial, Finish, OpenStage
from studies.core.decide import decide
from studies.core.snapshot import Snapshot, Stage
from tests.simulation.simulator import Simulation, fake_sampler, queued
from tests.simulation.study import BATCH, SWEEP, study
from tests.simulation.worlds import quadratic


def with_stages(snapshot: Snapshot, *stages: Stage) -> Snapshot:
    return replace(snapshot, state=StudyState.RUNNING, stages=stages)


def concluded(before: float | None = None, after: float | None = None) -> Decision:
    return Decision(
        rule="a rule (guide, stage 1)",
        choice={"lr": 0.01},
        reason="lr 0.01 wins.",
        evidence={"dev_before": before, "dev_after": after},
        what_would_flip_it="Nothing.",
        candidates=(Candidate(trial_id="tr_7", params={"lr": 0.01}, schedule=Schedule(), num_steps=10),),
    )


def done(before: float | None = None, after: float | None = None) -> Stage:
    return Stage("lr_sweep", StageState.COMPLETED, concluded(before, after))


@pytest.mark.parametrize(
    "state",
    [
        StudyState.PAUSED,
        StudyState.AWAITING_APPROVAL,
        StudyState.COMPLETED,
        StudyState.FAILED,
        StudyState.CANCELLED,
    ],
)
def test_nothing_is_done_about_a_study_that_does_not_run(state: StudyState) -> None:
    assert decide(replace(queued(study()), state=state), fake_sampler) == ()


@pytest.mark.parametrize("state", [StageState.AWAITING_APPROVAL, StageState.FAILED, StageState.CANCELLED])
def test_nothing_is_done_past_a_stage_that_is_held_or_has_failed(state: StageState) -> None:
    snapshot = queued(study(SWEEP))
    assert decide(with_stages(snapshot, Stage("lr_sweep", state)), fake_sampler) == ()


def test_a_queued_study_opens_its_first_stage_even_with_gates() -> None:
    assert decide(queued(study(gates="approve")), fake_sampler) == (OpenStage("lr_sweep"),)


@pytest.mark.parametrize(("gates", "approved"), [("auto", False), ("approve", True)])
def test_the_next_stage_opens_when_the_one_before_has_closed(gates: str, approved: bool) -> None:
    snapshot = queued(study(SWEEP, BATCH, gates=gates))
    waiting = Stage("batch_momentum", StageState.PENDING, approved=approved)
    assert decide(with_stages(snapshot, done(), waiting), fake_sampler) == (OpenStage("batch_momentum"),)


def test_a_gate_waits_for_a_person_and_says_what_for() -> None:
    snapshot = queued(study(SWEEP, BATCH, gates="approve"))
    waiting = Stage("batch_momentum", StageState.PENDING)
    (action,) = decide(with_stages(snapshot, done(), waiting), fake_sampler)
    assert action == AwaitApproval(
        "batch_momentum", "lr 0.01 wins. Approve the study to begin batch_momentum, or cancel it."
    )


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (0.9, 0.95, "dev_accuracy went from 0.9 before the first stage to 0.95 after the last."),
        (None, 0.95, "dev_accuracy was not measured throughout, so there is no before and after to compare."),
        (0.9, None, "dev_accuracy was not measured throughout, so there is no before and after to compare."),
    ],
)
def test_a_study_finishes_with_its_last_winner_and_what_was_gained(
    before: float | None, after: float | None, sentence: str
) -> None:
    snapshot = with_stages(queued(study(SWEEP)), done(before, after))
    (action,) = decide(snapshot, fake_sampler)
    assert action == Finish("tr_7", f"Every stage has closed. {sentence}")


def test_gates_hold_a_study_before_every_stage_but_the_first() -> None:
    simulation = Simulation(study(gates="approve"), quadratic()).run()
    gates = [action.stage for action in simulation.actions if isinstance(action, AwaitApproval)]
    assert gates == ["batch_momentum", "decay_schedule"]
    assert simulation.state is StudyState.COMPLETED


def test_an_unapproved_study_stays_where_it_is() -> None:
    simulation = Simulation(study(gates="approve"), quadratic()).run(approve=False)
    assert simulation.state is StudyState.AWAITING_APPROVAL
    assert not simulation.keys("batch_momentum")
    assert isinstance(simulation.actions[-2], CloseStage)


def test_the_first_answer_of_an_open_stage_is_its_trials() -> None:
    simulation = Simulation(study(), quadratic())
    simulation.apply(OpenStage("lr_sweep"))
    (action,) = decide(simulation.snapshot, fake_sampler)
    assert isinstance(action, AddTrials)
    assert [proposal.key for proposal in action.proposals][:3] == ["lr=0.01", "lr=0.001", "lr=0.1"]


def test_a_trial_is_not_ended_without_a_reason() -> None:
    with pytest.raises(ValueError, match="without a reason"):
        EndTrial("tr_1", "pruned", "")
