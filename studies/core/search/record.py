"""What the decisions of a guided search have in common: the best so far, against what the stage began with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studies.contract.base import Scalar
from studies.contract.decision import Candidate, Decision
from studies.contract.states import TrialState
from studies.core.contest_record import against_noise, flip, note, runs_of, shown
from studies.core.context import Context, StageT
from studies.core.judging import Contender
from studies.core.records import candidate, dev_score, gap, plain, plural, trouble
from studies.core.schedules import describe
from studies.core.search.budget import spent, total
from studies.core.search.standing import Standing, is_full, standing_before
from studies.core.space import lr_label

CARRIED = 3
"""Configurations that go on to the next stage."""

LISTED = 8
"""Runners-up and cells on record: a joint search may have finished hundreds."""


@dataclass(frozen=True)
class Verdict:
    """What a stage has come to, before it is put on record.

    Attributes:
        rule: the rule and its source.
        choice: what was chosen, by name.
        reason: one plain sentence with numbers.
        warnings: what the user should know besides.
    """

    rule: str
    choice: Mapping[str, Any]
    reason: str
    warnings: tuple[str, ...] = ()


def decision(context: Context[StageT], now: Standing, verdict: Verdict) -> Decision:
    """Return a stage's decision; the first that stands is what it chose."""
    notes = ["Best on the dev set.", *(note(now.best, each) for each in now.order[1:])]
    weighed = [_candidate(context, each, why) for each, why in zip(now.order, notes, strict=True)]
    return Decision(
        rule=verdict.rule,
        choice=dict(verdict.choice),
        reason=verdict.reason,
        evidence=evidence(context, now),
        runners_up=tuple(weighed[1 : LISTED + 1]),
        what_would_flip_it=_flip(now),
        candidates=tuple(weighed[:CARRIED]),
        warnings=(*verdict.warnings, *_warnings(context)),
    )


def _candidate(context: Context[StageT], contender: Contender, why: str) -> Candidate:
    return candidate(context, contender, contender.num_steps, why)


def against_before(context: Context[StageT], now: Standing) -> str:
    """Say how the first that stands compares with the best that the stage began with."""
    score = f"{now.judged_by} {shown(context, now.judged_by, now.best)}{runs_of(now.best)}"
    before = standing_before(context).order
    first = next((each for each in now.order if before and each.key == before[0].key), None)
    if first is None:
        return f"with {score}, the first that could be judged"
    if first is now.best:
        return f"as before, with {score}"
    return f"with {score} against {shown(context, now.judged_by, first)} before, {compared(now.best, first)}"


def compared(best: Contender, other: Contender) -> str:
    """Say whether one configuration leads another: ``a lead of 0.012, beyond the noise (two standard errors: ...)``."""
    lead = best.leads(other)
    if lead.clear or not math.isfinite(lead.standard_error):
        return f"a lead of {gap(lead.value)} {against_noise(lead)}"
    return f"a tie that the higher mean decides: the difference of {gap(lead.value)} is {against_noise(lead)}"


def _flip(now: Standing) -> str:
    if len(now.order) == 1:
        return "Any other configuration with a better dev metric: raise budget.trials so that one can be run."
    second = now.order[1]
    return flip(now.judged_by, now.best, second, name=f"The run with {apart(second, now.best)}", errors=0.0)


def apart(contender: Contender, other: Contender) -> str:
    """Name a configuration by what sets it apart from another: ``lr 0.03, cosine to zero from step 60 to 120``."""
    pairs = [f"{name} {_value(name, value)}" for name, value in changed(contender, other).items()]
    form = [] if contender.schedule == other.schedule else [describe(contender.schedule)]
    return ", ".join([*pairs, *form])


def named(contender: Contender) -> str:
    """Name a configuration by all that makes it up: ``lr 0.01, batch_size 64, dropout 0.1, constant``."""
    pairs = [f"{name} {_value(name, value)}" for name, value in contender.params.items()]
    return ", ".join([*pairs, describe(contender.schedule)])


def _value(name: str, value: Scalar) -> str:
    if name == "lr":
        return lr_label(float(value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def changed(best: Contender, first: Contender | None) -> dict[str, Scalar]:
    """Return the hyperparameters in which a configuration differs from another."""
    if first is None:
        return dict(best.params)
    return {name: value for name, value in best.params.items() if first.params.get(name) != value}


def _warnings(context: Context[StageT]) -> tuple[str, ...]:
    return (*trouble(context.ended_as(TrialState.FAILED)), *_diverged(len(context.ended_as(TrialState.DIVERGED))))


def _diverged(count: int) -> tuple[str, ...]:
    return (f"{plural(count, 'run')} diverged and took no part in the choice.",) if count else ()


# --- evidence ----------------------------------------------------------------------------------------------------


def evidence(context: Context[StageT], now: Standing) -> dict[str, Any]:
    before, best = standing_before(context), now.best
    lead = best.leads(now.order[1]) if len(now.order) > 1 else None
    return {
        "dev_before": dev_score(context, before.best.trials) if before.order else None,
        "dev_after": dev_score(context, best.trials),
        "noise": plain(lead.standard_error if lead else best.estimate.standard_error),
        "lead": plain(lead.value) if lead else None,
        "judged_by": now.judged_by,
        "steps_spent": spent(context.snapshot),
        "steps_budget": total(context.spec),
        "finished": sum(is_full(context, trial) for trial in context.trials),
        "stopped": len(context.ended_as(TrialState.PRUNED)),
        "cells": [cell(context, each) for each in now.order[:LISTED]],
    }


def cell(context: Context[StageT], contender: Contender) -> dict[str, Any]:
    return {
        "params": dict(contender.params),
        "schedule": describe(contender.schedule),
        "score": dev_score(context, contender.trials),
        "standard_error": plain(contender.estimate.standard_error),
        "trial_id": contender.best_trial.id,
        "seeds": [trial.seed for trial in contender.trials],
    }
