"""Trials side by side: what differs, what is the same, who did best."""

from __future__ import annotations

import math
from typing import Any

import pytest

from service.comparison import (
    Member,
    best_of,
    direction,
    metric_names,
    metric_rows,
    objective_words,
    run_rows,
    settings,
)
from studies.contract.schedule import Schedule
from studies.contract.states import StudyState, TrialState
from studies.contract.study_file import FunctionObjective, StudySpec
from studies.contract.views import AttemptView, MetricSummary, Progress, StudyView, TrialDetail
from tests.builders import spec
from tests.unit.service.figures.samples import trial


def study(study_spec: StudySpec | None = None) -> StudyView:
    return StudyView(
        id="st_1",
        name="digits-cnn",
        state=StudyState.RUNNING,
        stages=(),
        progress=Progress(trials=2, trials_ended=0, trials_budget=60, steps=0),
        created_at=0.0,
        updated_at=0.0,
        spec=study_spec or spec(),
    )


def member(number: int, metrics: dict[str, float] | None = None, of: StudyView | None = None, **fields: Any) -> Member:
    """A trial whose metrics each have one value."""
    found = {
        name: MetricSummary(last_step=90, last=value, minimum=value, maximum=value, count=1)
        for name, value in (metrics or {}).items()
    }
    attempts = fields.pop("attempts", ())
    view = trial(number, metrics=found, **fields)
    return Member(of or study(), TrialDetail(**dict(view), attempts=attempts))


def test_what_differs_stands_apart_from_what_is_the_same() -> None:
    params = {"lr": 0.1, "batch_size": 64, "momentum": 0.9}
    late = Schedule(kind="linear", start=50, end=100)
    found = settings(
        [member(0, params=params), member(1, params={**params, "lr": 0.05, "dropout": 0.1}, schedule=late)]
    )
    assert {row.name: [cell.text for cell in row.cells] for row in found.differing} == {
        "lr": ["0.1", "0.05"],
        "dropout": ["—", "0.1"],
        "schedule": ["constant", "linear to zero from step 50 to 100"],
    }
    assert dict(found.same) == {
        "batch size": "64",
        "momentum": "0.9",
        "steps": "100",
        "seed": "0",
        "optimizer": "sgd",
        "precision": "float32",
        "objective": "small_cnn on digits",
    }


def test_values_that_differ_beyond_the_usual_digits_differ() -> None:
    found = settings([member(0, params={"lr": 0.1234561}), member(1, params={"lr": 0.1234562})])
    assert [(row.name, [cell.text for cell in row.cells]) for row in found.differing] == [
        ("lr", ["0.1234561", "0.1234562"])
    ]


def test_a_trial_alone_differs_in_nothing_and_none_has_no_rows() -> None:
    assert settings([member(0)]).differing == ()
    assert settings([]) == settings(())
    assert metric_rows([]) == ()


def test_trials_of_other_studies_differ_in_what_their_studies_say() -> None:
    other = study(spec("other", optimizer="adam", precision="bfloat16"))
    found = settings([member(0), member(0, of=other)])
    assert {row.name for row in found.differing} == {"optimizer", "precision"}


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("dev_accuracy", "maximize"),
        ("loss", "minimize"),
        ("dev_loss", "minimize"),
        ("dev_f1", "maximize"),
        ("lr", None),
        ("my_number", None),
    ],
)
def test_which_way_a_metric_is_better(name: str, way: str | None) -> None:
    assert direction(name, [member(0)]) == way


def test_what_a_study_says_goes_before_the_name_and_two_that_disagree_leave_it_open() -> None:
    odd = study(spec("odd", metric={"name": "dev_loss", "direction": "maximize"}))
    usual = study(spec("usual", metric={"name": "dev_loss", "direction": "minimize"}))
    assert direction("dev_loss", [member(0, of=odd)]) == "maximize"
    assert direction("dev_loss", [member(0, of=odd), member(0, of=usual)]) is None


@pytest.mark.parametrize(
    ("values", "way", "best"),
    [
        ([0.1, 0.3, None], "maximize", 0.3),
        ([0.1, 0.3, None], "minimize", 0.1),
        ([0.1, 0.3], None, None),
        ([0.3, None, math.nan, math.inf], "maximize", None),
        ([], "maximize", None),
    ],
)
def test_the_best_of_a_row(values: list[float | None], way: Any, best: float | None) -> None:
    assert best_of(values, way) == best


def test_every_metric_is_a_row_with_its_best_marked() -> None:
    members = [
        member(0, {"dev_accuracy": 0.9, "loss": 0.2, "lr": 0.1}),
        member(1, {"dev_accuracy": 0.95, "loss": math.nan, "lr": 0.1}),
        member(2, {"loss": 0.4}),
    ]
    assert metric_names(members) == ("dev_accuracy", "loss", "lr")
    own, loss, rate = metric_rows(members)
    assert (own.name, own.note) == ("dev accuracy", "highest")
    assert [(cell.text, cell.best) for cell in own.cells] == [("0.9", False), ("0.95", True), ("—", False)]
    assert [(cell.text, cell.best) for cell in loss.cells] == [("0.2", True), ("NaN", False), ("0.4", False)]
    assert (rate.note, any(cell.best for cell in rate.cells)) == ("last", False)


def attempt(started_at: float, ended_at: float | None, **usage: Any) -> AttemptView:
    return AttemptView(
        id="at_0",
        worker_id="wk_0",
        worker_name="node-1",
        device="cuda:0",
        state=TrialState.RUNNING.value,  # type: ignore[arg-type]
        started_at=started_at,
        ended_at=ended_at,
        **usage,
    )


def test_how_a_trial_was_run() -> None:
    resumed = member(0, {"loss": 0.1}, attempts=(attempt(0.0, 60.0), attempt(500.0, None)))
    rows = {row.name: [cell.text for cell in row.cells] for row in run_rows([resumed, member(1)], now=530.0)}
    assert rows["steps done"] == ["90 of 100", "0 of 100"]
    assert rows["time trained"] == ["1 min 30 s", "—"]
    assert rows["device"] == ["cuda:0 of node-1", "—"]
    assert rows.keys() == {"steps done", "time trained", "device"}


def test_what_a_trial_needed_is_a_row_where_it_is_known() -> None:
    first = attempt(0.0, 60.0, peak_memory_bytes=3 << 30, samples_per_second=900.0)
    again = attempt(60.0, 90.0, peak_memory_bytes=2 << 30)
    rows = {
        row.name: [cell.text for cell in row.cells]
        for row in run_rows([member(0, attempts=(first, again)), member(1)], 0)
    }
    assert rows["peak memory"] == ["3.0 GiB", "—"]
    assert rows["speed"] == ["900 samples/s", "—"]


def test_an_objective_in_words() -> None:
    assert objective_words(FunctionObjective(kind="function", target="train.py:train")) == "train.py:train"
