"""What a filter and an order mean, said of trials in memory: a table of readings, conditions and orders."""

from __future__ import annotations

import math

import pytest

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.contract.trial_query import (
    AllOf,
    AnyOf,
    Compare,
    Contains,
    Fact,
    Filter,
    Measure,
    Missing,
    Not,
    OneOf,
    Order,
    Param,
    Term,
    Value,
)
from studies.contract.views import MetricSummary, TrialView
from studies.core.query.evaluation import matches, ordered, reader

NOW = 1_000.0
LR, OPTIMIZER, STATE, SEED = Param("lr"), Param("optimizer"), Fact("state"), Fact("seed")


def view(number: int = 0, params: Params | None = None, **changes: object) -> TrialView:
    known = {
        "id": f"tr_{number}",
        "study_id": "st_1",
        "number": number,
        "key": f"k{number}",
        "stage": "lr_sweep",
        "state": TrialState.COMPLETED,
        "params": params or {},
        "schedule": Schedule(kind="constant"),
        "num_steps": 100,
        "seed": 3,
        "created_at": 0.0,
        "last_step": 40,
    }
    return TrialView.model_validate(known | changes)


def summary(last: float) -> MetricSummary:
    return MetricSummary(last_step=5, last=last, minimum=0.25, maximum=0.75, count=5)


@pytest.mark.parametrize(
    ("term", "trial", "found"),
    [
        (LR, view(params={"lr": 0.1}), 0.1),
        (LR, view(), None),
        (LR, view(params={"lr": 10**400}), math.inf),
        (LR, view(params={"lr": -(10**400)}), -math.inf),
        (LR, view(params={"lr": math.inf}), None),
        (OPTIMIZER, view(params={"optimizer": "adam"}), "adam"),
        (OPTIMIZER, view(params={"optimizer": ""}), None),
        (Param("nesterov"), view(params={"nesterov": False}), False),
        (Measure("loss", "last"), view(metrics={"loss": summary(0.5)}), 0.5),
        (Measure("loss", "min"), view(metrics={"loss": summary(0.5)}), 0.25),
        (Measure("loss", "max"), view(metrics={"loss": summary(0.5)}), 0.75),
        (Measure("loss", "last"), view(metrics={"loss": summary(math.nan)}), None),
        (Measure("loss", "last"), view(), None),
        (Fact("steps"), view(), 40.0),
        (Fact("schedule"), view(), "constant"),
        (SEED, view(), 3.0),
        (STATE, view(), "completed"),
        (Fact("worker"), view(), None),
        (Fact("worker"), view(worker="n1"), "n1"),
        (Fact("duration"), view(), None),
        (Fact("duration"), view(started_at=400.0), 600.0),
        (Fact("duration"), view(started_at=400.0, ended_at=500.0), 100.0),
    ],
)
def test_what_a_trial_has_under_a_name(term: Term, trial: TrialView, found: Value | None) -> None:
    assert reader(trial, NOW)(term) == found


TRIAL = view(params={"lr": 0.1, "optimizer": "AdamW"})


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        (Compare(LR, "=", 0.1), True),
        (Compare(LR, "!=", 0.1), False),
        (Compare(LR, "<", 0.1), False),
        (Compare(LR, "<=", 0.1), True),
        (Compare(LR, ">", 0.05), True),
        (Compare(LR, ">=", 0.2), False),
        (Compare(LR, "=", "0.1"), False),
        (Compare(LR, "!=", "0.1"), True),
        (Compare(Param("other"), "!=", 0.1), False),
        (Missing(Param("other")), True),
        (Missing(LR), False),
        (Not(Missing(LR)), True),
        (OneOf(LR, (0.2, 0.1)), True),
        (OneOf(LR, (0.2,)), False),
        (Contains(OPTIMIZER, "adam"), True),
        (Contains(OPTIMIZER, "sgd"), False),
        (Contains(LR, "0"), False),
        (AllOf((Compare(LR, "=", 0.1), Compare(STATE, "=", "completed"))), True),
        (AllOf((Compare(LR, "=", 0.1), Compare(STATE, "=", "failed"))), False),
        (AnyOf((Compare(LR, "=", 0.2), Compare(STATE, "=", "completed"))), True),
        (AnyOf((Compare(LR, "=", 0.2), Compare(STATE, "=", "failed"))), False),
    ],
)
def test_whether_a_filter_holds(query: Filter, holds: bool) -> None:
    assert matches(query, reader(TRIAL, NOW)) is holds


MANY = (
    view(3, {"lr": 0.1}),
    view(1, {"lr": "auto"}, state=TrialState.RUNNING),
    view(0, {}, state=TrialState.WAITING),
    view(2, {"lr": 0.1}),
    view(4, {"lr": 0.01}, state=TrialState.FAILED),
)


@pytest.mark.parametrize(
    ("order", "numbers"),
    [
        pytest.param(Order(LR), [4, 2, 3, 1, 0], id="texts behind numbers, what is missing last"),
        pytest.param(Order(LR, descending=True), [1, 2, 3, 4, 0], id="downwards, but what is missing is last"),
        pytest.param(Order(STATE), [0, 1, 2, 3, 4], id="states as they come about, not by the alphabet"),
    ],
)
def test_in_which_order(order: Order, numbers: list[int]) -> None:
    found = ordered([(trial.number, reader(trial, NOW), trial) for trial in MANY], order)
    assert [trial.number for trial in found] == numbers
