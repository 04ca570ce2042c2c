"""Schedules: the guide's numbers, the joins between warmup, decay and end, and what is true of every schedule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from studies.contract.schedule import Schedule
from studies.core import schedules

STEPS = st.integers(1, 700)


@st.composite
def any_schedule(draw: st.DrawFn) -> Schedule:
    end = draw(STEPS)
    return Schedule(
        kind=draw(st.sampled_from(["constant", "linear", "exponential", "cosine", "polynomial", "piecewise"])),
        start=draw(st.integers(0, 700)),
        end=end,
        warmup_steps=draw(st.integers(0, 300)),
        interval=draw(st.integers(1, 200)),
        rate=draw(st.floats(0.01, 1.0)),
        power=draw(st.floats(0.1, 5.0)),
        milestones=tuple(sorted(draw(st.sets(STEPS, min_size=1, max_size=4)))),
        floor=draw(st.floats(0.0, 1.0)),
    )


@pytest.mark.parametrize("interval", [1, 100, None])
def test_linear_from_one_hundredth_over_5000_steps_is_0_004_at_step_3000(interval: int | None) -> None:
    assert schedules.lr(schedules.linear_to_zero(5_000, interval=interval), 0.01, 3_000) == pytest.approx(0.004)


def test_lazy_linear_decay_is_recomputed_every_interval() -> None:
    lazy = schedules.linear_to_zero(5_000, interval=100)
    assert len({schedules.factor(lazy, step) for step in range(3_000, 3_100)}) == 1
    assert schedules.factor(lazy, 3_100) == pytest.approx(0.38)


@pytest.mark.parametrize(("num_steps", "interval"), [(5_000, 100), (50_000, 100), (600, 12), (30, 1)])
def test_the_default_interval_follows_the_length(num_steps: int, interval: int) -> None:
    assert schedules.linear_to_zero(num_steps).interval == interval


def test_warmup_is_linear_from_zero_to_the_peak() -> None:
    warm = schedules.constant(warmup_steps=10)
    assert [schedules.factor(warm, step) for step in (0, 5, 10, 1_000)] == [0.0, 0.5, 1.0, 1.0]


def test_a_decay_that_would_start_within_the_warmup_starts_after_it() -> None:
    decay = schedules.linear_to_zero(1_000, interval=1, warmup_steps=200)
    assert [schedules.factor(decay, step) for step in (100, 200, 600, 1_000)] == [0.5, 1.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param(schedules.cosine(1_000, 200), {200: 1.0, 600: 0.5, 1_000: 0.0, 2_000: 0.0}, id="cosine"),
        pytest.param(schedules.cosine(1_000, floor=0.2), {0: 1.0, 500: 0.6, 1_000: 0.2}, id="cosine to a floor"),
        pytest.param(schedules.polynomial(1_000), {0: 1.0, 500: 0.25, 1_000: 0.0}, id="polynomial"),
        pytest.param(
            schedules.exponential(1_000, 200, rate=0.5, interval=100),
            {0: 1.0, 299: 1.0, 300: 0.5, 400: 0.25, 1_000: 1 / 256, 9_999: 1 / 256},
            id="exponential",
        ),
        pytest.param(
            schedules.piecewise(120), {29: 1.0, 30: 0.1, 60: 0.01, 90: 0.001, 500: 0.001}, id="30, 60, 90 of 120"
        ),
        pytest.param(schedules.linear_to_zero(100, start=100), {99: 1.0, 100: 0.0}, id="start at the end"),
        pytest.param(Schedule(kind="linear", end=10, warmup_steps=40), {5: 0.125, 10: 0.0}, id="ends in the warmup"),
    ],
)
def test_factor(schedule: Schedule, expected: dict[int, float]) -> None:
    assert {step: schedules.factor(schedule, step) for step in expected} == pytest.approx(expected)


def test_exponential_ends_at_a_hundredth_by_default() -> None:
    assert schedules.factor(schedules.exponential(5_000, 1_000), 5_000) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("schedule", "step"),
    [
        pytest.param(schedules.constant(), None, id="constant"),
        pytest.param(schedules.linear_to_zero(5_000, interval=1), 2_500, id="linear"),
        pytest.param(schedules.linear_to_zero(5_000, start=2_700), 3_900, id="lazy: at the next recomputation"),
        pytest.param(schedules.cosine(1_000, warmup_steps=100), 550, id="warmup does not count"),
        pytest.param(schedules.cosine(1_000, floor=0.8), None, id="never that low"),
        pytest.param(schedules.piecewise(120), 30, id="piecewise"),
    ],
)
def test_half_lr_step(schedule: Schedule, step: int | None) -> None:
    assert schedules.half_lr_step(schedule) == step


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (schedules.constant(), "constant"),
        (schedules.constant(warmup_steps=1_500), "constant, after 1,500 steps of warmup"),
        (schedules.linear_to_zero(5_000, 2_700), "linear to zero from step 2,700 to 5,000"),
        (schedules.cosine(5_000, floor=0.1), "cosine to 0.1 of the peak from step 0 to 5,000"),
        (schedules.polynomial(900), "polynomial of power 2 to zero from step 0 to 900"),
        (schedules.exponential(900, 0, 0.5, 100), "exponential, x0.5 every 100 steps from step 0 to 900"),
        (schedules.exponential(900, 0, 0.99, 1), "exponential, x0.99 every step from step 0 to 900"),
        (schedules.piecewise(5_000), "piecewise, x0.1 at step 1,250, 2,500 and 3,750"),
        (schedules.piecewise(5_000, (4_000,)), "piecewise, x0.1 at step 4,000"),
    ],
)
def test_describe(schedule: Schedule, words: str) -> None:
    assert schedules.describe(schedule) == words


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"kind": "linear"}, id="no end"),
        pytest.param({"kind": "piecewise", "end": 10}, id="no milestones"),
        pytest.param({"kind": "piecewise", "end": 10, "milestones": (5, 5)}, id="milestone twice"),
    ],
)
def test_an_incomplete_decay_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"end:|milestones:"):
        Schedule.model_validate(fields)


@given(any_schedule())
def test_the_factor_stays_between_zero_and_one_and_never_rises_after_the_warmup(schedule: Schedule) -> None:
    shape = schedules.factors(schedule, np.arange(720))
    assert np.all((shape >= 0) & (shape <= 1))
    assert np.all(np.diff(shape[schedule.warmup_steps :]) <= 1e-12)


@given(any_schedule())
def test_before_the_decay_the_rate_is_at_its_peak(schedule: Schedule) -> None:
    begin = max(schedule.start, schedule.warmup_steps)
    if begin < (schedule.end or 0) and begin < schedule.milestones[0]:
        assert schedules.factor(schedule, begin) == 1.0


def test_a_milestone_within_the_warmup_counts_when_it_is_over() -> None:
    schedule = Schedule(kind="piecewise", end=100, milestones=(5, 50), warmup_steps=10)
    assert [schedules.factor(schedule, step) for step in (5, 9, 10, 50)] == pytest.approx([0.5, 0.9, 0.1, 0.01])


@given(any_schedule())
def test_half_lr_step_is_the_first_such_step(schedule: Schedule) -> None:
    half = schedules.half_lr_step(schedule)
    low = np.flatnonzero(schedules.factors(schedule, np.arange(schedule.warmup_steps, 720)) <= 0.5)
    past_the_end = schedule.warmup_steps > (schedule.end or 0)
    assert half == (int(low[0]) + schedule.warmup_steps if low.size and not past_the_end else None)


@given(STEPS, st.integers(0, 3_000))
def test_builders_accept_every_length(num_steps: int, start: int) -> None:
    for build in (schedules.linear_to_zero, schedules.cosine, schedules.exponential, schedules.polynomial):
        assert build(num_steps, start).end == num_steps
    assert schedules.piecewise(num_steps).end == num_steps
