"""The course of a guided search's stage: end what is lost, ask for what the budget has room for, conclude."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from studies.contract.decision import Decision
from studies.core.actions import Action, AddTrials, CloseStage, Fail, Proposal
from studies.core.context import Context, StageT
from studies.core.records import end_diverged, reasons
from studies.core.search.budget import affordable, left
from studies.core.search.standing import standing, standing_before
from studies.core.search.starting import DEFAULTS, origin, proposal


def follow(
    context: Context[StageT],
    wanted: Callable[[Context[StageT]], Sequence[Proposal]],
    conclude: Callable[[Context[StageT]], Decision],
    stop: Callable[[Context[StageT]], tuple[Action, ...]],
) -> tuple[Action, ...]:
    """Return what the stage does now: stop, ask for trials, wait, or close; it fails with nothing to stand on."""
    ended = end_diverged(context) or stop(context)
    if ended:
        return ended
    added = ask(context, baseline(context) or wanted(context))
    if added or context.in_flight:
        return added
    return close(context, conclude)


def baseline(context: Context[StageT]) -> Sequence[Proposal]:
    """Return a full run of the defaults where no earlier stage has left a finished run to start from."""
    if standing_before(context).order:
        return ()
    first = proposal(context, DEFAULTS, origin(context), "Baseline: the defaults, at full length.")
    known = context.snapshot.by_key.get((context.stage.kind, first.key))
    return (first,) if known is None or not known.state.ended else ()


def stop_nothing(context: Context[StageT]) -> tuple[Action, ...]:
    """Let every run go on to its end: repeats are there to be compared, and late decays win late (section 7)."""
    del context
    return ()


def ask(context: Context[StageT], wanted: Sequence[Proposal]) -> tuple[Action, ...]:
    """Return the action that adds what is missing and can be paid for."""
    fresh = affordable(context.missing(wanted), left(context.snapshot, context.stage.kind))
    return (AddTrials(context.stage.kind, fresh),) if fresh else ()


def close(context: Context[StageT], conclude: Callable[[Context[StageT]], Decision]) -> tuple[Action, ...]:
    if standing(context).order:
        return (CloseStage(context.stage.kind, conclude(context)),)
    return (Fail(nothing_finished(context)),)


def nothing_finished(context: Context[StageT]) -> str:
    """Say why the study cannot go on: no run has been finished that could be read."""
    return (
        f"{context.stage.kind} has nothing to go on from: no run of full length could be judged: "
        f"{reasons(context.snapshot.trials)}. Mend what failed, or try smaller rates, then submit the study again."
    )
