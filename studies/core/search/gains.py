"""What runs gain beyond a step: how a run that was stopped, or is under way, may be expected to end."""

from __future__ import annotations

from collections.abc import Sequence

from studies.core.judging import Measure
from studies.core.search.standing import read_at
from studies.core.snapshot import Trial


def later_gains(done: Sequence[Trial], step: int, read: Measure) -> list[float]:
    """Return what each of some finished runs gained beyond `step`; those without a value there take no part."""
    return [gain for trial in done if (gain := _gain(trial, step, read)) is not None]


def _gain(trial: Trial, step: int, read: Measure) -> float | None:
    before, after = read_at(trial, step, read), read(trial)
    return after.value - before.value if before and after else None
