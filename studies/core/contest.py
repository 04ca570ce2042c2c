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


def finalists(group: Sequence[Contender]) -> list[Contender]:
    """Return the best two by the runs before any repeat, in that order, with all their runs."""
    everything = {contender.trials[0].id: contender for contender in group}
    return [everything[contender.trials[0].id] for contender in by_mean(as_repeated(group, 0))[:2]]


def settled(pair: Sequence[Contender], rounds: int) -> bool:
    """Return whether the order of two contenders was beyond noise after that many rounds of repeats."""
    first, second = as_repeated(pair, rounds)
    return first.leads(second).clear


def final_order(group: Sequence[Contender]) -> list[Contender]:
    """Return the contenders best first: the repeated finalists by their means, then the others.

    A finalist that was repeated is known better than one that was not, however lucky that one was.
    """
    pair = finalists(group)
    rest = by_mean(contender for contender in group if contender not in pair)
    return preferred(pair) + rest


def preferred(pair: Sequence[Contender]) -> list[Contender]:
    """Order two finalists: the better mean first, but within one standard error the one that sees fewer samples.

    Of equal means at equal cost the smaller, more stable rate comes first.
    """
    order = sorted(pair, key=lambda contender: (-contender.mean, float(contender.params["lr"])))
    if len(order) > 1 and tie(*order):
        return sorted(order, key=lambda contender: contender.samples)
    return order


def tie(first: Contender, second: Contender) -> bool:
    """Return whether two means lie within one standard error of each other: as good as equal."""
    lead = first.leads(second)
    return abs(lead.value) <= lead.standard_error < math.inf
