"""A contest on the dev set: the dev metric decides among runs with a sound loss curve (guide, stages 2 and 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from studies.contract.states import TrialState
from studies.core.context import Context, StageT
from studies.core.judging import (
    Contender,
    Measure,
    by_mean,
    configuration,
    contenders,
    dev_peak,
    has_values,
    loss_depth,
    pooled,
    unsound,
)
from studies.core.repeating import REPEAT
from studies.core.snapshot import LOSS, Trial


@dataclass(frozen=True)
class Contest:
    """Who takes part, and by what they are judged.

    Attributes:
        contenders: configurations with a completed, sound run that could be read, in the order of the study.
        judged_by: the study's metric, or the training loss where the metric was never reported as a number.
        flagged: runs whose loss does not fall; they take no part unless there are no others.
        unsteady: runs of configurations that diverged with another seed; they take no part unless all are like that.
    """

    contenders: tuple[Contender, ...]
    judged_by: str
    flagged: tuple[Trial, ...]
    unsteady: tuple[Trial, ...]


def contest(context: Context[StageT], reused: Sequence[Trial] = ()) -> Contest:
    """Return the contest among the stage's completed trials and the `reused` runs of earlier stages."""
    runs = (*reused, *context.completed)
    unsteady = _unsteady(context, runs)
    steady = tuple(trial for trial in runs if trial not in unsteady) or runs
    flagged = tuple(trial for trial in steady if unsound(trial))
    sound = tuple(trial for trial in steady if trial not in flagged) or steady
    name = judged_by(context, sound)

    def asked(trial: Trial) -> bool:
        return trial.stage != context.stage.kind or REPEAT not in trial.key

    return Contest(contenders(sound, measure(context, name), configuration, asked), name, flagged, unsteady)


def _unsteady(context: Context[StageT], runs: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the runs of configurations that diverged with another seed: what survives of them is luck."""
    diverged = {configuration(trial) for trial in context.snapshot.trials if trial.state is TrialState.DIVERGED}
    return tuple(trial for trial in runs if configuration(trial) in diverged)


def judged_by(context: Context[StageT], runs: Sequence[Trial]) -> str:
    metric = context.spec.metric.name
    return metric if any(has_values(trial.curve(metric)) for trial in runs) else LOSS


def measure(context: Context[StageT], name: str) -> Measure:
    return loss_depth() if name == LOSS else dev_peak(name, maximize=context.maximize)


def as_repeated(group: Sequence[Contender], rounds: int) -> tuple[Contender, ...]:
    """Return the contenders as they were after that many rounds of repeats."""
    return pooled([contender.after(rounds) for contender in group])


def finalists(group: Sequence[Contender], incumbent: Contender | None = None) -> list[Contender]:
    """Return the best two by the runs before any repeat, and the incumbent beside them.

    The best of many single runs owes part of its place to luck, which its repeats then take back; what came in is
    repeated as often, so that both are judged alike.
    """
    everything = {contender.key: contender for contender in group}
    asked = by_mean(as_repeated(group, 0))
    beside = [each for each in asked[2:] if incumbent and each.key == incumbent.key]
    return [everything[contender.key] for contender in (*asked[:2], *beside)]


def settled(group: Sequence[Contender], rounds: int) -> bool:
    """Return whether the first of some contenders was beyond noise of the others after that many rounds of repeats."""
    first, *others = as_repeated(group, rounds)
    return all(first.leads(other).clear for other in others)


def final_order(group: Sequence[Contender], incumbent: Contender | None = None) -> list[Contender]:
    """Return the contenders best first: the repeated finalists by their means, then the others.

    A finalist that was repeated is known better than one that was not, however lucky that one was.
    """
    last = finalists(group, incumbent)
    return preferred(last, incumbent) + by_mean(contender for contender in group if contender not in last)


def preferred(group: Sequence[Contender], incumbent: Contender | None = None) -> list[Contender]:
    """Order finalists: the best mean first, but what came in before it where the two are as good as equal.

    As good as equal is within one standard error: that is no reason to change, and the best two of many owe part of
    their place to luck. Of equal means the smaller, more stable rate comes first.
    """
    order = sorted(group, key=lambda contender: (-contender.mean, float(contender.params["lr"])))
    stays = [each for each in order if incumbent and each.key == incumbent.key and equal(order[0], each)]
    return stays + [each for each in order if each not in stays]


def equal(first: Contender, second: Contender) -> bool:
    """Return whether two means lie within one standard error of each other: as good as equal."""
    lead = first.leads(second)
    return abs(lead.value) <= lead.standard_error < math.inf
