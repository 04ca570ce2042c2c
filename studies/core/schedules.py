"""What a `Schedule` means: the factor on the peak learning rate at each step. One code for workers, rules and plots.

Guide, stage 3. Steps are optimiser updates, counted from 0. Three phases, joined where they meet:

- **warmup**, steps ``[0, warmup_steps)``: ``step / warmup_steps``, so 0 at step 0 and 1 at step ``warmup_steps``;
- **decay**, from ``max(start, warmup_steps)`` to ``end``: the form's own curve. A decay that was to start within the
  warmup starts when the warmup is over, so that the peak is reached first ("then decay", P and B). The milestones of
  a piecewise decay stay where they are: one within the warmup counts when the warmup is over;
- from ``end`` on the value that the decay ends at.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from studies.contract.schedule import Schedule, ScheduleKind

LAZY_INTERVAL = 100
"""Steps between two recomputations of a lazy linear decay that are "fine" (guide, stage 3)..."""

LAZY_SHARE = 50
"""...for runs of some thousand steps; shorter ones are recomputed this many times at least."""

HALF = 0.5
"""What the factor must have come down to by the step of the old dev peak (guide, stage 3)."""


def lr(schedule: Schedule, peak: float, step: int) -> float:
    """Return the learning rate of update number `step`."""
    return peak * factor(schedule, step)


def factor(schedule: Schedule, step: int) -> float:
    """Return what the peak learning rate is multiplied by at `step`."""
    end = schedule.end
    if end is not None and step >= end:
        step = end
    elif step < schedule.warmup_steps:
        return step / schedule.warmup_steps
    return _DECAY[schedule.kind](schedule, step)


def factors(schedule: Schedule, steps: Iterable[int] | NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the factor at each of `steps` (shape [n]), for plots."""
    return np.fromiter((factor(schedule, int(step)) for step in steps), np.float64)


def half_lr_step(schedule: Schedule) -> int | None:
    """Return the first step of the decay at which the rate is at most half its peak; None where there is none.

    The warmup does not count: the guide asks that the decay has halved the rate by the old dev peak.
    """
    if schedule.end is None:
        return None
    decay = range(schedule.warmup_steps, schedule.end + 1)
    found = bisect_left(decay, x=True, key=lambda step: factor(schedule, step) <= HALF)
    return decay[found] if found < len(decay) else None


# --- the forms ---------------------------------------------------------------------------------------------------


def _remaining(schedule: Schedule, step: int) -> float:
    """Return the share of the decay that lies ahead at the latest recomputation: 1 before it, 0 at its end."""
    end = schedule.end or 0
    start = max(schedule.start, schedule.warmup_steps)
    if step >= end:
        return 0.0
    if step <= start:
        return 1.0
    return (end - step + (step - start) % schedule.interval) / (end - start)


def _to_floor(schedule: Schedule, share: float) -> float:
    return schedule.floor + (1.0 - schedule.floor) * share


def _constant(_schedule: Schedule, _step: int) -> float:
    return 1.0


def _linear(schedule: Schedule, step: int) -> float:
    return _to_floor(schedule, _remaining(schedule, step))


def _polynomial(schedule: Schedule, step: int) -> float:
    return _to_floor(schedule, _remaining(schedule, step) ** schedule.power)


def _cosine(schedule: Schedule, step: int) -> float:
    return _to_floor(schedule, (1.0 - math.cos(math.pi * _remaining(schedule, step))) / 2.0)


