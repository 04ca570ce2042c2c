"""Diagnosis: what a curve is telling, with usual causes and the next thing to try (guide, section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from studies.core.snapshot import Curve

Symptom = Literal[
    "not finite", "huge", "stuck", "too slow", "oscillating", "exactly zero", "overfitting", "underfitting"
]


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
    """Return what the curves of one run show, gravest first; nothing for a healthy run."""
    return ()
