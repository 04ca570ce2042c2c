"""What runs gain beyond some share of their length: how one that was stopped would have ended.

Runs are alike whose decays begin at about the same share: late decays gain late, whatever their form (section 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from studies.contract.schedule import Schedule
from studies.core.judging import Measure
from studies.core.search.space import start_share
from studies.core.search.standing import read_at
from studies.core.snapshot import Trial

CLOSE = 0.1
"""Share of a run by which the beginnings of two decays may differ for the runs to be alike."""


def alike(done: Iterable[Trial], schedule: Schedule, length: int) -> list[Trial]:
    """Return the finished runs whose decay begins where that of a run of this schedule and length does."""
    start = start_share(schedule, length)
    return [trial for trial in done if abs(start_share(trial.schedule, trial.num_steps) - start) <= CLOSE]


def later_gains(done: Sequence[Trial], share: float, read: Measure) -> list[float]:
    """Return what each of some finished runs gained beyond a share of its length, those apart that say nothing."""
    return [gain for trial in done if (gain := _gain(trial, share, read)) is not None]


def _gain(trial: Trial, share: float, read: Measure) -> float | None:
    before, after = read_at(trial, round(share * trial.num_steps), read), read(trial)
    return after.value - before.value if before and after else None
