"""What a curve is drawn over: steps, epochs, samples seen or time. Arithmetic alone.

A curve is stored by step. What a step is worth differs from trial to trial: a batch of 128 sees twice the samples of
one of 64, and a card that is shared takes longer over each. A `Ruler` says what is known of one trial, `positions`
measures its steps by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.figures.series import Series
from service.usage import steps_done
from studies.contract.study_file import BuiltinObjective, StudySpec
from studies.contract.views import AttemptView, TrialView
from studies.core.snapshot import Curve

Axis = Literal["step", "epoch", "samples", "time"]
Positions = NDArray[np.float64]

EPOCH = "epoch"
"""A metric of this name says how many passes over the training set a run has made; it goes before what we know."""

TITLES: Final[dict[Axis, str]] = {
    "step": "step",
    "epoch": "epoch",
    "samples": "samples seen",
    "time": "time trained",
}

TRAINING_SETS: Final = {
    "digits": 1_797,
    "MNIST": 60_000,
    "FashionMNIST": 60_000,
    "KMNIST": 60_000,
    "CIFAR10": 50_000,
    "CIFAR100": 50_000,
    "SVHN": 73_257,
    "STL10": 5_000,
}
"""Samples of the training sets that are named in study files most, the dev part included."""

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0


@dataclass(frozen=True)
class Span:
    """Steps trained in one go, and how long that took.

    Attributes:
        first: completed steps at its beginning.
        last: completed steps at its end that were built upon; `first` where all of them were done again.
        seconds: its length.
    """

    first: int
    last: int
    seconds: float


@dataclass(frozen=True)
class Ruler:
    """What is known of a trial to measure its steps by; None or empty where it is not known.

    Attributes:
        batch_size: samples of a step.
        epoch_samples: samples of a pass over the training set.
        epochs: the metric `EPOCH` over steps, where the run reports it.
        spans: its attempts in order.
    """

    batch_size: int | None = None
    epoch_samples: int | None = None
    epochs: Curve | None = None
    spans: tuple[Span, ...] = ()


def ruler(trial: TrialView, attempts: Sequence[AttemptView], spec: StudySpec, now: float) -> Ruler:
    """Return what is known of `trial`; `now` (seconds since 1970) ends the attempt that still runs."""
    size = trial.params.get("batch_size")
    return Ruler(
        batch_size=size if isinstance(size, int) and size > 0 else None,
        epoch_samples=epoch_samples(spec),
        spans=spans(attempts, steps_done(trial), now),
    )


def epoch_samples(spec: StudySpec) -> int | None:
    """Return the samples that a run of the study trains on, where that is known: the data set less its dev part."""
    if not isinstance(spec.objective, BuiltinObjective):
        return None
    whole = TRAINING_SETS.get(spec.objective.args.dataset)
    return None if whole is None else round(whole * (1 - spec.objective.args.dev_fraction))


def spans(attempts: Sequence[AttemptView], last_step: int, now: float) -> tuple[Span, ...]:
    """Return the spans of a trial's attempts: each goes as far as the next one begins, the last one to `last_step`."""
    begins = [attempt.started_from for attempt in attempts]
    ends = [*begins, last_step][1:]
    return tuple(
        Span(first, max(first, last), max(0.0, (attempt.ended_at or now) - attempt.started_at))
        for attempt, first, last in zip(attempts, begins, ends, strict=True)
    )


def positions(axis: Axis, steps: ArrayLike, by: Ruler) -> Positions | None:
    """Return where `steps` [n] stand on `axis` [n], None where too little is known of the trial.

    Time is in seconds from the trial's first start, the waits between attempts left out. Within an attempt steps are
    taken to be equally long; steps that were lost and done again take their time once more.
    """
    at = np.asarray(steps, np.float64)
    match axis:
        case "step":
            return at
        case "samples":
            return None if by.batch_size is None else at * by.batch_size
        case "epoch":
            return _epochs(at, by)
        case "time":
            return _seconds(at, by.spans)


def _epochs(steps: Positions, by: Ruler) -> Positions | None:
    if by.epochs is not None and len(by.epochs):
        return np.asarray(np.interp(steps, [0, *by.epochs.steps], [0.0, *by.epochs.values]), np.float64)
    if by.batch_size is None or not by.epoch_samples:
        return None
    return steps * by.batch_size / by.epoch_samples


def _seconds(steps: Positions, trained: Sequence[Span]) -> Positions | None:
    """Return the seconds by which each step was completed: between what is known, in a straight line."""
    if not trained or trained[-1].last <= 0:
        return None
    before = np.cumsum([0.0, *(span.seconds for span in trained)])
    seconds = np.zeros_like(steps)
    for span, begun in zip(trained, before, strict=False):
        own = (steps > span.first) & (span.last > span.first)
        share = (steps[own] - span.first) / (span.last - span.first)
        seconds[own] = begun + np.minimum(share, 1.0) * span.seconds
    return seconds


def on_axis(points: Series, axis: Axis, by: Ruler) -> Series | None:
    """Return `points` over `axis` instead of steps, None where too little is known of the trial."""
    at = positions(axis, points.steps, by)
    return None if at is None else replace(points, steps=tuple(at.tolist()))


def time_unit(longest: float) -> tuple[float, str]:
    """Return the unit, in seconds and by name, in which times up to `longest` seconds are easy to read."""
    for unit, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if longest >= 2 * unit:
            return unit, name
    return 1.0, "seconds"
