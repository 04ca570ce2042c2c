"""A study's trials as columns of numbers, and what a glance at the study shows of them. Cheap at 10,000 trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LATEST = 24
"""The pace is that of so many trials which ended last: the next ones will be more like them than like the first."""

ENOUGH = 4
"""Before so many trials have ended nothing is said of the time left: one that diverged at once says little."""

SPARK = 32
"""Points of a line that is as wide as a few words."""


@dataclass(frozen=True, eq=False)
class TrialColumns:
    """Trials in the order of their numbers, float64 [n] each.

    Attributes:
        started_at: seconds since 1970, NaN where a trial has not started.
        ended_at: likewise.
        steps: trained so far.
        score: best value of the study's metric; NaN of all that did not complete.
    """

    started_at: NDArray[np.float64]
    ended_at: NDArray[np.float64]
    steps: NDArray[np.float64]
    score: NDArray[np.float64]


def best_so_far(trials: TrialColumns, direction: Literal["maximize", "minimize"]) -> tuple[float, ...]:
    """Return the best score after the first, ..., the last completed trial: at most `SPARK`, evenly chosen."""
    scored = trials.score[np.isfinite(trials.score)]
    if not scored.size:
        return ()
    best = np.maximum.accumulate(scored) if direction == "maximize" else np.minimum.accumulate(scored)
    chosen = np.unique(np.linspace(0, best.size - 1, min(SPARK, best.size)).round().astype(np.int64))
    return tuple(best[chosen].tolist())


def seconds_left(trials: TrialColumns, left: float, unit: Literal["steps", "trials"], now: float) -> float | None:
    """Return how long what is `left` of the budget takes at the pace of the latest trials.

    The pace is what was done since the earliest of these began, by all trials that ran meanwhile: of one that began
    before, its share by time. Where nothing runs any more it falls as time passes, and the time left grows.

    Args:
        trials: all trials of the study.
        left: steps, or trials, of the budget that are still to do.
        unit: what the budget counts. A trial counts as done when it has ended.
        now: seconds since 1970.

    Returns:
        Seconds; None where too few trials have ended to tell, or nothing was done.
    """
    if left <= 0:
        return 0.0
    ran = np.isfinite(trials.started_at)
    starts, ends = trials.started_at[ran], np.where(np.isfinite(trials.ended_at[ran]), trials.ended_at[ran], now)
    ended = np.isfinite(trials.ended_at[ran])
    if ended.sum() < ENOUGH:
        return None
    latest = np.argsort(np.where(ended, ends, -np.inf), kind="stable")[-LATEST:]
    since = starts[latest[ended[latest]]].min()
    work = trials.steps[ran] if unit == "steps" else ended.astype(np.float64)
    done = float((work * _share_since(starts, ends, since)).sum())
    return None if done <= 0 or now <= since else left * (now - since) / done


def _share_since(starts: NDArray[np.float64], ends: NDArray[np.float64], since: float) -> NDArray[np.float64]:
    """Return which share of each span lies at or after `since`; all or nothing of one that took no time."""
    length = ends - starts
    shares = np.divide(
        ends - np.maximum(starts, since), length, out=(starts >= since).astype(np.float64), where=length > 0
    )
    return np.clip(shares, 0.0, 1.0)
