"""The decision of a stage in one sentence with its numbers, from its evidence.

The record's own reason is longer, and complete; where the evidence does not hold what a sentence needs, it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from service.conclusions import evidence_number, seeds
from service.format import count, number, sentence, words
from service.story.clauses import Found, against_noise, change, gain_against_noise, rates, rival, score, table, tried
from service.story.differences import decay_words, listed
from service.story.sureness import standing
from studies.contract.decision import Candidate, Decision
from studies.contract.study_file import Metric, StageKind


def headline(kind: StageKind, decision: Decision, metric: Metric, before: Candidate | None) -> str:
    """Return the decision of a stage in one sentence; ``before`` is what the stage before carried on, if any."""
    if not decision.candidates:
        return sentence(decision.reason)
    found = Found(decision, words(metric.name), decision.candidates[0], before)
    return sentence(_TOLD[kind](found) or decision.reason)


def length_words(decision: Decision, metric: Metric) -> str:
    """Say why runs take as long as the sweep chose (guide, stage 1); empty where the evidence does not say."""
    converged, steps = evidence_number(decision, "convergence_step"), decision.choice.get("num_steps")
    if not isinstance(steps, int | float):
        return ""
    if converged is None:
        still = "convergence_step" in decision.evidence
        return f"The loss still falls at the end, so runs take all {number(steps)} steps." if still else ""
    plateau = evidence_number(decision, "dev_plateau_step") or 0.0
    said = f"The loss has flattened out by step {number(converged)}"
    if plateau > converged:
        said += f", {words(metric.name)} gains until step {number(plateau)}"
    times = steps / max(converged, plateau, 1.0)
    return f"{said}; {number(times, 2)} times that makes {number(steps)} steps."


# --- the sentences of each stage: empty where they lack a number -------------------------------------------------


def _lr_sweep(found: Found) -> str:
    first, second = (*rates(found.decision, "depth"), None, None)[:2]
    if first is None:
        return ""
    opening = f"At lr {number(first['lr'])} the training loss"
    if second is None:
        return f"{opening} comes down to {number(first['depth'], 3)}; no other rate could be judged"
    rival = f"lr {number(second['lr'])}"
    ends, theirs = number(first["depth"], 3), number(second["depth"], 3)
    match found.decision.evidence.get("decided_by"):
        case "speed":
            return f"{opening} falls fastest, to {ends}: as deep within the noise as {rival} with {theirs}"
        case "tie":
            tie = "a tie within the noise that goes to the smaller, more stable rate"
            return f"{opening} comes down to {ends} against {theirs} at {rival}: {tie}"
        case _ if standing(found.number("lead") or 0.0, found.noise) == "clear":
            return f"{opening} falls deepest, to {ends} against {theirs} at {rival}"
        case _:
            return f"{opening} comes down to {ends} against {theirs} at {rival}, within the noise"


def _batch_momentum(found: Found) -> str:
    came = score(found)
    if not came:
        return ""
    momentum = found.best.params.get("momentum")
    pair = f"batch size {found.best.params.get('batch_size')}"
    pair += "" if momentum is None else f" with momentum {number(float(momentum))}"
    if found.before and not found.changes:
        return f"{pair} stays as it was, with {came}{rival(found)}"
    return f"{pair} at lr {number(float(found.best.params['lr']))} comes to {came}{rival(found)}"


def _decay_schedule(found: Found) -> str:
    gain, after = found.number("lead"), found.number("dev_after")
    if gain is None or after is None:
        return ""
    if found.best.schedule.kind != "constant":
        return f"{decay_words(found.best.schedule)} pays: {change(found)}, {against_noise(gain, found.noise)}"
    second = decay_words(found.second.schedule) if found.second else "the best decay"
    match standing(gain, found.noise):
        case "level":
            return f"no decay is needed: {second} only equals a constant rate's {found.metric} of {number(after)}"
        case "clear" if gain < 0:
            constant = f"a constant rate's {found.metric} of {number(after)}"
            return f"decay does harm: {second} comes out {number(-gain, 2)} worse than {constant}"
        case _:
            side = f"{number(abs(gain), 2)} {'better' if gain > 0 else 'worse'}"
            constant = f"a constant rate's {found.metric} of {number(after)}"
            return f"no decay is needed: {second} comes out {side} than {constant}, within the noise"


def _lr_halving(found: Found) -> str:
    came, rungs = score(found), table(found.decision, "rungs")
    steps = [rung["steps"] for rung in rungs if isinstance(rung.get("steps"), int)]
    if not came or not steps:
        return ""
    top, climbed = max(steps), steps.count(max(steps))
    lr = number(float(found.best.params["lr"]))
    alone = "the only one" if climbed == 1 else f"the best of {climbed}"
    return f"lr {lr} comes to {came}, {alone} of {count(len(steps), 'rate')} to climb all {number(top)} steps"


def _one_change(found: Found) -> str:
    """Tell of a late decay or of probes: what moved, and what it brought."""
    came = score(found)
    if not came:
        return ""
    if not found.changes:
        return f"nothing tried does better: {came} stands{rival(found)}"
    return f"{listed(found.changes)}: {change(found)}{gain_against_noise(found)}"


def _search(found: Found) -> str:
    came = score(found)
    if not came:
        return ""
    if found.before is None:
        return f"the best of {tried(found.decision)} comes to {came}{rival(found)}"
    if not found.changes:
        return f"{tried(found.decision)} later the settings stand as they were, with {came}{rival(found)}"
    return f"{listed(found.changes)}: {change(found)}{rival(found)}"


def _confirm(found: Found) -> str:
    lead, came, runs = found.number("lead"), score(found), seeds(found.decision)
    if lead is None or not came:
        return ""
    if runs <= 1:
        return f"no repeat fitted into the budget, so {came} rests on a single run"
    match standing(lead, found.noise):
        case "clear":
            return f"the lead is real: {came}, {number(lead, 2)} ahead of the second finalist and beyond the noise"
        case "level":
            return f"the finalists are level at {came}: either will do"
        case _:
            return f"the lead may be luck: {came} is {number(abs(lead), 2)} ahead of the second, within the noise"


_TOLD: Mapping[StageKind, Callable[[Found], str]] = {
    "lr_sweep": _lr_sweep,
    "batch_momentum": _batch_momentum,
    "decay_schedule": _decay_schedule,
    "lr_halving": _lr_halving,
    "decay_probes": _one_change,
    "parameter_probes": _one_change,
    "search": _search,
    "joint_search": _search,
    "confirm": _confirm,
}
