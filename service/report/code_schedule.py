"""A schedule as Python: ``lr_factor``, which gives what `studies.core.schedules.factor` gives, for this one alone."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from studies.contract.schedule import Schedule
from studies.core.schedules import describe

_WIDTH = 100


def lr_factor(schedule: Schedule) -> str:
    """Return the source of ``lr_factor(step)``. Sums and products are in the core's order: equal to the last digit."""
    said = [
        '"""Return the share of PEAK_LR that an update takes, counted from 0.',
        "",
        *textwrap.wrap(f"{describe(schedule).capitalize()}.", _WIDTH),
        '"""',
    ]
    lines = [*said, *_phases(schedule), f"return {_decay(schedule)}"]
    return "def lr_factor(step: int) -> float:\n" + "\n".join(f"    {line}" if line else "" for line in lines)


def _phases(schedule: Schedule) -> Iterable[str]:
    """Yield what comes before the decay's own form: the warmup, its end, and how much of it lies ahead."""
    if schedule.warmup_steps:
        yield f"if step < {min(schedule.warmup_steps, schedule.end or schedule.warmup_steps)}:"
        yield f"    return step / {schedule.warmup_steps}"
    if schedule.end is not None and schedule.kind != "constant":
        yield f"step = min(step, {schedule.end})"
    if schedule.kind in ("linear", "polynomial", "cosine"):
        yield from _remaining(schedule)


def _remaining(schedule: Schedule) -> Iterable[str]:
    end, start = schedule.end or 0, max(schedule.start, schedule.warmup_steps)
    if start >= end:
        yield f"left = 0.0 if step == {end} else 1.0"
        return
    ahead = f"{end} - step"
    if schedule.interval > 1:
        since = f"(step - {start})" if start else "step"
        yield f"held = {since} % {schedule.interval}  # the rate is computed anew every {schedule.interval} steps"
        ahead += " + held"
    before = f" else 1.0 if step <= {start}" if start else ""
    yield f"left = 0.0 if step == {end}{before} else ({ahead}) / {end - start}"


def _decay(schedule: Schedule) -> str:
    match schedule.kind:
        case "constant":
            return "1.0"
        case "linear":
            return _to_floor(schedule, "left")
        case "polynomial":
            return _to_floor(schedule, f"left**{schedule.power!r}")
        case "cosine":
            return _to_floor(schedule, "(1.0 - cos(pi * left)) / 2.0")
        case "exponential":
            start = max(schedule.start, schedule.warmup_steps)
            since = f"max(0, step - {start})" if start else "step"
            return f"{schedule.rate!r} ** ({since} // {schedule.interval})"
        case "piecewise":
            return f"{schedule.rate!r} ** sum(step >= milestone for milestone in {schedule.milestones!r})"


def _to_floor(schedule: Schedule, share: str) -> str:
    return f"{schedule.floor!r} + (1.0 - {schedule.floor!r}) * ({share})" if schedule.floor else share
