"""Rungs: which rates go on, and which are left behind (asynchronous successive halving, Li et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence

from studies.contract.states import TrialState
from studies.contract.study_file import LrHalving
from studies.core.actions import Action, AddTrials, ContinueTrial, EndTrial
from studies.core.context import Context
from studies.core.records import number
from studies.core.search.budget import affordable, left, reached
from studies.core.search.lengths import REDUCTION, full_length, rungs
from studies.core.search.standing import read_at, reader
from studies.core.snapshot import Trial
from studies.core.stages.lr_halving.rates import first_runs


def begin(context: Context[LrHalving]) -> tuple[Action, ...]:
    """Begin every rate, as far as the budget has room for all of them and for the best one to climb to the top."""
    wanted = first_runs(context)
    climb = full_length(context.spec, wanted[0].params) - wanted[0].num_steps
    fresh = affordable(context.missing(wanted), left(context.snapshot, context.stage.kind) - climb)
    return (AddTrials(context.stage.kind, fresh),) if fresh and not context.trials else ()


def promote(context: Context[LrHalving]) -> tuple[Action, ...]:
    """Continue the runs that are among the best third at their rung, the highest rung first.

    While runs wait for a worker, nobody would be idle, so all of a rung are awaited. A worker that would be gets the
    best third of those that have arrived: nobody waits for a straggler.
    """
    if any(trial.state is TrialState.WAITING for trial in context.trials):
        return ()
    ladder = _ladder(context)
    for place in reversed(range(len(ladder) - 1)):
        chosen = _due(context, ladder, place)
        if chosen:
            return _continued(context, chosen, ladder[place:])
    return ()


def _ladder(context: Context[LrHalving]) -> tuple[int, ...]:
    first = context.trials[0] if context.trials else None
    return rungs(context.spec, full_length(context.spec, first.params)) if first else ()


def _due(context: Context[LrHalving], ladder: tuple[int, ...], place: int) -> list[Trial]:
    """Return the runs that rest at a rung and belong to those that go on."""
    arrived = ranked(context, ladder[place])
    count = len(arrived) // REDUCTION
    if not context.in_flight:
        count = max(count, -(-len(context.trials) // REDUCTION ** (place + 1)))
    return [trial for trial in arrived[:count] if _rests(trial, ladder[place])]


def _rests(trial: Trial, rung: int) -> bool:
    return trial.state is TrialState.COMPLETED and trial.num_steps == rung


def ranked(context: Context[LrHalving], rung: int) -> list[Trial]:
    """Return the runs that have come to a rung, best first by what they said until there."""
    read = reader(context)
    there = [trial for trial in context.trials if trial.num_steps >= rung and reached(trial) >= rung]
    sound = [trial for trial in there if trial.state not in (TrialState.DIVERGED, TrialState.FAILED)]
    values = {trial.id: reading.value for trial in sound if (reading := read_at(trial, rung, read))}
    return sorted((trial for trial in sound if trial.id in values), key=lambda trial: -values[trial.id])


def _continued(context: Context[LrHalving], chosen: Sequence[Trial], ladder: tuple[int, ...]) -> tuple[Action, ...]:
    """Continue as many as can be paid for such that one of them can climb to the top."""
    rung, to, *_, top = (*ladder, ladder[-1])
    count = max(0, left(context.snapshot, context.stage.kind) - (top - to)) // (to - rung)
    reason = f"Among the best third after {rung:,} steps (guide, section 7)."
    return tuple(ContinueTrial(trial.id, to, reason) for trial in chosen[:count])


def leave_behind(context: Context[LrHalving]) -> tuple[Action, ...]:
    """End the runs that rest at a rung, once nothing climbs any more."""
    top = _ladder(context)[-1] if context.trials else 0
    resting = [t for t in context.trials if t.state is TrialState.COMPLETED and t.num_steps < top]
    return tuple(EndTrial(trial.id, "pruned", _why(context, trial)) for trial in resting)


def _why(context: Context[LrHalving], trial: Trial) -> str:
    order, read = ranked(context, trial.num_steps), reader(context)
    if trial not in order:
        return f"Left behind after {trial.num_steps:,} steps: it reported nothing that it could be judged by."
    mine = read(trial)
    best = read_at(order[0], trial.num_steps, read)
    sign = 1 if context.maximize else -1
    values = " against ".join(number(sign * reading.value) for reading in (mine, best) if reading)
    place = f"rank {order.index(trial) + 1} of {len(order)}"
    return f"Left behind after {trial.num_steps:,} steps: {place}, {values} of the best (guide, section 7)."
