"""Curves: the guide's numbers, calibrated noise, no false divergence, and what survives NaN anywhere."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from studies.core import curves
from studies.core.snapshot import Curve

Noise = Callable[[np.random.Generator, int], NDArray[np.float64]]

ANY_FLOAT = st.floats(width=64)
"""NaN, infinities, denormals and the largest floats included."""


def curve(values: object, every: int = 1) -> Curve:
    array = np.asarray(values, np.float64)
    return Curve(np.arange(array.size, dtype=np.int64) * every, array)


@st.composite
def any_curve(draw: st.DrawFn, elements: st.SearchStrategy[float] = ANY_FLOAT, min_size: int = 0) -> Curve:
    values = draw(st.lists(elements, min_size=min_size, max_size=150))
    steps = np.cumsum(draw(st.lists(st.integers(1, 50), min_size=len(values), max_size=len(values))), dtype=np.int64)
    return Curve(steps, np.array(values, np.float64))


def falling(n: int, tau: float, start: float = 2.3, end: float = 0.1) -> NDArray[np.float64]:
    return end + (start - end) * np.exp(-np.arange(n) / tau)


# --- smoothing ---------------------------------------------------------------------------------------------------


def test_smoothing_averages_a_centred_window() -> None:
    assert curves.smooth(curve([1, 2, 3, 4, 5, 6, 7]), 3).values == pytest.approx([1.5, 2, 3, 4, 5, 6, 6.5])


@pytest.mark.parametrize("at", [0, 1, 10, 38, 39])
def test_a_single_spike_of_any_size_leaves_no_trace(at: int) -> None:
    values = np.linspace(2, 1, 40)
    values[at] = 1e50
    assert curves.smooth(curve(values)).values == pytest.approx(
        curves.smooth(curve(np.linspace(2, 1, 40))).values, rel=0.1
    )


def test_a_gap_stays_a_gap_and_leaves_its_neighbours_alone() -> None:
    smoothed = curves.smooth(curve([1.0, 1.0, math.nan, 1.0, math.inf, 1.0, -math.inf, 1e300, 1.0])).values
    assert smoothed == pytest.approx([1, 1, math.nan, 1, math.nan, 1, math.nan, math.nan, 1], nan_ok=True)


def test_smoothing_takes_out_most_of_the_noise_but_keeps_the_shape() -> None:
    truth = falling(1_000, 150)
    noisy = truth + np.random.default_rng(0).normal(0, 0.2, 1_000)
    assert np.abs(curves.smooth(curve(noisy)).values - truth)[25:].max() < 0.15


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [3.0, 1.0, 2.0]])
def test_curves_too_short_to_smooth(values: list[float]) -> None:
    assert np.isfinite(curves.smooth(curve(values)).values).all()
    assert curves.smooth(curve(values), 1).values.size == len(values)


# --- divergence --------------------------------------------------------------------------------------------------

HEALTHY: dict[str, Noise] = {
    "none": lambda rng, n: np.ones(n),
    "Gaussian": lambda rng, n: 1 + 0.2 * rng.standard_normal(n),
    "lognormal": lambda rng, n: np.exp(0.5 * rng.standard_normal(n)),
}


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    tau=st.floats(5, 5_000),
    noise=st.sampled_from(sorted(HEALTHY)),
    bump=st.floats(0, 1e6),
    scale=st.floats(1e-6, 1e6),
)
def test_a_healthy_curve_never_diverges_on_any_prefix(
    seed: int, tau: float, noise: str, bump: float, scale: float
) -> None:
    early_bump = 1 + bump * np.exp(-(((np.arange(400) - 8) / 5) ** 2)) * (np.arange(400) > 0)
    values = scale * falling(400, tau) * HEALTHY[noise](np.random.default_rng(seed), 400) * early_bump
    assert [n for n in range(0, 401, 9) if curves.diverged(curve(values[:n]))] == []


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
def test_one_loss_that_is_no_number_is_divergence(bad: float) -> None:
    reason = curves.diverged(curve([2.3, 2.2, bad, 2.1]))
    assert reason is not None
    assert "at step 2" in reason


SICK: dict[str, NDArray[np.float64]] = {
    "grows": 2.3 * np.exp(np.arange(300) / 40),
    "blows up at once and stays": np.r_[2.3, np.full(299, 23.0)],
    "falls, then blows up": np.r_[falling(100, 20), np.full(200, 50.0)],
    "a negative loss that rises": np.r_[-5.0, np.full(299, 5.0)],
}


@pytest.mark.parametrize("name", SICK)
@pytest.mark.parametrize("seed", range(5))
def test_a_loss_that_stays_high_is_divergence(name: str, seed: int) -> None:
    noise = np.exp(0.3 * np.random.default_rng(seed).standard_normal(300))
    reason = curves.diverged(curve(SICK[name] * np.r_[1.0, noise[1:]]))
    assert reason is not None
    assert "well above the" in reason


def test_divergence_shows_online_soon_after_it_began() -> None:
    values = SICK["blows up at once and stays"]
    assert curves.diverged(curve(values[:50])) is None
    assert curves.diverged(curve(values[:60])) is not None


def test_a_blow_up_that_comes_back_to_where_it_began_is_not_divergence() -> None:
    values = np.r_[2.3, 8e6 * np.exp(-np.arange(30) / 2), np.full(370, 2.4)]
    assert [n for n in range(0, 401, 7) if curves.diverged(curve(values[:n]))] == []


def test_a_first_loss_that_is_low_by_luck_is_not_divergence() -> None:
    values = np.random.default_rng(3).standard_normal(300) ** 2
    values[0] = 1e-9
    values[1:] += 1e-6
    assert curves.diverged(curve(values)) is None


# --- depth, speed, noise -----------------------------------------------------------------------------------------


def test_depth_and_area_tell_deep_from_shallow_and_fast_from_slow() -> None:
    fast, slow, shallow = curve(falling(400, 20)), curve(falling(400, 60)), curve(falling(400, 20, end=0.5))
    assert curves.depth(fast) == pytest.approx(0.1, abs=1e-3)
    assert curves.depth(fast) == pytest.approx(curves.depth(slow), abs=1e-2)
    assert curves.depth(shallow) == pytest.approx(0.5, abs=1e-3)
    assert curves.area(fast) < curves.area(slow)


def test_area_is_the_mean_height_whatever_the_length() -> None:
    assert curves.area(curve(np.full(100, 2.0))) == pytest.approx(2.0)
    assert curves.area(curve(np.linspace(4, 0, 1_001), every=7)) == pytest.approx(2.0)
    assert curves.area(curve([3.0])) == 3.0


def test_a_curve_without_points_is_the_worst() -> None:
    for empty in (Curve.empty(), curve([math.nan, math.inf])):
        assert [curves.depth(empty), curves.area(empty), curves.noise(empty), curves.area_noise(empty)] == [
            math.inf
        ] * 4
        assert curves.convergence_step(empty) is None


def test_a_constant_curve_has_no_noise() -> None:
    assert curves.noise(curve(np.ones(50))) == curves.area_noise(curve(np.ones(50))) == 0.0


def test_one_spike_is_not_noise() -> None:
    values = falling(200, 20)
    spiked = values.copy()
    spiked[190] = 1e6
    assert curves.noise(curve(spiked)) < 1e-3
    assert curves.depth(curve(spiked)) == pytest.approx(curves.depth(curve(values)), abs=1e-3)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("n", [100, 400, 2_000])
def test_noise_is_the_standard_error_of_depth_within_a_factor_of_two(n: int, correlation: float) -> None:
    rng = np.random.default_rng(1)
    runs = [curve(falling(n, n / 6) + 0.1 * autoregressive(rng, n, correlation)) for _ in range(150)]
    actual = np.std([curves.depth(run) for run in runs])
    claimed = np.median([curves.noise(run) for run in runs])
    assert 0.5 < claimed / actual < 2.0


@pytest.mark.parametrize("n", [100, 400, 2_000])
def test_area_noise_is_the_standard_error_of_area_within_a_factor_of_two(n: int) -> None:
    rng = np.random.default_rng(1)
    runs = [curve(falling(n, n / 6) + 0.1 * rng.standard_normal(n)) for _ in range(150)]
    actual = np.std([curves.area(run) for run in runs])
    assert 0.5 < np.median([curves.area_noise(run) for run in runs]) / actual < 2.0


def autoregressive(rng: np.random.Generator, n: int, correlation: float) -> NDArray[np.float64]:
    values = rng.standard_normal(n)
    for i in range(1, n):
        values[i] += correlation * values[i - 1]
    return values


# --- convergence and length --------------------------------------------------------------------------------------


def test_converged_at_4000_means_6000_steps() -> None:
    converged = curve(np.r_[np.linspace(2.3, 0.1, 4_001), np.full(2_000, 0.1)])
    step = curves.convergence_step(converged)
    assert step == pytest.approx(4_000, rel=0.03)
    assert curves.num_steps_after(4_000, 10_000) == 6_000


@pytest.mark.parametrize(("convergence", "cap", "steps"), [(4_000, 5_000, 5_000), (3, 100, 5), (0, 100, 1)])
def test_num_steps_after(convergence: int, cap: int, steps: int) -> None:
    assert curves.num_steps_after(convergence, cap) == steps


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(falling(400, 150), id="still falls"),
        pytest.param(np.full(400, 2.3), id="never fell"),
        pytest.param(np.linspace(1, 2, 400), id="rises"),
        pytest.param(np.array([3.0, 2.0, 1.0]), id="too short"),
        pytest.param(np.r_[falling(380, 20), np.full(20, 1.0), np.full(25, 3.0)], id="jumps up at the end"),
    ],
)
def test_not_converged(values: NDArray[np.float64]) -> None:
    assert curves.convergence_step(curve(values)) is None


@pytest.mark.parametrize("n", [200, 400, 5_000])
@pytest.mark.parametrize("seed", range(3))
def test_convergence_of_an_exponential_is_found_in_noise(n: int, seed: int) -> None:
    tau = n / 12
    noise = 1 + 0.05 * np.random.default_rng(seed).standard_normal(n)
    step = curves.convergence_step(curve(falling(n, tau) * noise))
    assert step == pytest.approx(math.log(50) * tau, rel=0.15)


def test_a_blow_up_at_the_start_does_not_bring_convergence_forward() -> None:
    plain = falling(400, 40)
    blown = plain.copy()
    blown[1:12] += 1_000.0
    assert curves.convergence_step(curve(blown)) == pytest.approx(curves.convergence_step(curve(plain)), abs=10)


def test_steps_are_read_off_the_curve_not_counted() -> None:
    assert curves.convergence_step(curve(falling(400, 40), every=10)) == pytest.approx(
        10 * (curves.convergence_step(curve(falling(400, 40))) or 0)
    )


# --- the dev curve -----------------------------------------------------------------------------------------------


def test_peak_at_3000_starts_the_decay_at_2700() -> None:
    rises_and_falls = 0.9 - ((np.arange(101) * 50 - 3_000) / 10_000) ** 2
    step, value = curves.peak(curve(rises_and_falls, every=50), maximize=True)
    assert step == 3_000
    assert value == pytest.approx(0.9, abs=1e-3)
    assert curves.decay_start(step) == 2_700


def test_minimize_finds_the_lowest() -> None:
    dev = curve([3.0, 3.0, 2.0, 1.0, 1.0, 1.0, 2.0, 3.0, 3.0], every=50)
    assert curves.peak(dev, maximize=False) == (200, 1.0)


def test_a_short_steep_dev_curve_is_not_averaged_down() -> None:
    assert curves.peak(curve([0.5, 0.9, 0.98], every=50), maximize=True) == (100, 0.98)
    assert curves.peak(curve([0.93, 0.98], every=50), maximize=True) == (50, 0.98)


def test_one_lucky_evaluation_is_not_the_peak() -> None:
    values = np.r_[np.linspace(0.5, 0.9, 15), np.full(5, 0.9)]
    values[4] = 0.99
    step, value = curves.peak(curve(values, every=50), maximize=True)
    assert step >= 700
    assert value == pytest.approx(0.9, abs=0.01)


def test_the_peak_of_nothing_is_nan() -> None:
    step, value = curves.peak(curve([math.nan, math.inf]), maximize=True)
    assert step == 0
    assert math.isnan(value)


@pytest.mark.parametrize("n", [12, 40])
def test_dev_noise_is_the_standard_error_of_the_peak_within_a_factor_of_two(n: int) -> None:
    rng = np.random.default_rng(2)
    runs = [curve(0.9 - 0.5 * np.exp(-np.arange(n) / (n / 6)) + 0.01 * rng.standard_normal(n)) for _ in range(150)]
    actual = np.std([curves.peak(run, maximize=True)[1] for run in runs])
    assert 0.5 < np.median([curves.dev_noise(run, maximize=True) for run in runs]) / actual < 2.0


def test_few_evaluations_say_nothing_about_their_noise() -> None:
    assert curves.dev_noise(curve([0.1, 0.2, 0.3]), maximize=True) == math.inf
    assert curves.dev_noise(curve([0.1, 0.2, 0.3, 0.4]), maximize=True) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("peak_at", "verdict"), [(5, "too_long"), (30, "fine"), (60, "fine"), (90, "too_short"), (100, "too_short")]
)
@pytest.mark.parametrize("maximize", [True, False])
def test_length_verdict(peak_at: int, verdict: str, *, maximize: bool) -> None:
    gap = np.abs(np.arange(101) - peak_at) / 100
    dev = curve(0.9 - gap if maximize else gap, every=10)
    assert curves.length_verdict(dev, 1_000, maximize=maximize) == verdict


def test_a_plateau_is_judged_by_where_it_begins() -> None:
    values = np.r_[np.linspace(0, 0.9, 30), np.full(70, 0.9) + 0.001 * np.sin(np.arange(70))]
    assert curves.length_verdict(curve(values, every=10), 1_000, maximize=True) == "fine"


def test_the_plateau_begins_within_noise_of_the_peak() -> None:
    rising = np.r_[np.linspace(0, 0.9, 30), np.full(70, 0.9)]
    noise = 0.01 * np.sin(37.0 * np.arange(100))
    assert curves.plateau_step(curve(rising + noise, every=10), maximize=True) == pytest.approx(300, abs=40)
    assert curves.plateau_step(curve(-rising - noise, every=10), maximize=False) == pytest.approx(300, abs=40)
    assert curves.plateau_step(curve(rising[:3]), maximize=True) is None


def test_length_verdict_without_much_to_go_by() -> None:
    assert curves.length_verdict(Curve.empty(), 100, maximize=True) == "fine"
    assert curves.length_verdict(Curve(np.array([50, 100]), np.array([0.5, 0.9])), 100, maximize=True) == "fine"


# --- thinning and merging ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("thinning", [curves.thin, curves.minmax_thin])
@given(original=any_curve(), points=st.integers(4, 60))
def test_thinning_keeps_ends_extremes_and_order(
    thinning: Callable[[Curve, int], Curve], original: Curve, points: int
) -> None:
    thinned = thinning(original, points)
    assert len(thinned) <= max(points, 4)
    assert np.all(np.diff(thinned.steps) > 0)
    values = original.values[np.searchsorted(original.steps, thinned.steps)]
    np.testing.assert_array_equal(values, thinned.values)
    if len(original):
        assert (thinned.steps[0], thinned.steps[-1]) == (original.steps[0], original.steps[-1])
    if np.isfinite(original.values).any():
        for extreme in (np.min, np.max):
            kept = thinned.values[np.isfinite(thinned.values)]
            assert extreme(kept) == extreme(original.values[np.isfinite(original.values)])


def test_thin_is_dense_where_a_learning_curve_is_steep() -> None:
    steps = curves.thin(curve(falling(10_000, 500)), 100).steps
    assert 60 <= steps.size <= 100
    assert np.median(steps) < 1_000


def test_minmax_thin_keeps_spikes_everywhere_and_long_gaps() -> None:
    values = np.ones(1_000)
    values[[100, 500, 900]] = [5, -5, 7]
    values[300:400] = math.nan
    thinned = curves.minmax_thin(curve(values), 60)
    assert {5, -5, 7} <= set(thinned.values.tolist())
    assert np.isnan(thinned.values[(thinned.steps >= 300) & (thinned.steps < 400)]).any()


@pytest.mark.parametrize("thinning", [curves.thin, curves.minmax_thin])
def test_thinning_to_fewer_than_four_points_is_refused(thinning: Callable[[Curve, int], Curve]) -> None:
    with pytest.raises(ValueError, match="at least 4 points"):
        thinning(curve([1, 2, 3, 4, 5]), 3)


def test_a_later_attempt_supersedes_the_points_it_repeats() -> None:
    first = curve([0, 1, 2, 3, 4, 5])
    second = Curve(np.array([2, 3, 4, 5, 6]), np.array([-1.0, 30, 40, 50, 60]))
    merged = curves.merge_attempts([(0, first), (3, second)])
    assert merged.steps.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert merged.values.tolist() == [0, 1, -1, 30, 40, 50, 60]


def test_what_was_measured_at_the_checkpoint_stays() -> None:
    first, second = Curve(np.array([100, 200, 300]), np.array([0.1, 0.2, 0.3])), Curve(np.array([300]), np.array([0.4]))
    merged = curves.merge_attempts([(0, first), (200, second)])
    assert (merged.steps.tolist(), merged.values.tolist()) == ([100, 200, 300], [0.1, 0.2, 0.4])
    unmeasured = curves.merge_attempts([(0, first), (200, Curve.empty())])
    assert unmeasured.steps.tolist() == [100, 200]


def test_an_attempt_that_started_over_leaves_nothing_of_the_first() -> None:
    first = Curve(np.array([1, 2, 3]), np.ones(3))
    assert len(curves.merge_attempts([(0, first), (0, Curve.empty())])) == 0
    assert len(curves.merge_attempts([])) == 0


@given(st.lists(st.tuples(st.integers(0, 500), any_curve()), max_size=5))
def test_merging_is_idempotent_and_in_order(parts: list[tuple[int, Curve]]) -> None:
    once = curves.merge_attempts(parts)
    again = curves.merge_attempts([(0, once), *parts[-1:]])
    assert np.all(np.diff(once.steps) > 0)
    np.testing.assert_array_equal(once.steps, again.steps)
    np.testing.assert_array_equal(once.values, again.values)


# --- what holds for all ------------------------------------------------------------------------------------------


def numbers(of: Curve) -> list[float]:
    """Return everything that is measured in the metric's own unit."""
    return [
        curves.depth(of),
        curves.area(of),
        curves.noise(of),
        curves.area_noise(of),
        curves.peak(of, maximize=True)[1],
        curves.dev_noise(of, maximize=True),
    ]


