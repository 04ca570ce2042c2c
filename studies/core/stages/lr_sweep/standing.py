"""How learning rates are ranked: the curve that falls fastest and deepest (guide, stage 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from studies.contract.states import TrialState
from studies.contract.study_file import LrSweep
from studies.core.context import Context
from studies.core.judging import (
    Contender,
    Measure,
    contenders,
    dev_peak,
    has_values,
    loss_area,
    loss_depth,
    pooled,
    tied,
)
from studies.core.plan import sweep_steps
from studies.core.snapshot import LOSS, Trial

By = Literal["depth", "speed", "tie"]
"""What one rate has over another: a deeper loss, as deep but faster, or nothing but being smaller."""


@dataclass(frozen=True)
class Standing:
    """A learning rate with its completed runs, read twice: how deep the loss ends, and how fast it falls."""

    lr: float
    depth: Contender
    speed: Contender

    def after(self, rounds: int) -> Standing:
        return Standing(self.lr, self.depth.after(rounds), self.speed.after(rounds))


def standings(context: Context[LrSweep]) -> list[Standing]:
    """Return all rates with completed runs, smallest first, judged on the steps that every one of them has.

    A rate that diverged with any seed takes no part: what survives of it is luck.
    """
    depth, speed = _measures(context)
    deep, fast = (_by_rate(context, measure) for measure in (depth, speed))
    return [Standing(lr, deep[lr], fast[lr]) for lr in sorted(deep.keys() & fast.keys())]


def _measures(context: Context[LrSweep]) -> tuple[Measure, Measure]:
    """Return how to read depth and speed: off the loss, or off the dev metric where no loss was reported at all."""
    steps = sweep_steps(context.spec)
    if judged_by_loss(context):
        return loss_depth(steps), loss_area(steps)
    metric = dev_peak(context.spec.metric.name, maximize=context.maximize)
    return metric, metric


def judged_by_loss(context: Context[LrSweep]) -> bool:
    return any(has_values(trial.curve(LOSS)) for trial in swept(context))


def _by_rate(context: Context[LrSweep], measure: Measure) -> dict[float, Contender]:
    def asked(trial: Trial) -> bool:
        return trial.seed < context.spec.seed + context.stage.seeds

    runs = (trial for trial in swept(context) if rate(trial) not in diverged_rates(context))
    return {rate(contender.trials[0]): contender for contender in contenders(runs, measure, rate, asked)}


def swept(context: Context[LrSweep]) -> tuple[Trial, ...]:
    """Return the runs that have the sweep's steps: the completed ones, and those that failed when continued."""
    return tuple(trial for trial in context.trials if trial.state is TrialState.COMPLETED or lost(context, trial))


def lost(context: Context[LrSweep], trial: Trial) -> bool:
    """Return whether a run had completed the sweep and failed when it was continued: its curve until then counts."""
    return trial.state is TrialState.FAILED and trial.num_steps > sweep_steps(context.spec)


def diverged_rates(context: Context[LrSweep]) -> set[float]:
    return {rate(trial) for trial in context.ended_as(TrialState.DIVERGED)}


def rate(trial: Trial) -> float:
    return float(trial.params["lr"])


def as_repeated(group: Iterable[Standing], rounds: int) -> list[Standing]:
    """Return the standings as they were after that many rounds of repeats."""
    then = [standing.after(rounds) for standing in group]
    deep, fast = pooled([s.depth for s in then]), pooled([s.speed for s in then])
    return [Standing(s.lr, d, f) for s, d, f in zip(then, deep, fast, strict=True)]


def ranked(group: Iterable[Standing], count: int | None = None) -> list[Standing]:
    """Return the rates best first: all, or the first `count`."""
    left = list(group)
    wanted = len(left) if count is None else min(count, len(left))
    order: list[Standing] = []
    while len(order) < wanted:
        order.append(winner(left))
        left.remove(order[-1])
    return order


def winner(group: Sequence[Standing]) -> Standing:
    """Return the rate that falls fastest and deepest.

    Depth decides; where it differs by less than the noise speed decides; where both tie the smaller, more stable
    rate wins (guide, stage 1).
    """
    deepest = max(group, key=lambda standing: standing.depth.mean)
    return fastest_of([each for each in group if each is deepest or tied(deepest.depth, each.depth)])


def fastest_of(as_deep: Sequence[Standing]) -> Standing:
    """Return the winner of equally deep rates."""
    fastest = max(as_deep, key=lambda standing: standing.speed.mean)
    as_fast = [standing for standing in as_deep if standing is fastest or tied(fastest.speed, standing.speed)]
    return min(as_fast, key=lambda standing: standing.lr)


def ahead_by(first: Standing, second: Standing) -> By:
    """Return what decided between two rates of which the first won."""
    if not tied(first.depth, second.depth):
        return "depth"
    return "tie" if tied(first.speed, second.speed) else "speed"


def settled(pair: Sequence[Standing], *, repeated: bool) -> bool:
    """Return whether the order of two rates is beyond noise: by depth, or by speed once they have been `repeated`.

    A single run knows the noise of its own curve alone, and that is least where speed is read: over all of it.
    """
    first, second = pair
    return first.depth.leads(second.depth).clear or (repeated and first.speed.leads(second.speed).clear)
