"""Stopping runs that have fallen behind (guide, section 7).

A late decay wins in the last third, so a run that will decay must not be held against one that has begun to, nor
against one that never will: probes are held against the run that they vary, where its schedule is the same, and points
of the joint search against what the model expects of their end, which knows what runs of like schedules gained late.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from studies.contract.states import TrialState
from studies.core.actions import Action, EndTrial
from studies.core.context import Context, StageT
from studies.core.judging import Measure
from studies.core.records import number
from studies.core.search.belief import Belief, believe
from studies.core.search.budget import reached
from studies.core.search.dimensions import Values
from studies.core.search.gains import alike
from studies.core.search.lengths import rungs
from studies.core.search.observing import observe, points
from studies.core.search.space import space_of
from studies.core.search.standing import finished, read_at, reader
from studies.core.snapshot import Trial

CHANCE = 0.05
"""Chance of ending better than the best below which a run is stopped (Domhan et al., 2015)."""

FAR = NormalDist().inv_cdf(CHANCE)


def stop_hopeless(context: Context[StageT]) -> tuple[Action, ...]:
    """End the stage's runs past a rung that have next to no chance to end better than the best, or than one beside it.

    Only where a run of a like schedule has finished: it says what is to be gained later.
    """
    past = [trial for trial in context.trials if trial.state is TrialState.RUNNING and _passed(context, trial)]
    done = finished(context)
    if not any(alike(done, trial.schedule, trial.num_steps) for trial in past):
        return ()
    space = space_of(context.spec)
    belief = believe(space, observe(context, space))
    mean, deviation = belief.at_the_end(points(context, space, past))
    bar = _bar(belief, mean, deviation)
    lost = [at for at, trial in enumerate(past) if bar[at] > mean[at] and alike(done, trial.schedule, trial.num_steps)]
    return tuple(EndTrial(past[at].id, "pruned", _why(context, past[at], belief, (mean[at], bar[at]))) for at in lost)


def _bar(belief: Belief, mean: Values, deviation: Values) -> Values:
    """Return for each run the best end that it has less than `CHANCE` to surpass, shape [n]; -inf where it may be best.

    Beside the best that is known stand the runs under way: many that began at once, when little was known, would all
    go on to their ends otherwise. What these will come to is unsure, too.
    """
    ends, unsure = np.append(mean, belief.best), np.append(deviation, 0.0)
    surpassed = ends - mean[:, None] > -FAR * np.hypot(deviation[:, None], unsure)
    return np.asarray(np.max(np.where(surpassed, ends, -np.inf), axis=1))


def _passed(context: Context[StageT], trial: Trial) -> list[int]:
    """Return the rungs that a run has behind it, its end apart."""
    return [rung for rung in rungs(context.spec, trial.num_steps)[:-1] if rung <= reached(trial)]


def _why(context: Context[StageT], trial: Trial, belief: Belief, ends: tuple[float, float]) -> str:
    sign = 1 if context.maximize else -1
    expected, bar = (number(sign * belief.in_units(end)) for end in ends)
    return (
        f"Stopped after step {_passed(context, trial)[-1]:,}: expected to end at {expected}, with a chance of less "
        f"than {CHANCE:.0%} to be better than the best known or under way, {bar} (guide, section 7)."
    )


def stop_behind_parent(context: Context[StageT]) -> tuple[Action, ...]:
    """End the probes under way that are behind the finished run that they vary, at the last rung they have passed."""
    read = reader(context)
    running = [trial for trial in context.trials if trial.state is TrialState.RUNNING]
    reasons = ((trial, _behind_parent(context, trial, read)) for trial in running)
    return tuple(EndTrial(trial.id, "pruned", reason) for trial, reason in reasons if reason)


def _behind_parent(context: Context[StageT], trial: Trial, read: Measure) -> str:
    """Return where a probe is behind; empty while it is not, or where its schedule is another one."""
    parent = context.snapshot.by_id.get(trial.parent_id or "")
    passed = _passed(context, trial)
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
