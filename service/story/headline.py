"""The decision of a stage in one sentence with its numbers, from its evidence.

The record's own reason is longer, and complete; where the evidence does not hold what a sentence needs, it stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.conclusions import evidence_number, seeds, seeds_words
from service.format import count, number, sentence, words
from service.story.differences import apart, changes, decay_words, listed
from service.story.sureness import standing
from studies.contract.decision import Candidate, Decision
from studies.contract.study_file import Metric, StageKind
from studies.core.stats import Z

_SHORT = 40
"""Letters up to which a rival is named within a sentence; the list of runners-up names every one."""


@dataclass(frozen=True)
class _Found:
    """A decision with what its stage began with, None for a first stage; ``best`` stands for the choice."""

    decision: Decision
    metric: str
    best: Candidate
    before: Candidate | None

    def number(self, name: str) -> float | None:
        return evidence_number(self.decision, name)

    @property
    def second(self) -> Candidate | None:
        return self.decision.runners_up[0] if self.decision.runners_up else None

    @property
    def noise(self) -> float | None:
        error = self.number("noise")
        return None if error is None else Z * error

    @property
    def changes(self) -> tuple[str, ...]:
        return changes(self.before, self.best) if self.before else ()


def headline(kind: StageKind, decision: Decision, metric: Metric, before: Candidate | None) -> str:
    """Return the decision of a stage in one sentence; ``before`` is what the stage before carried on, if any."""
    if not decision.candidates:
        return sentence(decision.reason)
    found = _Found(decision, words(metric.name), decision.candidates[0], before)
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


def _lr_sweep(found: _Found) -> str:
    first, second = (*_cells(found.decision, "depth"), None, None)[:2]
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


def _batch_momentum(found: _Found) -> str:
    score = _score(found)
    if not score:
        return ""
    momentum = found.best.params.get("momentum")
    pair = f"batch size {found.best.params.get('batch_size')}"
    pair += "" if momentum is None else f" with momentum {number(float(momentum))}"
    if found.before and not found.changes:
        return f"{pair} stays as it was, with {score}{_rival(found)}"
    return f"{pair} at lr {number(float(found.best.params['lr']))} comes to {score}{_rival(found)}"


def _decay_schedule(found: _Found) -> str:
    gain, after = found.number("lead"), found.number("dev_after")
    if gain is None or after is None:
        return ""
    if found.best.schedule.kind != "constant":
        return f"{decay_words(found.best.schedule)} pays: {_change(found)}, {_against_noise(gain, found.noise)}"
    second = decay_words(found.second.schedule) if found.second else "the best decay"
    match standing(gain, found.noise):
        case "level":
            return f"no decay is needed: {second} only equals a constant rate's {found.metric} of {number(after)}"
        case "clear" if gain < 0:
            return f"decay does harm: {second} falls {number(-gain, 2)} short of a constant rate's {number(after)}"
        case _:
            side = f"{number(abs(gain), 2)} {'above' if gain > 0 else 'below'}"
            rest = f"a constant rate's {found.metric} of {number(after)}, within the noise"
            return f"no decay is needed: {second} ends {side} {rest}"


def _lr_halving(found: _Found) -> str:
    score, rungs = _score(found), _dicts(found.decision, "rungs")
    if not score or not rungs:
        return ""
    top = max(rung["steps"] for rung in rungs)
    climbed = sum(rung["steps"] == top for rung in rungs)
    lr = number(float(found.best.params["lr"]))
    alone = "the only one" if climbed == 1 else f"the best of {climbed}"
    return f"lr {lr} comes to {score}, {alone} of {count(len(rungs), 'rate')} to climb all {number(top)} steps"


def _one_change(found: _Found) -> str:
    """Tell of a late decay or of probes: what moved, and what it brought."""
    score = _score(found)
    if not score:
        return ""
    if not found.changes:
        return f"nothing tried does better: {score} stands{_rival(found)}"
    return f"{listed(found.changes)}: {_change(found)}{_gain_against_noise(found)}"


def _joint_search(found: _Found) -> str:
    score = _score(found)
    if not score:
        return ""
    if not found.changes:
        return f"{_tried(found.decision)} later the settings stand as they were, with {score}{_rival(found)}"
    return f"{listed(found.changes)}: {_change(found)}{_rival(found)}"


def _confirm(found: _Found) -> str:
    lead, score, runs = found.number("lead"), _score(found), seeds(found.decision)
    if lead is None or not score:
        return ""
    if runs <= 1:
        return f"no repeat fitted into the budget, so {score} rests on a single run"
    match standing(lead, found.noise):
        case "clear":
            return f"the lead is real: {score}, {number(lead, 2)} ahead of the second finalist and beyond the noise"
        case "level":
            return f"the finalists are level at {score}: either will do"
        case _:
            return f"the lead may be luck: {score} is {number(abs(lead), 2)} ahead of the second, within the noise"


_TOLD: Mapping[StageKind, Callable[[_Found], str]] = {
    "lr_sweep": _lr_sweep,
    "batch_momentum": _batch_momentum,
    "decay_schedule": _decay_schedule,
    "lr_halving": _lr_halving,
    "decay_probes": _one_change,
    "parameter_probes": _one_change,
    "joint_search": _joint_search,
    "confirm": _confirm,
}


# --- their parts -------------------------------------------------------------------------------------------------


def _score(found: _Found) -> str:
    """Return what the choice came to: ``dev accuracy 0.951 (mean of 3 seeds)``."""
    after = found.number("dev_after")
    return "" if after is None else f"{found.metric} {number(after)}{seeds_words(seeds(found.decision))}"


def _change(found: _Found) -> str:
    """Return what the choice brought: ``dev accuracy goes from 0.951 to 0.972``."""
    before, after = found.number("dev_before"), found.number("dev_after")
    if before is None:
        return f"{found.metric} comes to {number(after)}"
    if number(before) == number(after):
        return f"{found.metric} stays at {number(after)}"
    return f"{found.metric} goes from {number(before)} to {number(after)}{seeds_words(seeds(found.decision))}"


def _rival(found: _Found) -> str:
    """Say where the next best stands, as a clause; empty where there is none."""
    lead = found.number("lead")
    if lead is None or found.second is None:
        return ""
    name = apart(found.second, found.best)
    name = name if len(name) <= _SHORT else "the next best"
    match standing(lead, found.noise):
        case "level":
            return f", level with {name}"
        case _ if lead < 0:
            return f"; {name} is ahead by {number(-lead, 2)}, within the noise"
        case _:
            return f", {number(lead, 2)} ahead of {name}{_side(lead, found.noise)}"


def _side(lead: float, noise: float | None) -> str:
    match standing(lead, noise):
        case "clear":
            return " and clear of the noise"
        case "not known":
            return ""
        case _:
            return ", within the noise"


def _gain_against_noise(found: _Found) -> str:
    """Say that what a choice brought is within the noise, where the evidence has the errors of both."""
    before, after = found.number("dev_before"), found.number("dev_after")
    errors = [error for each in (found.best, found.before) if (error := _error(found.decision, each)) is not None]
    if before is None or after is None or len(errors) < 2 or abs(after - before) > Z * math.hypot(*errors):  # noqa: PLR2004
        return ""
    return ", which is within the noise"


def _error(decision: Decision, candidate: Candidate | None) -> float | None:
    """Return the standard error of a configuration that was weighed."""
    wanted = candidate.trial_id if candidate else ""
    cell = next((cell for cell in _dicts(decision, "cells") if cell.get("trial_id") == wanted), {})
    error = cell.get("standard_error")
    return float(error) if isinstance(error, int | float) else None


def _against_noise(gain: float, noise: float | None) -> str:
    if noise is None:
        return f"a gain of {number(gain, 2)} from single runs"
    return (
        f"a gain of {number(gain, 2)}, {'clear of' if abs(gain) > noise else 'within'} the noise of {number(noise, 2)}"
    )


def _tried(decision: Decision) -> str:
    finished, stopped = (evidence_number(decision, name) for name in ("finished", "stopped"))
    points = int((finished or 0) + (stopped or 0))
    return count(points, "point")


def _cells(decision: Decision, *needed: str) -> Sequence[Mapping[str, Any]]:
    """Return the evidence's cells for as long as they have the numbers that are needed."""
    cells = _dicts(decision, "cells")
    return [cell for cell in cells if all(isinstance(cell.get(name), int | float) for name in ("lr", *needed))]


def _dicts(decision: Decision, key: str) -> Sequence[Mapping[str, Any]]:
    found = decision.evidence.get(key)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list | tuple) else []