@given(any_curve())
@example(curve([1e99, -1e99] * 40))
@example(curve([5e-324, 0.0] * 40))
def test_no_value_anywhere_makes_anything_raise(wild: Curve) -> None:
    assert all(isinstance(number, float) for number in numbers(wild))
    assert len(curves.smooth(wild)) == len(wild)
    curves.diverged(wild)
    curves.convergence_step(wild)
    assert curves.length_verdict(wild, 1_000, maximize=False) in {"too_long", "fine", "too_short"}


@given(any_curve(st.floats(0.01, 100), min_size=1), st.integers(-20, 20))
def test_scaling_a_curve_scales_its_numbers_and_changes_no_verdict(original: Curve, exponent: int) -> None:
    scaled = Curve(original.steps, original.values * 2.0**exponent)
    assert numbers(scaled) == pytest.approx([number * 2.0**exponent for number in numbers(original)], rel=1e-9)
    assert curves.convergence_step(scaled) == curves.convergence_step(original)
    assert (curves.diverged(scaled) is None) == (curves.diverged(original) is None)
    assert curves.peak(scaled, maximize=False)[0] == curves.peak(original, maximize=False)[0]


@given(any_curve(st.floats(0.01, 100), min_size=1), st.data())
def test_a_gap_changes_no_more_than_leaving_the_point_out(original: Curve, data: st.DataObject) -> None:
    gap = data.draw(st.integers(0, len(original) - 1))
    values = original.values.copy()
    values[gap] = math.nan
    without = Curve(np.delete(original.steps, gap), np.delete(original.values, gap))
    np.testing.assert_array_equal(numbers(Curve(original.steps, values)), numbers(without))


# --- time to target ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "target", "maximize", "step"),
    [
        ([0.1, 0.5, 0.9, 0.9], 0.9, True, 30),
        ([0.9, 0.5, 0.1, 0.1], 0.1, False, 30),
        ([0.1, 0.2, 0.3, 0.3], 0.9, True, None),
        ([], 0.9, True, None),
        ([math.nan, math.nan], 0.9, True, None),
    ],
)
def test_the_first_step_at_which_a_target_is_reached(
    values: list[float], target: float, maximize: bool, step: int | None
) -> None:
    found = curves.first_reached(curve(values, every=10), target, maximize=maximize)
    assert found == step


def test_a_single_lucky_evaluation_reaches_no_target() -> None:
    assert curves.first_reached(curve([0.1, 0.1, 0.99, 0.1, 0.1, 0.1]), 0.9, maximize=True) is None
