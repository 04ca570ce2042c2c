"""Stage 3's decision: which decay, or that the study is insensitive to it (guide, stage 3)."""

from __future__ import annotations

from typing import Any

from studies.contract.decision import Candidate, Decision
from studies.contract.states import TrialState
from studies.contract.study_file import DecaySchedule
from studies.core.contest import Contest, final_order
from studies.core.contest_record import against_noise, certainty, contest_warnings, flip, note, runs_of, shown
from studies.core.context import Context, left_out
from studies.core.judging import Contender
from studies.core.records import candidate, cut_short, dev_score, gap, plain, sentence, trouble
from studies.core.schedules import describe
from studies.core.stages.decay_schedule.phases import (
    PHASES,
    baseline_of,
    linear_of,
    old_peak,
    peak_step,
    standing,
    verdict,
)
from studies.core.starting import start
from studies.core.stats import Z

RULE_NAME = "linear decay against none first, then the classic forms if it pays (guide, stage 3)"


def conclude(context: Context[DecaySchedule]) -> Decision:
    """Return the decision on all that the stage has shown; without a run to judge, what came in is kept."""
    field = standing(context)
    return _chosen(context, field) if field.contenders else _kept(context)


def _chosen(context: Context[DecaySchedule], field: Contest) -> Decision:
    order = order_of(context, field)
    best, *others = order
    stays = "no decay stays" if best == baseline_of(context) else ""
    return Decision(
        rule=RULE_NAME,
        choice=_choice(best),
        reason=_why(context, field, order),
        evidence=_evidence(context, field, order),
        runners_up=tuple(_candidate(context, each, note(best, each, stays)) for each in others),
        what_would_flip_it=_flip(context, field, order),
        candidates=(_candidate(context, best, "Best on the dev set."),),
        warnings=_warnings(context, field, order),
    )


def order_of(context: Context[DecaySchedule], field: Contest) -> list[Contender]:
    """Return the contenders best first; no decay comes first where no decay is better than it beyond noise."""
    order = final_order(field.contenders)
    baseline = baseline_of(context)
    if baseline is None or order[0].leads(baseline).clear:
        return order
    return [baseline, *(each for each in order if each != baseline)]


def _kept(context: Context[DecaySchedule]) -> Decision:
    origin = start(context)
    return Decision(
        rule=RULE_NAME,
        choice={"schedule": origin.schedule.kind, "num_steps": origin.num_steps},
        reason="No run of this stage could be judged, so the learning rate stays as the stage before chose it.",
        evidence={"dev_before": origin.score, "dev_after": origin.score, "noise": None, "lead": None, "cells": []},
        what_would_flip_it="Any completed run with a sound loss and a better dev metric: raise budget.trials.",
        candidates=context.incoming,
        warnings=(*trouble(context.ended_as(TrialState.FAILED)), *cut_short(context, left_out(context, PHASES))),
    )


def _choice(best: Contender) -> dict[str, Any]:
    schedule = best.schedule
    return {
        "schedule": schedule.kind,
        "description": describe(schedule),
        "start": schedule.start,
        "num_steps": best.num_steps,
    }


def _candidate(context: Context[DecaySchedule], contender: Contender, why: str) -> Candidate:
    return candidate(context, contender, contender.num_steps, why)


# --- words -------------------------------------------------------------------------------------------------------


def _why(context: Context[DecaySchedule], field: Contest, order: list[Contender]) -> str:
    best, *others = order
    baseline = baseline_of(context)
    chosen = _scored(context, field, best)
    if baseline is None:
        return sentence(f"{chosen} is the best of what ran; the undecayed run gave nothing to compare it with.")
    if not others:
        return sentence(f"{chosen} stays: no decayed run gave a result to compare it with.")
    if best == baseline:
        return _why_none(context, field, best, others[0])
    return f"Decay pays: {chosen} against {_scored(context, field, baseline)} is {certainty(best, baseline)}."


def _why_none(context: Context[DecaySchedule], field: Contest, best: Contender, decayed: Contender) -> str:
    lead = decayed.leads(best)
    verdict = "Decay does harm" if lead.clear else "Insensitive to decay"
    side = f"{'ahead' if lead.value > 0 else 'behind'} by {gap(abs(lead.value))}" if lead.value else "equal"
    return (
        f"{verdict}: the best decayed run, {_scored(context, field, decayed)}, against "
        f"{_scored(context, field, best)} is {side}, {against_noise(lead)}."
    )


def _scored(context: Context[DecaySchedule], field: Contest, contender: Contender) -> str:
    value = shown(context, field.judged_by, contender)
    return f"{describe(contender.schedule)} with {field.judged_by} {value}{runs_of(contender)}"


def _flip(context: Context[DecaySchedule], field: Contest, order: list[Contender]) -> str:
    best, *others = order
    if not others:
        return "A decayed run with a better dev metric: raise budget.trials so that one can be run."
    second, baseline = others[0], baseline_of(context)
    errors = Z if best == baseline else -Z if second == baseline else 0.0
    return flip(field.judged_by, best, second, name=sentence(describe(second.schedule)), errors=errors)


def _warnings(context: Context[DecaySchedule], field: Contest, order: list[Contender]) -> tuple[str, ...]:
    best = order[0]
    found = list(contest_warnings(context, field, best))
    others = [each for each in order[1:] if each.schedule.kind != "constant"]
    if best.schedule.kind != "constant" and others and not best.leads(others[0]).clear:
        found.append(sentence(f"{describe(others[0].schedule)} cannot be told from the choice beyond noise."))
    return (*found, *cut_short(context, left_out(context, PHASES)))


# --- evidence ----------------------------------------------------------------------------------------------------


def _evidence(context: Context[DecaySchedule], field: Contest, order: list[Contender]) -> dict[str, Any]:
    best, baseline, linear = order[0], baseline_of(context), linear_of(context)
    decayed = next((each for each in order if each != baseline), best)
    gain = decayed.leads(baseline) if baseline else None
    return {
        "dev_before": dev_score(context, baseline.trials) if baseline else start(context).score,
        "dev_after": dev_score(context, best.trials),
        "noise": plain(gain.standard_error if gain else best.estimate.standard_error),
        "lead": plain(gain.value) if gain else None,
        "judged_by": field.judged_by,
        "linear_from_step_0": verdict(linear, baseline),
        "old_peak_step": old_peak(context),
        "linear_peak_step": peak_step(context, linear) if linear else None,
        "ranking": [describe(each.schedule) for each in order],
        "cells": [_cell(context, each) for each in order],
    }


def _cell(context: Context[DecaySchedule], contender: Contender) -> dict[str, Any]:
    return {
        "schedule": contender.schedule.kind,
        "description": describe(contender.schedule),
        "start": contender.schedule.start,
        "score": dev_score(context, contender.trials),
        "value": plain(contender.mean),
        "standard_error": plain(contender.estimate.standard_error),
        "peak_step": peak_step(context, contender),
        "trial_id": contender.best_trial.id,
        "seeds": [trial.seed for trial in contender.trials],
    }
