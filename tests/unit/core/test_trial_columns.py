"""The time that a study still takes, and the line of its best so far."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.core.trial_columns import ENOUGH, LATEST, SPARK, TrialColumns, best_so_far, seconds_left

NOW = 1_000.0
Trial = tuple[float, float, float]
"""Start, end (NaN while it runs) and steps."""


def columns(trials: Sequence[Trial] = (), scores: Sequence[float] = ()) -> TrialColumns:
    table = np.array(trials, np.float64).reshape(-1, 3)
    return TrialColumns(table[:, 0], table[:, 1], table[:, 2], np.array(scores, np.float64))


def one_after_another(count: int, seconds: float = 10.0, steps: float = 100.0, end: float = NOW) -> list[Trial]:
    begin = end - count * seconds
    return [(begin + k * seconds, begin + (k + 1) * seconds, steps) for k in range(count)]


# --- time left ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["steps", "trials"])
def test_one_after_another(unit: str) -> None:
    left = {"steps": 500.0, "trials": 5.0}[unit]
    assert seconds_left(columns(one_after_another(30)), left, unit, NOW) == pytest.approx(50)  # type: ignore[arg-type]


def test_eight_at_a_time_are_eight_times_as_fast() -> None:
    packs = [trial for trial in one_after_another(5) for _ in range(8)]
    assert seconds_left(columns(packs), 800, "steps", NOW) == pytest.approx(10)


def test_what_runs_counts_with_what_it_has_done() -> None:
    trials = [*one_after_another(ENOUGH, end=NOW - 10), (NOW - 10, math.nan, 100.0)]
    assert seconds_left(columns(trials), 100, "steps", NOW) == pytest.approx(10)


def test_only_the_latest_count() -> None:
    slow, fast = one_after_another(100, seconds=5, end=NOW - LATEST), one_after_another(LATEST, seconds=1)
    assert seconds_left(columns([*slow, *fast]), 7, "trials", NOW) == pytest.approx(7)


def test_a_run_that_began_long_ago_counts_with_its_share() -> None:
    long_one = (NOW - 1_000, math.nan, 1_000.0)  # a step a second, beside trials of ten steps a second
    trials = [long_one, *one_after_another(LATEST)]
    assert seconds_left(columns(trials), 110, "steps", NOW) == pytest.approx(10)


def test_it_grows_while_nothing_happens() -> None:
    trials = columns(one_after_another(30))
    soon, later = (seconds_left(trials, 100, "steps", NOW + wait) for wait in (0, 1_000))
    assert soon is not None
    assert later is not None
    assert later > 3 * soon


@pytest.mark.parametrize(
    "trials",
    [
        pytest.param([], id="no trial"),
        pytest.param(one_after_another(ENOUGH - 1), id="too few"),
        pytest.param([(NOW - 9, math.nan, 50.0)] * 9, id="none has ended"),
        pytest.param([(math.nan, NOW, 0.0)] * 9, id="cancelled before they began"),
        pytest.param(one_after_another(9, steps=0), id="all failed at once"),
    ],
)
def test_too_early_to_tell(trials: list[Trial]) -> None:
    assert seconds_left(columns(trials), 100, "steps", NOW) is None


def test_nothing_left_takes_no_time() -> None:
    assert seconds_left(columns(), 0, "steps", NOW) == 0
    assert seconds_left(columns(), -50, "steps", NOW) == 0


@given(
    st.lists(st.tuples(st.floats(0, 900), st.floats(0, 100), st.floats(0, 1e6)), max_size=60),
    st.floats(1, 1e6),
    st.sampled_from(["steps", "trials"]),
)
def test_it_is_never_negative_and_in_proportion(runs: list[Trial], left: float, unit: str) -> None:
    trials = columns([(start, start + length, steps) for start, length, steps in runs])
    once, twice = (seconds_left(trials, amount, unit, NOW) for amount in (left, 2 * left))  # type: ignore[arg-type]
    assert (once is None) == (twice is None)
    if once is not None and twice is not None:
        assert 0 < once < math.inf
        assert twice == pytest.approx(2 * once)


# --- best so far -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "line"), [("maximize", (0.5, 0.7, 0.7, 0.9)), ("minimize", (0.5, 0.5, 0.2, 0.2))]
)
def test_the_best_so_far(direction: str, line: tuple[float, ...]) -> None:
    scores = [math.nan, 0.5, 0.7, math.nan, 0.2, 0.9]
    assert best_so_far(columns(scores=scores), direction) == line  # type: ignore[arg-type]


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=200))
def test_it_never_falls_and_ends_at_the_best(scores: list[float]) -> None:
    line = best_so_far(columns(scores=scores), "maximize")
    real = [score for score in scores if not math.isnan(score)]
    assert len(line) == min(SPARK, len(real))
    assert list(line) == sorted(line)
    assert line[:1] == tuple(real[:1])
    assert line[-1:] == ((max(real),) if real else ())
