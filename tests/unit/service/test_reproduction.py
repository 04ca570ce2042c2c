"""How well a trial and its second run agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.reproduction import agreement, read_metrics, table, verdict
from studies.contract.packing import Engine
from studies.contract.states import AttemptState
from studies.contract.views import AttemptView
from studies.core.snapshot import Curve
from tests.unit.service.figures.samples import curve

NOT_NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


def attempt(engine: Engine | None) -> AttemptView:
    return AttemptView(
        id="at_0",
        worker_id="wk_0",
        worker_name="node",
        device="cpu",
        state=AttemptState.COMPLETED,
        started_at=0.0,
        engine=engine,
    )


@given(st.lists(NOT_NUMBERS, max_size=30))
def test_a_curve_agrees_with_itself_to_the_last_digit(values: list[float]) -> None:
    found = agreement("loss", curve(*values), curve(*values))
    assert (found.equal, found.difference, found.missing) == (len(values), 0.0, 0)
    assert found.exact == bool(values)


@given(st.lists(st.tuples(NOT_NUMBERS, NOT_NUMBERS), min_size=1, max_size=30))
def test_it_is_the_same_the_other_way_round(pairs: list[tuple[float, float]]) -> None:
    first, second = curve(*(a for a, _ in pairs)), curve(*(b for _, b in pairs))
    there, back = agreement("loss", first, second), agreement("loss", second, first)
    assert (there.equal, there.difference) == (back.equal, back.difference)


def test_values_that_are_too_far_apart_for_a_number_are_infinitely_far() -> None:
    assert agreement("loss", curve(1.7e308), curve(-1.7e308)).difference == math.inf


def test_one_digit_is_seen() -> None:
    found = agreement("loss", curve(1.0, 0.5), curve(1.0, math.nextafter(0.5, 1)))
    assert (found.points, found.equal, found.exact) == (2, 1, False)
    assert found.difference > 0


def test_points_that_only_one_run_has_are_counted() -> None:
    short = agreement("loss", curve(1.0, 0.5, 0.2), curve(1.0, 0.5))
    assert (short.points, short.equal, short.missing, short.exact) == (2, 2, 1, False)
    assert agreement("loss", curve(1.0), Curve.empty()).last == (1.0, None)


def test_what_a_run_wrote_is_read_back() -> None:
    lines = ['{"step": 1, "loss": 0.5}\n', '{"step": 2, "loss": NaN}\n', '{"step": 2, "dev_accuracy": 0.75}\n']
    found = read_metrics(lines)
    assert found.keys() == {"loss", "dev_accuracy"}
    assert found["loss"].steps.tolist() == [1, 2]
    assert np.isnan(found["loss"].values[1])
    assert read_metrics([]) == {}


@pytest.mark.parametrize(
    ("engine", "words"), [("batched", "in a fused pack"), (None, "in a fused pack"), ("serial", "Another device")]
)
def test_the_verdict_says_how_far_apart_and_why(engine: Engine | None, words: str) -> None:
    found = [agreement("loss", curve(1.0, 0.5), curve(1.0, 0.25)), agreement("dev_accuracy", curve(0.5), curve(0.5))]
    said = verdict(found, [attempt(engine)])
    assert said.startswith("2 of 3 points are the same to the last digit; the largest difference is 0.25, in loss.")
    assert words in said


def test_the_verdict_on_two_that_agree_and_on_two_without_a_step_in_common() -> None:
    assert "all 2 points are the same" in verdict([agreement("loss", curve(1.0, 0.5), curve(1.0, 0.5))], [])
    assert "nothing to compare" in verdict([agreement("loss", curve(1.0), Curve.empty())], [])


def test_the_table_to_print() -> None:
    found = {"dev_loss": agreement("dev_loss", curve(1.0, 0.5), curve(1.0, 0.25))}
    assert table(found) == [("dev loss", "0.5", "0.25", "0.25", "1 of 2")]
