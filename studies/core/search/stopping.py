"""Stopping a run that has fallen behind: only against finished runs of a like schedule (guide, section 7).

A late decay wins in the last third, so a run that will decay must not be held against one that has begun to, nor
against one that never will.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from studies.contract.states import TrialState
from studies.core.actions import Action, EndTrial
from studies.core.context import Context, StageT
from studies.core.judging import Measure
from studies.core.records import number
from studies.core.search.budget import reached
from studies.core.search.gains import alike
from studies.core.search.lengths import rungs
from studies.core.search.space import start_share
from studies.core.search.standing import finished, read_at, reader
from studies.core.snapshot import Trial

FEWEST = 3
"""Finished runs of a schedule that it takes to judge another one by them."""

KEPT = 1 / 3
"""Share of the runs that goes on at a rung, as in the sweep (guide, section 7)."""


def stop_hopeless(context: Context[StageT]) -> tuple[Action, ...]:
    """End the stage's runs under way that are not among the best third at the last rung they have passed."""
    field = _Field(finished(context), reader(context))
    running = [trial for trial in context.trials if trial.state is TrialState.RUNNING]
    reasons = ((trial, _hopeless(context, trial, field)) for trial in running)
    return tuple(EndTrial(trial.id, "pruned", reason) for trial, reason in reasons if reason)


def stop_behind_parent(context: Context[StageT]) -> tuple[Action, ...]:
    """End the probes under way that are behind the finished run that they vary, at the last rung they have passed."""
    read = reader(context)
    running = [trial for trial in context.trials if trial.state is TrialState.RUNNING]
    reasons = ((trial, _behind_parent(context, trial, read)) for trial in running)
    return tuple(EndTrial(trial.id, "pruned", reason) for trial, reason in reasons if reason)


def _behind_parent(context: Context[StageT], trial: Trial, read: Measure) -> str:
    """Return where a probe is behind; empty while it is not, or where its schedule is another one."""
    parent = context.snapshot.by_id.get(trial.parent_id or "")
    passed = [rung for rung in rungs(context.spec, trial.num_steps)[:-1] if rung <= reached(trial)]
    if parent is None or not passed or (parent.schedule, parent.num_steps) != (trial.schedule, trial.num_steps):
        return ""
    mine, theirs = read_at(trial, passed[-1], read), read_at(parent, passed[-1], read)
    if mine is None or theirs is None or mine.value >= theirs.value:
        return ""
    sign = 1 if context.maximize else -1
    return (
        f"Stopped at step {passed[-1]:,} with {number(sign * mine.value)}: the run that it varies had "
        f"{number(sign * theirs.value)} there (guide, section 7)."
    )


class _Field:
    """The finished runs as they were on the way; runs of like schedules at one rung are compared with the same.

    Thousands of runs may have finished: each schedule and rung is looked at once, however many are under way there.
    """

    def __init__(self, done: Sequence[Trial], read: Measure) -> None:
        self.read = read
        self._done = done
        self._values: dict[tuple[float, float], list[float] | None] = {}

    def at(self, trial: Trial, step: int) -> list[float] | None:
        """Return what the runs like `trial` had at the share of their length that `step` is of its; None of too few."""
        share = step / trial.num_steps
        key = start_share(trial.schedule, trial.num_steps), share
        if key not in self._values:
            self._values[key] = self._look(alike(self._done, trial.schedule, trial.num_steps), share)
        return self._values[key]

    def _look(self, peers: Sequence[Trial], share: float) -> list[float] | None:
        if len(peers) < FEWEST:
            return None
        readings = (read_at(peer, round(share * peer.num_steps), self.read) for peer in peers)
        return [reading.value for reading in readings if reading]


def _hopeless(context: Context[StageT], trial: Trial, field: _Field) -> str:
    """Return why a run is not worth its remaining steps: it would not be among the best third; empty while it may."""
    passed = [rung for rung in rungs(context.spec, trial.num_steps)[:-1] if rung <= reached(trial)]
    theirs = field.at(trial, passed[-1]) if passed else None
    if theirs is None:
        return ""
    mine = read_at(trial, passed[-1], field.read)
    bar = float(np.quantile(theirs, 1 - KEPT)) if theirs else -math.inf
    if mine is None or mine.value >= bar:
        return ""
    sign = 1 if context.maximize else -1
    return (
        f"Stopped at step {passed[-1]:,} with {number(sign * mine.value)}: a third of the {len(theirs)} finished runs "
        f"whose decay begins alike had {number(sign * bar)} or better there (guide, section 7)."
    )
