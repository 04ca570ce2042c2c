"""The classic forms of decay under the guide's constraints (guide, stage 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from studies.contract.schedule import Schedule
from studies.core import curves, schedules

Builder = Callable[[int, int], Schedule]
"""Builds a schedule from the run's ``num_steps`` and the first step of the decay."""


def _piecewise(num_steps: int, start: int) -> Schedule:
    """Cut to a tenth three times, evenly from `start` on: from a quarter on that is the classic 1/4, 1/2, 3/4."""
    span = num_steps - start
    milestones = sorted({max(1, start + span * third // 3) for third in range(3)})
    return schedules.piecewise(num_steps, tuple(milestones))


FORMS: Mapping[str, Builder] = {
    "linear": schedules.linear_to_zero,
    "exponential": schedules.exponential,
    "cosine": schedules.cosine,
    "polynomial": schedules.polynomial,
    "piecewise": _piecewise,
}


def late(form: str, old_peak: int, num_steps: int) -> Schedule:
    """Return the form with the latest start that the guide allows.

    Two rules bind it: start just before the old dev peak, at 0.9x of it; and by the step of that peak the rate must
    be at most half its initial value. The start is the latest step up to 0.9x the old peak that keeps the second rule.
    Where no start at all keeps it, as with a linear decay and a peak in the first half of the run, the first rule
    stands alone: a decay that begins earlier would kill the run before it is where the undecayed one was best.
    """

    def build(start: int) -> Schedule:
        return FORMS[form](num_steps, start)

    def halved_in_time(start: int) -> bool:
        step = schedules.half_lr_step(build(start))
        return step is not None and step <= old_peak

    latest = min(curves.decay_start(old_peak), num_steps - 1)
    return build(_last(latest, halved_in_time))


def _last(latest: int, holds: Callable[[int], bool]) -> int:
    """Return the greatest step up to `latest` for which `holds` is true, by bisection; `latest` where none is found."""
    if holds(latest) or not holds(0):
        return latest
    low, high = 0, latest
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
