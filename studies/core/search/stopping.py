"""Stopping a run that has fallen behind: only against finished runs of the same schedule (guide, section 7).

A late decay wins in the last third, so a run that will decay must not be held against one that has begun to, nor
against one that never will.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from studies.contract.states import TrialState
from studies.core.actions import Action, EndTrial
from studies.core.context import Context, StageT
from studies.core.judging import Measure
from studies.core.records import number
from studies.core.search.budget import reached
from studies.core.search.lengths import full_length, rungs
from studies.core.search.standing import finished, read_at, reader
from studies.core.snapshot import Trial

FEWEST = 3
"""Finished runs of a schedule that it takes to judge another one by them."""

KEEP = 1 / 3


def stop_hopeless(context: Context[StageT]) -> tuple[Action, ...]:
    """End the stage's runs under way that are behind at the last rung they have passed."""
    done, read = finished(context), reader(context)
    running = [trial for trial in context.trials if trial.state is TrialState.RUNNING]
    reasons = ((trial, _hopeless(context, trial, done, read)) for trial in running)
    return tuple(EndTrial(trial.id, "pruned", reason) for trial, reason in reasons if reason)


def _hopeless(context: Context[StageT], trial: Trial, done: Sequence[Trial], read: Measure) -> str:
    length = full_length(context.spec, trial.params)
    passed = [rung for rung in rungs(context.spec, length)[:-1] if rung <= reached(trial)]
    alike = [other for other in done if other.schedule == trial.schedule and other.num_steps == length]
    if not passed or len(alike) < FEWEST:
        return ""
    step = passed[-1]
    mine = read_at(trial, step, read)
    theirs = sorted(reading.value for other in alike if (reading := read_at(other, step, read)))
    if mine is None or not theirs:
        return ""
    bar = float(np.quantile(theirs, 1 - KEEP))
    if mine.value >= bar:
        return ""
    return f"Behind two thirds: {number(mine.value)} at step {step:,} against {number(bar)}."
