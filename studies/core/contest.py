"""A contest on the dev set: the dev metric decides among runs with a sound loss curve (guide, stages 2 and 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    """

    contenders: tuple[Contender, ...]
    judged_by: str
    flagged: tuple[Trial, ...]


def contest(context: Context[StageT], reused: Sequence[Trial] = ()) -> Contest:
    """Return the contest among the stage's completed trials and the `reused` runs of earlier stages."""
    runs = (*reused, *context.completed)
    flagged = tuple(trial for trial in runs if unsound(trial))
    sound = tuple(trial for trial in runs if trial not in flagged) or runs
    name = judged_by(context, sound)

    def asked(trial: Trial) -> bool:
        return trial.stage != context.stage.kind or REPEAT not in trial.key

    return Contest(contenders(sound, measure(context, name), configuration, asked), name, flagged)


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
    everything = {contender.trials[0].id: contender for contender in group}
    asked = by_mean(as_repeated(group, 0))
    beside = [each for each in asked[2:] if incumbent and each.trials[0].id == incumbent.trials[0].id]
    return [everything[contender.trials[0].id] for contender in (*asked[:2], *beside)]


def settled(group: Sequence[Contender], rounds: int) -> bool:
    """Return whether the first of some contenders was beyond noise of the others after that many rounds of repeats."""
    first, *others = as_repeated(group, rounds)
    return all(first.leads(other).clear for other in others)


def final_order(group: Sequence[Contender], incumbent: Contender | None = None) -> list[Contender]:
    """Return the contenders best first: the repeated finalists by their means, then the others.

    A finalist that was repeated is known better than one that was not, however lucky that one was.
    """
    last = finalists(group, incumbent)
    return preferred(last) + by_mean(contender for contender in group if contender not in last)


def preferred(group: Sequence[Contender]) -> list[Contender]:
    """Order finalists: the best mean first, but of those within one standard error of it the one with fewest samples.

    Of equal means at equal cost the smaller, more stable rate comes first.
    """
    order = sorted(group, key=lambda contender: (-contender.mean, float(contender.params["lr"])))
    equals = [contender for contender in order if contender is order[0] or tie(order[0], contender)]
    return sorted(equals, key=lambda contender: contender.samples) + [each for each in order if each not in equals]


def tie(first: Contender, second: Contender) -> bool:
    """Return whether two means lie within one standard error of each other: as good as equal."""
    lead = first.leads(second)
    return abs(lead.value) <= lead.standard_error < math.inf
