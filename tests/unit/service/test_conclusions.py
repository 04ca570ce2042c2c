"""A decision's conclusion as data and in words."""

from __future__ import annotations

import pytest

from service.conclusions import Chosen, Gain, choice_values, chosen, evidence_number, gain, gain_words, value_words
from studies.contract.decision import Candidate, Decision
from studies.contract.schedule import Schedule
from studies.contract.states import StageState, StudyState
from studies.contract.views import Progress, StageView, StudySummary

CANDIDATE = Candidate(trial_id="tr_1", params={"lr": 0.1}, schedule=Schedule(), num_steps=90, score=0.9)


def decision(choice: dict[str, object] | None = None, *candidates: Candidate, **evidence: object) -> Decision:
    return Decision(
        rule="a rule",
        choice=choice or {},
        reason="a reason",
        what_would_flip_it="a number",
        evidence=evidence,
        candidates=candidates or (CANDIDATE,),
    )


def summary(*decisions: Decision | None) -> StudySummary:
    kinds = ("lr_sweep", "batch_momentum", "decay_schedule")
    stages = [
        StageView(kind=kind, state=StageState.COMPLETED, decision=found)
        for kind, found in zip(kinds, decisions, strict=False)
    ]
    progress = Progress(trials=1, trials_ended=1, trials_budget=1, steps=1)
    state = StudyState.RUNNING
    return StudySummary(
        id="st_1", name="a", state=state, stages=tuple(stages), progress=progress, created_at=0, updated_at=0
    )


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        pytest.param({"lr": 0.1, "num_steps": 5}, {"lr": 0.1, "num_steps": 5}, id="as it is"),
        pytest.param(
            {"schedule": "constant", "description": "constant", "start": 0, "num_steps": 5},
            {"schedule": "constant", "num_steps": 5},
            id="a schedule is said once",
        ),
        pytest.param({"lr": 0.1, "momentum": None}, {"lr": 0.1}, id="what is nothing is left out"),
    ],
)
def test_a_choice_by_name(choice: dict[str, object], said: dict[str, object]) -> None:
    assert choice_values(decision(choice)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(1e-5, "1e-5"), (12_000, "12,000"), ("cosine", "cosine"), ([32, 64], "32, 64"), ({"num_steps": 5}, "num steps 5")],
)
def test_values_are_for_people(value: object, said: str) -> None:
    assert value_words(value) == said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Gain("lr_sweep", 0.9, 0.95, 3), "dev f1 0.9 at lr 0.01 → 0.95 (mean of 3 seeds)"),
        (Gain("batch_momentum", 0.9, 0.95, 1), "dev f1 0.9 with the sweep's settings → 0.95"),
        (Gain("decay_schedule", 0.95, 0.95, 2), "dev f1 0.95, no change (mean of 2 seeds)"),
        (Gain("decay_schedule", None, 0.95, 0), "dev f1 0.95"),
    ],
)
def test_a_gain_says_what_it_is_a_mean_of_and_against_what(found: Gain, said: str) -> None:
    assert gain_words(found, "dev_f1") == said


def test_the_seeds_are_those_of_the_chosen_configuration() -> None:
    cells = [{"trial_id": "tr_2", "seeds": [0]}, {"trial_id": "tr_1", "seeds": [0, 1]}]
    assert gain("lr_sweep", decision(dev_before=0.8, dev_after=0.9, cells=cells)) == Gain("lr_sweep", 0.8, 0.9, 2)
    assert gain("lr_sweep", decision(dev_after=0.9, cells=[])) == Gain("lr_sweep", None, 0.9, 0)
    assert gain("lr_sweep", decision(dev_before=0.8)) is None


@pytest.mark.parametrize("value", [None, "n/a", float("nan"), True])
def test_what_is_no_number_is_not_measured(value: object) -> None:
    assert evidence_number(decision(dev_before=value), "dev_before") is None


def test_the_last_decision_says_what_is_chosen() -> None:
    later = CANDIDATE.model_copy(update={"trial_id": "tr_2"})
    assert chosen(summary()) is None
    assert chosen(summary(decision(), None)) == Chosen("tr_1", {"lr": 0.1}, 90, Schedule(), 0.9, 0)
    assert chosen(summary(decision(), decision({}, later))).trial_id == "tr_2"
