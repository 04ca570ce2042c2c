"""Means, standard errors and leads."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.core.stats import Estimate, lead, mean_and_standard_error, paired_lead, pooled_deviation

FLOATS = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("values", "noise", "expected"),
    [
        pytest.param([0.9], 0.01, Estimate(0.9, 0.01, 1), id="one replicate: the curve's own noise"),
        pytest.param([0.9], math.inf, Estimate(0.9, math.inf, 1), id="one replicate, noise unknown"),
        pytest.param([1.0, 3.0], math.inf, Estimate(2.0, 1.0, 2), id="replicates speak for themselves"),
        pytest.param([2.0, 2.0], 0.5, Estimate(2.0, 0.5 / math.sqrt(2), 2), id="agreement by chance is no proof"),
        pytest.param([math.nan, 0.9, math.inf], 0.01, Estimate(0.9, 0.01, 1), id="only finite values count"),
    ],
)
def test_mean_and_standard_error(values: list[float], noise: float, expected: Estimate) -> None:
    assert mean_and_standard_error(values, noise) == expected


def test_nothing_finite_is_nothing_known() -> None:
    estimate = mean_and_standard_error([math.nan], 0.1)
    assert math.isnan(estimate.mean)
    assert (estimate.standard_error, estimate.count) == (math.inf, 0)


def test_pooled_deviation_weighs_groups_by_their_freedom() -> None:
    assert pooled_deviation([[1.0, 3.0], [10.0, 10.0, 10.0], [5.0]]) == pytest.approx(math.sqrt(2 / 3))
    assert pooled_deviation([[1.0], []]) == math.inf


def test_a_lead_adds_variances_and_is_clear_beyond_two_standard_errors() -> None:
    a, b = Estimate(0.93, 0.003, 2), Estimate(0.92, 0.004, 1)
    assert lead(a, b).value == pytest.approx(0.01)
    assert lead(a, b).standard_error == pytest.approx(0.005)
    assert not lead(a, b, z=2.1).clear
    assert lead(a, b, z=1.9).clear


@given(st.lists(FLOATS, min_size=1, max_size=6), st.lists(FLOATS, min_size=1, max_size=6), st.floats(0, 1e3))
def test_a_lead_is_antisymmetric(a: list[float], b: list[float], noise: float) -> None:
    one, other = mean_and_standard_error(a, noise), mean_and_standard_error(b, noise)
    there, back = lead(one, other), lead(other, one)
    assert (there.value, there.standard_error, there.clear) == (-back.value, back.standard_error, back.clear)


def test_a_false_lead_is_called_in_about_one_of_twenty_fair_comparisons() -> None:
    draws = np.random.default_rng(0).normal(size=(2_000, 2))
    clear = [lead(Estimate(a, 1.0, 1), Estimate(b, 1.0, 1)).clear for a, b in draws]
    assert 0.03 < np.mean(clear) < 0.06


def test_pairs_see_a_lead_that_their_common_seeds_hide() -> None:
    one, other = [0.70, 0.72, 0.74], [0.69, 0.712, 0.729]
    apart = lead(mean_and_standard_error(one), mean_and_standard_error(other))
    paired = paired_lead([a - b for a, b in zip(one, other, strict=True)], 0.002)
    assert not apart.clear
    assert paired.clear
    assert paired.pairs == 3
    assert paired.value == pytest.approx(apart.value)


def test_pairs_that_agree_by_chance_are_no_proof_that_there_is_no_noise() -> None:
    assert not paired_lead([0.01, 0.01], 0.02).clear
    assert paired_lead([0.01, 0.01], 0.002).clear


def test_what_rounding_leaves_of_equal_values_is_no_lead() -> None:
    third = 0.1 + 0.2  # 0.30000000000000004
    assert lead(Estimate(third, 0.1, 1), Estimate(0.3, 0.1, 1)).value == 0.0
    assert paired_lead([third - 0.3, 0.5, -0.5], 0.1).value == 0.0
    assert lead(Estimate(1e-9, 0.0, 1), Estimate(2e-9, 0.0, 1)).value == pytest.approx(-1e-9)
