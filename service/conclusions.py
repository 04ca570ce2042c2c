"""What a decision concluded, as the terminal and the pages both say it: the choice, and what it brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from service.format import number, scalar, words
from studies.contract.base import Params
from studies.contract.decision import Decision
from studies.contract.schedule import Schedule
from studies.contract.study_file import StageKind
from studies.contract.views import StudySummary

BASELINES: Final[dict[StageKind, str]] = {
    "lr_sweep": "at lr 0.01",
    "batch_momentum": "with the sweep's settings",
    "decay_schedule": "without decay",
    "lr_halving": "before",
    "decay_probes": "without late decay",
    "parameter_probes": "before the probes",
    "search": "before the search",
    "joint_search": "before the joint search",
    "confirm": "from single runs",
}
"""What the evidence's ``dev_before`` was measured with, by stage."""

_DESCRIBED = ("schedule", "start")


@dataclass(frozen=True)
class Gain:
    """The study's metric before and after a choice: means of the dev peaks of its seeds.

    Attributes:
        before: None where it was not measured.
        seeds: runs behind ``after``; 0 where the evidence does not say.
    """

    kind: StageKind
    before: float | None
    after: float
    seeds: int


@dataclass(frozen=True)
class Chosen:
    """The configuration that a study has chosen so far.

    Attributes:
        trial_id: the trial that stands for it.
        score: the study's metric, the mean of the dev peaks of its seeds; None where it was not measured.
        seeds: runs behind the score; 0 where the evidence does not say.
    """

    trial_id: str
    params: Params
    num_steps: int
    schedule: Schedule
    score: float | None
    seeds: int


def chosen(study: StudySummary) -> Chosen | None:
    """Return what the last decision carries on, None before the first."""
    decided = [stage.decision for stage in study.stages if stage.decision and stage.decision.candidates]
    if not decided:
        return None
    last = decided[-1]
    first = last.candidates[0]
    return Chosen(first.trial_id, first.params, first.num_steps, first.schedule, first.score, seeds(last))


def choice_values(decision: Decision) -> dict[str, Any]:
    """Return the choice by name; a schedule that describes itself needs no form and start beside."""
    choice = dict(decision.choice)
    if "description" in choice:
        choice = {"schedule": choice.pop("description")} | {k: v for k, v in choice.items() if k not in _DESCRIBED}
    return {name: value for name, value in choice.items() if value is not None}


def value_words(value: object) -> str:
    """Return a value of a choice for people: ``0.03``, ``32, 64``, ``lr 0.03, momentum 0.9``."""
    if isinstance(value, Mapping):
        return ", ".join(f"{words(str(name))} {value_words(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(value_words(part) for part in value)
    return scalar(value)


def gain(kind: StageKind, decision: Decision) -> Gain | None:
    """Return what the choice brought, None where the study's metric was not measured."""
    after = evidence_number(decision, "dev_after")
    return None if after is None else Gain(kind, evidence_number(decision, "dev_before"), after, seeds(decision))


def seeds(decision: Decision) -> int:
    """Return how many runs stand behind the choice, 0 where the evidence does not say."""
    chosen = decision.candidates[0].trial_id if decision.candidates else ""
    cells = decision.evidence.get("cells")
    found = [cell for cell in cells if cell.get("trial_id") == chosen] if isinstance(cells, list | tuple) else []
    return len(found[0].get("seeds", ())) if found else 0


def gain_words(found: Gain, metric: str) -> str:
    """Say what a choice brought: ``dev accuracy 0.951 at lr 0.01 → 0.972 (mean of 3 seeds)``."""
    before, after = number(found.before), number(found.after)
    if found.before is None:
        change = after
    elif before == after:
        change = f"{after}, no change"
    else:
        change = f"{before} {BASELINES[found.kind]} → {after}"
    return f"{words(metric)} {change}{seeds_words(found.seeds)}"


def seeds_words(count: int) -> str:
    return f" (mean of {count} seeds)" if count > 1 else ""


def evidence_number(decision: Decision | None, key: str) -> float | None:
    """Return the finite number under `key` of the evidence, which is open JSON data; None where there is none."""
    value = decision.evidence.get(key) if decision else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)
