"""The clauses that the sentences of several stages are made of; each is empty where its number is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.conclusions import evidence_number, seeds, seeds_words
from service.format import count, number
from service.story.differences import apart, changes
from service.story.sureness import standing
from studies.contract.decision import Candidate, Decision
from studies.core.stats import Z

_SHORT = 40
"""Letters up to which a rival is named within a sentence; the list of runners-up names every one."""


@dataclass(frozen=True)
class Found:
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


def score(found: Found) -> str:
    """Return what the choice came to: ``dev accuracy 0.951 (mean of 3 seeds)``."""
    after = found.number("dev_after")
    return "" if after is None else f"{found.metric} {number(after)}{seeds_words(seeds(found.decision))}"


def change(found: Found) -> str:
    """Return what the choice brought: ``dev accuracy goes from 0.951 to 0.972``."""
    before, after = found.number("dev_before"), found.number("dev_after")
    if before is None:
        return f"{found.metric} comes to {number(after)}"
    if number(before) == number(after):
        return f"{found.metric} stays at {number(after)}"
    return f"{found.metric} goes from {number(before)} to {number(after)}{seeds_words(seeds(found.decision))}"


def rival(found: Found) -> str:
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


def gain_against_noise(found: Found) -> str:
    """Say that what a choice brought is within the noise, where the evidence has the errors of both."""
    before, after = found.number("dev_before"), found.number("dev_after")
    errors = [error for each in (found.best, found.before) if (error := _error(found.decision, each)) is not None]
    if before is None or after is None or len(errors) < 2 or abs(after - before) > Z * math.hypot(*errors):  # noqa: PLR2004
        return ""
    return ", which is within the noise"


def _error(decision: Decision, candidate: Candidate | None) -> float | None:
    """Return the standard error of a configuration that was weighed."""
    wanted = candidate.trial_id if candidate else ""
    cell = next((cell for cell in table(decision, "cells") if cell.get("trial_id") == wanted), {})
    error = cell.get("standard_error")
    return float(error) if isinstance(error, int | float) else None


def against_noise(gain: float, noise: float | None) -> str:
    if noise is None:
        return f"a gain of {number(gain, 2)} from single runs"
    return (
        f"a gain of {number(gain, 2)}, {'clear of' if abs(gain) > noise else 'within'} the noise of {number(noise, 2)}"
    )


def tried(decision: Decision) -> str:
    finished, stopped = (evidence_number(decision, name) for name in ("finished", "stopped"))
    points = int((finished or 0) + (stopped or 0))
    return count(points, "point")


def rates(decision: Decision, *needed: str) -> Sequence[Mapping[str, Any]]:
    """Return the evidence's cells for as long as they have the numbers that are needed."""
    cells = table(decision, "cells")
    return [cell for cell in cells if all(isinstance(cell.get(name), int | float) for name in ("lr", *needed))]


def table(decision: Decision, key: str) -> Sequence[Mapping[str, Any]]:
    found = decision.evidence.get(key)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list | tuple) else []
