"""How trials are weighed: what a run says, the runs of one configuration together, and who leads beyond noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.core import curves
from studies.core.remembering import once
from studies.core.snapshot import LOSS, Curve, Trial
from studies.core.stats import Estimate, Lead, lead, mean_and_standard_error, paired_lead, pooled_deviation


@dataclass(frozen=True)
class Reading:
    """What one run says: ``value``, higher is better, and its standard deviation by the curve's own noise."""

    value: float
    noise: float


depth = once(curves.depth)
noise = once(curves.noise)
area = once(curves.area)
area_noise = once(curves.area_noise)
peak = once(curves.peak)
dev_noise = once(curves.dev_noise)

PAIRS = 2
"""Seeds in common from which on two configurations are compared seed by seed."""

Measure = Callable[[Trial], Reading | None]
"""Reads a run; None where there is nothing to read."""


Summary = Callable[[Curve], float]


@dataclass(frozen=True)
class Contender:
    """A configuration with its completed runs.

    Attributes:
        trials: its runs in the order of the study, so the repeats come last.
        readings: what they say, one a trial.
        asked: how many of the runs were there before any repeat.
        pooled: standard deviation between seeds over all contenders, infinite while nothing has been repeated.
    """

    trials: tuple[Trial, ...]
    readings: tuple[Reading, ...]
    asked: int
    pooled: float = math.inf

    @property
    def params(self) -> Params:
        return self.trials[0].params

    @property
    def schedule(self) -> Schedule:
        return self.trials[0].schedule

    @property
    def num_steps(self) -> int:
        return self.trials[0].num_steps

    @property
    def key(self) -> str:
        """The id of its first run, which names it whatever runs are looked at."""
        return self.trials[0].id

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(reading.value for reading in self.readings)

    @cached_property
    def estimate(self) -> Estimate:
        known = [known for known in (self._curve_noise, self.pooled) if math.isfinite(known)]
        return mean_and_standard_error(self.values, max(known, default=math.inf))

    @property
    def _curve_noise(self) -> float:
        return float(np.mean([reading.noise for reading in self.readings]))

    @property
    def mean(self) -> float:
        return self.estimate.mean

    @property
    def best_trial(self) -> Trial:
        """Its best run, of equal ones the first."""
        return self.trials[max(range(len(self.values)), key=self.values.__getitem__)]

    def leads(self, other: Contender) -> Lead:
        """Return by how much it is better than `other`, and whether that is more than noise.

        Over the seeds that both were run with, where those are two or more: a seed gives both the same initialisation
        and order of the data, so what it does to both is not noise between them.
        """
        theirs = {trial.seed: reading for trial, reading in zip(other.trials, other.readings, strict=True)}
        pairs = [(mine, theirs[t.seed]) for t, mine in zip(self.trials, self.readings, strict=True) if t.seed in theirs]
        if len(pairs) < PAIRS:
            return lead(self.estimate, other.estimate)
        return paired_lead(
            [a.value - b.value for a, b in pairs], float(np.mean([math.hypot(a.noise, b.noise) for a, b in pairs]))
        )

    def after(self, rounds: int) -> Contender:
        """Return it as it stood after that many rounds of repeats."""
        count = self.asked + rounds
        return replace(self, trials=self.trials[:count], readings=self.readings[:count])


def contenders(
    trials: Iterable[Trial], measure: Measure, same: Callable[[Trial], object], asked: Callable[[Trial], bool]
) -> tuple[Contender, ...]:
    """Put together the runs that are the `same` configuration; runs with nothing to read take no part.

    `asked` says which runs were there before any repeat. A seed counts once: run again, it says nothing new.
    """
    groups: dict[object, list[tuple[Trial, Reading]]] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        reading, group = measure(trial), groups.setdefault(same(trial), [])
        if reading is not None and trial.seed not in {known.seed for known, _ in group}:
            group.append((trial, reading))
    return pooled([_contender(group, asked) for group in groups.values() if group])


def _contender(runs: Sequence[tuple[Trial, Reading]], asked: Callable[[Trial], bool]) -> Contender:
    trials = tuple(trial for trial, _ in runs)
    return Contender(trials, tuple(reading for _, reading in runs), max(1, sum(map(asked, trials))))


def pooled(group: Sequence[Contender]) -> tuple[Contender, ...]:
    """Return the contenders with the deviation between seeds that they show together."""
    deviation = pooled_deviation([contender.values for contender in group])
    return tuple(replace(contender, pooled=deviation) for contender in group)


def configuration(trial: Trial) -> object:
    """Return what two runs have in common that differ by their seed alone."""
    return tuple(sorted(trial.params.items())), trial.schedule, trial.num_steps


def by_mean(group: Iterable[Contender]) -> list[Contender]:
    """Return the contenders best first; of equal means the one that was asked for first."""
    return sorted(group, key=lambda contender: -contender.mean)


# --- measures ----------------------------------------------------------------------------------------------------


def loss_depth(limit: int | None = None) -> Measure:
    """Read how deep the smoothed training loss ends, up to step `limit` (guide, stage 1)."""
    return lambda trial: _of_loss(upto(trial.curve(LOSS), limit), depth, noise)


def loss_area(limit: int | None = None) -> Measure:
    """Read how fast the training loss falls: the area under it, smaller is better (guide, stage 1)."""
    return lambda trial: _of_loss(upto(trial.curve(LOSS), limit), area, area_noise)


def _of_loss(loss: Curve, summary: Summary, error: Summary) -> Reading | None:
    return _reading(-summary(loss), error(loss)) if has_values(loss) else None


def dev_peak(name: str, *, maximize: bool) -> Measure:
    """Read the peak of the smoothed dev metric, turned so that higher is better (guide, stage 2)."""

    def read(trial: Trial) -> Reading | None:
        dev = trial.curve(name)
        if not has_values(dev):
            return None
        _, value = peak(dev, maximize=maximize)
        return _reading(value if maximize else -value, dev_noise(dev, maximize=maximize))

    return read


def _reading(value: float, error: float) -> Reading | None:
    return Reading(value, error if math.isfinite(error) else math.inf) if math.isfinite(value) else None


@once
def has_values(curve: Curve) -> bool:
    """Return whether there is any finite value."""
    return bool(np.isfinite(curve.values).any())


def upto(curve: Curve, limit: int | None) -> Curve:
    """Return the part of a curve up to and with step `limit`."""
    if limit is None or not len(curve) or curve.steps[-1] <= limit:
        return curve
    kept = curve.steps <= limit
    return Curve(curve.steps[kept], curve.values[kept])


def unsound(trial: Trial) -> bool:
    """Return whether the training loss does not fall: it ends no deeper than it began, but for its noise."""
    return _does_not_fall(trial.curve(LOSS))


@once
def _does_not_fall(loss: Curve) -> bool:
    if not has_values(loss):
        return False
    smoothed = curves.smooth(loss).values
    first = float(smoothed[np.isfinite(smoothed)][0])
    margin = noise(loss)
    return depth(loss) >= first - (margin if math.isfinite(margin) else 0.0)


def tied(a: Contender, b: Contender) -> bool:
    """Return whether nobody can say which is better: their noise is known, and the lead is within it.

    Where noise cannot be told at all (a handful of points, one run each) the values are all there is, and they count.
    """
    lead_of_a = a.leads(b)
    return not lead_of_a.clear and math.isfinite(lead_of_a.standard_error)
