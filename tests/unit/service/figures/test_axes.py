"""Steps as epochs, samples and time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.figures.axes import Axis, Ruler, Span, epoch_samples, on_axis, positions, ruler, spans, time_unit
from service.figures.series import Series
from studies.contract.states import AttemptState
from studies.contract.views import AttemptView
from studies.core.snapshot import Curve
from tests.builders import function_spec, spec
from tests.unit.service.figures.samples import curve, scored

WHOLE = Ruler(batch_size=64, epoch_samples=640, spans=(Span(0, 100, 50.0),))


def attempt(started_from: int, started_at: float, ended_at: float | None) -> AttemptView:
    state = AttemptState.RUNNING if ended_at is None else AttemptState.PREEMPTED
    return AttemptView(
        id=f"at_{started_at}",
        worker_id="wk_0",
        worker_name="node",
        device="cpu",
        state=state,
        started_from=started_from,
        started_at=started_at,
        ended_at=ended_at,
    )


@pytest.mark.parametrize(
    ("axis", "expected"),
    [("step", [0, 10, 100]), ("samples", [0, 640, 6_400]), ("epoch", [0, 1, 10]), ("time", [0, 5, 50])],
)
def test_a_step_is_worth_what_the_ruler_says(axis: Axis, expected: list[float]) -> None:
    found = positions(axis, [0, 10, 100], WHOLE)
    assert found is not None
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("axis", ["epoch", "samples", "time"])
def test_what_is_not_known_has_no_position(axis: Axis) -> None:
    assert positions(axis, [1, 2], Ruler()) is None
    assert on_axis(Series((1, 2), (0.1, None)), axis, Ruler()) is None


def test_values_and_gaps_stay_as_they_are() -> None:
    assert on_axis(Series((1, 2), (0.1, None)), "samples", WHOLE) == Series((64.0, 128.0), (0.1, None))


def test_a_reported_epoch_goes_before_what_is_reckoned() -> None:
    reported = replace(WHOLE, epochs=Curve(np.array([10, 20]), np.array([2.0, 3.0])))
    found = positions("epoch", [5, 10, 15, 20], reported)
    assert found is not None
    assert found.tolist() == [1.0, 2.0, 2.5, 3.0]


def test_waits_between_attempts_are_left_out_and_lost_steps_count_twice() -> None:
    """Three attempts: one to step 60, one that was lost as a whole, one from there to the end at step 100."""
    attempts = [attempt(0, 100.0, 130.0), attempt(60, 500.0, 507.0), attempt(60, 900.0, None)]
    trained = spans(attempts, last_step=100, now=920.0)
    assert trained == (Span(0, 60, 30.0), Span(60, 60, 7.0), Span(60, 100, 20.0))
    found = positions("time", [1, 60, 61, 100], Ruler(spans=trained))
    assert found is not None
    assert found.tolist() == pytest.approx([0.5, 30.0, 37.5, 57.0])


def test_a_trial_that_has_not_reported_has_no_time() -> None:
    assert positions("time", [1], Ruler(spans=spans([attempt(0, 0.0, None)], 0, 10.0))) is None


@given(
    parts=st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1e6)), min_size=1, max_size=6),
    steps=st.lists(st.integers(0, 3_000), min_size=1, max_size=40, unique=True).map(sorted),
)
def test_time_never_runs_backwards_and_never_beyond_what_was_spent(
    parts: list[tuple[int, float]], steps: list[int]
) -> None:
    begins = np.cumsum([0, *(length for length, _ in parts)]).tolist()
    trained = tuple(
        Span(first, last, seconds) for first, last, (_, seconds) in zip(begins, begins[1:], parts, strict=False)
    )
    found = positions("time", [step for step in steps if step <= begins[-1]], Ruler(spans=trained))
    if found is not None:
        assert (np.diff(found) >= -1e-6).all()
        assert (found >= 0).all()
        assert (found <= sum(span.seconds for span in trained) * (1 + 1e-9)).all()


def test_what_is_known_of_a_trial_is_read_off_it_and_its_study() -> None:
    trial = scored(0, 0.9)
    found = ruler(trial, [attempt(0, 0.0, 10.0)], spec(), now=99.0)
    assert found == Ruler(batch_size=64, epoch_samples=1_438, spans=(Span(0, 100, 10.0),))
    assert ruler(trial.model_copy(update={"params": {"lr": 0.1}}), [], spec(), 0.0).batch_size is None
    assert epoch_samples(function_spec()) is None


def test_a_curve_of_epochs_without_points_says_nothing() -> None:
    assert positions("epoch", [1], Ruler(epochs=curve())) is None


@pytest.mark.parametrize(
    ("longest", "name"), [(0, "seconds"), (119, "seconds"), (120, "minutes"), (7_200, "hours"), (172_800, "days")]
)
def test_times_are_told_in_a_unit_that_is_easy_to_read(longest: float, name: str) -> None:
    assert time_unit(longest)[1] == name
