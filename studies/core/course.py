"""The course of a stage that ends in a contest on the dev set: end what diverged, ask for trials, then conclude."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from studies.contract.decision import Decision
from studies.core.actions import Action, CloseStage
from studies.core.contest import Contest
from studies.core.context import Context, Phase, StageT, next_trials
from studies.core.records import end_diverged, nothing_to_judge


def follow(
    context: Context[StageT],
    phases: Sequence[Phase[StageT]],
    standing: Callable[[Context[StageT]], Contest],
    conclude: Callable[[Context[StageT]], Decision],
) -> tuple[Action, ...]:
    """Return what the stage does now, by its phases, how its contest stands, and how it is concluded."""
    ended = end_diverged(context)
    if ended:
        return ended
    added = next_trials(context, phases)
    if added is not None:
        return added
    if not standing(context).contenders and (failure := nothing_to_judge(context)):
        return (failure,)
    return (CloseStage(context.stage.kind, conclude(context)),)
