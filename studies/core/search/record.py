"""What the decisions of a guided search have in common: the best so far, against what the stage began with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studies.contract.base import Scalar
from studies.contract.decision import Candidate, Decision
from studies.contract.states import TrialState
from studies.core.contest_record import certainty, flip, note, runs_of, shown
from studies.core.context import Context, StageT
from studies.core.judging import Contender
from studies.core.records import candidate, dev_score, plain, plural, trouble
from studies.core.schedules import describe
from studies.core.search.budget import spent, total
from studies.core.search.standing import Standing, is_full, standing, standing_before
from studies.core.space import lr_label

CARRIED = 3
"""Configurations that go on to the next stage."""

LISTED = 8
"""Runners-up and cells on record: a joint search may have finished hundreds."""


def decision(
    context: Context[StageT], rule: str, choice: Mapping[str, Any], reason: str, *, warnings: Sequence[str] = ()
) -> Decision:
    """Return a stage's decision on how all that has finished stands; there must be something that has."""
    order = standing(context).order
    best, *others = order
    return Decision(
        rule=rule,
        choice=dict(choice),
        reason=reason,
        evidence=evidence(context),
        runners_up=tuple(_candidate(context, each, note(best, each)) for each in others[:LISTED]),
        what_would_flip_it=_flip(context),
        candidates=tuple(
            _candidate(context, each, note(best, each) if each is not best else "Best on the dev set.")
            for each in order[:CARRIED]
        ),
        warnings=(*warnings, *_warnings(context)),
    )


def _candidate(context: Context[StageT], contender: Contender, why: str) -> Candidate:
    return candidate(context, contender, contender.num_steps, why)


def against_before(context: Context[StageT]) -> str:
    """Say how the best now stands against the best that the stage began with."""
    now, before = standing(context), standing_before(context)
    best = now.best
    score = f"{now.judged_by} {shown(context, now.judged_by, best)}{runs_of(best)}"
    if not before.order:
        return f"with {score}, the first that could be judged"
    first = _now(now, before.best)
    if first is best:
        return f"stays the best with {score}"
    return f"with {score} against {shown(context, now.judged_by, first)} before: {certainty(best, first)}"


def _now(now: Standing, contender: Contender) -> Contender:
    return next((each for each in now.order if each.key == contender.key), now.best)


def _flip(context: Context[StageT]) -> str:
    now = standing(context)
    best, *others = now.order
    if not others:
        return "Any other configuration with a better dev metric: raise budget.trials so that one can be run."
    return flip(now.judged_by, best, others[0], name=named(context, others[0]), errors=0.0)


def named(context: Context[StageT], contender: Contender) -> str:
    """Name a configuration by all that makes it up: ``lr 0.01, batch_size 64, dropout 0.1, constant``."""
    words = [f"{name} {_value(name, value)}" for name, value in contender.params.items()]
    return ", ".join([*words, describe(contender.schedule)])


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
    diverged = context.ended_as(TrialState.DIVERGED)
    lost = (f"{plural(len(diverged), 'run')} diverged and took no part.",) if diverged else ()
    return (*trouble(context.ended_as(TrialState.FAILED)), *lost)


# --- evidence ----------------------------------------------------------------------------------------------------


def evidence(context: Context[StageT]) -> dict[str, Any]:
    now, before = standing(context), standing_before(context)
    best = now.best
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
