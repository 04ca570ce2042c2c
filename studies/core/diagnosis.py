"""Diagnosis: what a curve is telling, with usual causes and the next thing to try (guide, section 6).

Only what loss, accuracy and dev curves can show stands here; gradients, weights and activations need the run itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from studies.core.curves import depth, diverged, noise, peak, smooth
from studies.core.curves.smoothing import HUGE, usable
from studies.core.snapshot import Curve

Symptom = Literal[
    "not_finite", "huge", "exactly_zero", "stuck", "too_slow", "oscillating", "overfitting", "underfitting"
]

MIN_POINTS = 20
"""A loss with fewer points is not judged by its shape."""

STUCK_SHARE = 0.05
"""A loss that fell by less than this share is stuck; at chance means within this share of ln(classes)."""

SLOW_SHARE = 0.5
"""A loss that keeps more than this share of its first level, and still falls, falls too slowly."""

RAGGED = 0.2
"""Scatter of the last quarter, in shares of the whole fall, from which on a loss oscillates."""

GAP = 0.05
"""Training accuracy above dev accuracy by more than this is overfitting (guide, section 4)."""

UNDER = 0.02
"""Training accuracy below dev accuracy by more than this is underfitting: it is seldom the lower one by chance."""


@dataclass(frozen=True)
class Finding:
    """A symptom that a curve shows.

    Attributes:
        evidence: one sentence with the numbers that show it.
        causes: its usual causes, most likely first.
        next_step: the next thing to try, one sentence.
    """

    symptom: Symptom
    evidence: str
    causes: tuple[str, ...]
    next_step: str


def diagnose(
    loss: Curve,
    train_accuracy: Curve | None = None,
    dev: Curve | None = None,
    classes: int | None = None,
) -> tuple[Finding, ...]:
    """Return what the curves of one run show, gravest first; nothing for a healthy run.

    Args:
        loss: training loss of every step.
        train_accuracy: accuracy on training batches, in [0, 1]; None or empty where it is not recorded.
        dev: accuracy on the dev set, in [0, 1]; None or empty where the dev metric is another one.
        classes: number of classes for which ``ln(classes)`` is the loss of guessing; None where it is no such task.
    """
    broken = _broken(loss)
    found = (broken,) if broken else _shape(loss, classes)
    return tuple(finding for finding in (*found, _gap(train_accuracy, dev)) if finding is not None)


def _broken(loss: Curve) -> Finding | None:
    reason = diverged(loss)
    if reason is None:
        return _exactly_zero(loss)
    finite = bool((np.abs(loss.values) < HUGE).all())
    return Finding(
        "huge" if finite else "not_finite",
        f"{reason[0].upper()}{reason[1:]}.",
        (
            "learning rate too large",
            "NaN, Inf or outliers in the data",
            "loss scale of mixed precision",
            "initialisation",
        ),
        "Lower the learning rate by a factor of ten; if it stays, look for NaN, Inf and outliers in the inputs.",
    )


def _exactly_zero(loss: Curve) -> Finding | None:
    tail = loss.values[-MIN_POINTS:]
    if tail.size < MIN_POINTS or np.any(tail != 0.0):
        return None
    return Finding(
        "exactly_zero",
        f"The training loss was exactly 0 in all of its last {MIN_POINTS} steps.",
        ("wrong loss or wrong labels", "a few samples learnt by heart", "underflow in half precision"),
        "Check what the loss is computed from: labels, reduction and precision.",
    )


def _shape(loss: Curve, classes: int | None) -> tuple[Finding | None, ...]:
    if len(loss) < MIN_POINTS:
        return ()
    start, end = _start(loss), depth(loss)
    if _stuck(start, end, classes):
        return (_stuck_finding(start, end, classes),)
    return _too_slow(loss, start, end), _oscillating(loss, start - end)


def _start(loss: Curve) -> float:
    """Return where a loss began; a blow-up in the first updates does not count."""
    return float(min(loss.values[0], smooth(loss).values[0]))


def _stuck(start: float, end: float, classes: int | None) -> bool:
    chance = math.log(classes) if classes and classes > 1 else math.inf
    return start - end < STUCK_SHARE * abs(start) or abs(end - chance) < STUCK_SHARE * end


def _stuck_finding(start: float, end: float, classes: int | None) -> Finding:
    guessing = f"; guessing among {classes} classes costs {math.log(classes):.3g}" if classes else ""
    return Finding(
        "stuck",
        f"The training loss began at {start:.3g} and ends at {end:.3g}{guessing}.",
        (
            "learning rate too small, or so large that the first updates killed the net",
            "frozen or shared weights by mistake",
            "labels that do not belong to their inputs, no shuffling",
            "initialisation",
        ),
        "Try a rate ten times smaller and one ten times larger; if neither falls, train on one batch until it fits.",
    )


def _too_slow(loss: Curve, start: float, end: float) -> Finding | None:
    before = float(smooth(loss).values[len(loss) * 3 // 4])
    if end < SLOW_SHARE * start or before - end <= 2 * noise(loss):
        return None
    return Finding(
        "too_slow",
        f"The training loss has come from {start:.3g} to {end:.3g} only and still falls at the end.",
        ("learning rate too small", "too few steps", "batch too large for this number of steps"),
        "Raise the learning rate three- to tenfold, or give the run more steps.",
    )


def _oscillating(loss: Curve, fall: float) -> Finding | None:
    scatter = (loss.values - smooth(loss).values)[-len(loss) // 4 :]
    deviation = float(np.sqrt(np.mean(scatter**2)))
    if deviation <= RAGGED * fall:
        return None
    return Finding(
        "oscillating",
        f"In its last quarter the training loss scatters by {deviation:.3g}, against a whole fall of {fall:.3g}.",
        ("learning rate too large", "batch too small", "no shuffling"),
        "Lower the learning rate two- to threefold, or let it decay; a larger batch is the other way.",
    )


def _gap(train_accuracy: Curve | None, dev: Curve | None) -> Finding | None:
    if train_accuracy is None or dev is None or not len(usable(train_accuracy)) or not len(usable(dev)):
        return None
    train, held_out = depth(train_accuracy), peak(dev, maximize=True)[1]
    evidence = f"Accuracy is {train:.3f} on training batches and {held_out:.3f} at best on the dev set."
    if train - held_out > GAP:
        return Finding("overfitting", evidence, _OVERFITTING, _AGAINST_OVERFITTING)
    if held_out - train > UNDER:
        return Finding("underfitting", evidence, _UNDERFITTING, _AGAINST_UNDERFITTING)
    return None


_OVERFITTING = ("model too large for the data", "too many epochs", "too little regularisation", "preprocessing differs")
_AGAINST_OVERFITTING = (
    "Raise weight decay, add augmentation, label smoothing or dropout, stop earlier, or take a smaller model."
)
_UNDERFITTING = ("regularisation too strong", "augmentation too strong", "too few steps")
_AGAINST_UNDERFITTING = "Lower weight decay, weaken augmentation, leave out label smoothing, or train longer."
