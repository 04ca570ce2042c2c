"""Means, standard errors and whether a lead is more than noise. Repeats decide where there are any.

The rule for "clear" is two standard errors of the difference, about 95 % for a fair guess of the noise: in tuning, a
tie called by mistake costs a few repeats, a lead called by mistake is carried through all later stages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

Z = 2.0
"""Standard errors by which a difference must exceed zero to be called clear (two-sided, about 5 %)."""

DUST = 1e-12
"""Share of two values below which their difference is rounding: float64 keeps sixteen digits, sums lose a few."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error (infinite where nothing is known of the noise) from `count` replicates."""

    mean: float
    standard_error: float
    count: int


@dataclass(frozen=True)
class Lead:
    """How far one estimate lies above another.

    Attributes:
        value: in the metric's own unit, negative where it lies below.
        standard_error: of ``value``; infinite where nothing is known of the noise.
        clear: whether it is more than noise.
        pairs: seeds in common over which the two were compared, 0 where each was taken by itself.
    """

    value: float
    standard_error: float
    clear: bool
    pairs: int = 0


def mean_and_standard_error(values: Sequence[float], noise: float = math.inf) -> Estimate:
    """Return the mean of replicates (seeds) with its standard error; values that are not finite take no part.

    Args:
        values: one result a replicate.
        noise: standard deviation of one result as known from elsewhere: the curve's own noise, or
            `pooled_deviation` of a stage. It alone speaks for one replicate, and is the least that is believed for
            more: two seeds that agree by chance are no proof that there is no noise.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Estimate(math.nan, math.inf, 0)
    spread = noise if len(finite) == 1 else float(np.std(finite, ddof=1))
    known = noise if math.isfinite(noise) else 0.0
    return Estimate(float(np.mean(finite)), max(spread, known) / math.sqrt(len(finite)), len(finite))


def pooled_deviation(groups: Sequence[Sequence[float]]) -> float:
    """Return the standard deviation within groups of replicates, all groups together; infinite without repeats."""
    repeated = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in repeated)
    if not freedom:
        return math.inf
    return math.sqrt(sum(float(np.var(group)) * len(group) for group in repeated) / freedom)


def lead(a: Estimate, b: Estimate, z: float = Z) -> Lead:
    """Return the lead of `a` over `b`, variances added as Welch does: neither needs the other's noise."""
    value = _without_dust(a.mean - b.mean, max(abs(a.mean), abs(b.mean)))
    error = math.hypot(a.standard_error, b.standard_error)
    return Lead(value, error, abs(value) > z * error)


def paired_lead(differences: Sequence[float], noise: float) -> Lead:
    """Return the lead by differences within pairs, such as two configurations run with the same seeds.

    Args:
        differences: two or more.
        noise: standard deviation of one difference as known from elsewhere, the least that is believed.
    """
    found = mean_and_standard_error(differences, noise)
    estimate = replace(found, mean=_without_dust(found.mean, max(map(abs, differences))))
    return replace(lead(estimate, Estimate(0.0, 0.0, estimate.count)), pairs=estimate.count)


def _without_dust(difference: float, scale: float) -> float:
    """Return a difference of values of that size, zero where it is what rounding leaves of equal ones."""
    return 0.0 if abs(difference) <= DUST * scale else difference