def _exponential(schedule: Schedule, step: int) -> float:
    elapsed = step - max(schedule.start, schedule.warmup_steps)
    return float(schedule.rate ** max(0, elapsed // schedule.interval))


def _piecewise(schedule: Schedule, step: int) -> float:
    return float(schedule.rate ** bisect_right(schedule.milestones, step))


_DECAY: dict[ScheduleKind, Callable[[Schedule, int], float]] = {
    "constant": _constant,
    "linear": _linear,
    "polynomial": _polynomial,
    "cosine": _cosine,
    "exponential": _exponential,
    "piecewise": _piecewise,
}


# --- builders ----------------------------------------------------------------------------------------------------


def constant(*, warmup_steps: int = 0) -> Schedule:
    return Schedule(kind="constant", warmup_steps=warmup_steps)


def linear_to_zero(num_steps: int, start: int = 0, interval: int | None = None, *, warmup_steps: int = 0) -> Schedule:
    """Lazy linear decay, straight to zero at the end (guide, stage 3: the first to try).

    `interval` None recomputes every 100 steps, in runs below 5,000 steps fifty times.
    """
    interval = interval or max(1, min(LAZY_INTERVAL, num_steps // LAZY_SHARE))
    return Schedule(kind="linear", start=start, end=num_steps, interval=interval, warmup_steps=warmup_steps)


def cosine(num_steps: int, start: int = 0, *, floor: float = 0.0, warmup_steps: int = 0) -> Schedule:
    """Half a cosine from the peak to `floor`: no knobs, and high for long (P)."""
    return Schedule(kind="cosine", start=start, end=num_steps, floor=floor, warmup_steps=warmup_steps)


def polynomial(num_steps: int, start: int = 0, *, power: float = 2.0, warmup_steps: int = 0) -> Schedule:
    return Schedule(kind="polynomial", start=start, end=num_steps, power=power, warmup_steps=warmup_steps)


def exponential(
    num_steps: int,
    start: int = 0,
    rate: float | None = None,
    interval: int | None = None,
    *,
    final: float = 0.01,
    warmup_steps: int = 0,
) -> Schedule:
    """Multiply by `rate` every `interval` steps.

    Left out, the interval is a twentieth of the decay and the rate such that it ends at `final` of the peak: neither
    killed early nor without effect, neither flattening the peak nor useless after the first cut (guide, stage 3).
    """
    span = max(1, num_steps - max(start, warmup_steps))
    interval = interval or max(1, span // 20)
    rate = rate or final ** (1.0 / max(1, span // interval))
    return Schedule(
        kind="exponential", start=start, end=num_steps, rate=rate, interval=interval, warmup_steps=warmup_steps
    )


def piecewise(
    num_steps: int, milestones: tuple[int, ...] | None = None, rate: float = 0.1, *, warmup_steps: int = 0
) -> Schedule:
    """Multiply by `rate` at each milestone: left out at 1/4, 1/2 and 3/4 (30, 60 and 90 of 120 epochs; P, B)."""
    milestones = milestones or tuple(sorted({max(1, num_steps * quarter // 4) for quarter in (1, 2, 3)}))
    return Schedule(
        kind="piecewise",
        start=milestones[0],
        end=num_steps,
        milestones=milestones,
        rate=rate,
        warmup_steps=warmup_steps,
    )


# --- in words ----------------------------------------------------------------------------------------------------


def describe(schedule: Schedule) -> str:
    """Say a schedule to people: ``linear to zero from step 2,700 to 5,000``."""
    words = _form(schedule)
    return f"{words}, after {schedule.warmup_steps:,} steps of warmup" if schedule.warmup_steps else words


def _form(schedule: Schedule) -> str:
    span = f"from step {schedule.start:,} to {schedule.end:,}" if schedule.end else ""
    match schedule.kind:
        case "constant":
            return "constant"
        case "piecewise":
            return f"piecewise, x{schedule.rate:g} at step {_listed(schedule.milestones)}"
        case "exponential":
            return f"exponential, x{schedule.rate:.3g} every {_steps(schedule.interval)} {span}"
        case "polynomial":
            return f"polynomial of power {schedule.power:g} to {_floor(schedule.floor)} {span}"
        case form:
            return f"{form} to {_floor(schedule.floor)} {span}"


def _floor(floor: float) -> str:
    return f"{floor:.3g} of the peak" if floor else "zero"


def _steps(count: int) -> str:
    return "step" if count == 1 else f"{count:,} steps"


def _listed(steps: tuple[int, ...]) -> str:
    *head, last = (f"{step:,}" for step in steps)
    return f"{', '.join(head)} and {last}" if head else last
