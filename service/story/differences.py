"""What sets one configuration apart from another, in few words: nobody wants to read six values to find the one."""

from __future__ import annotations

from collections.abc import Sequence

from service.format import number, scalar, words
from studies.contract.decision import Candidate
from studies.contract.schedule import Schedule

MOST_NAMED = 3
"""Differences that a sentence names; it counts the others."""


def changes(before: Candidate, after: Candidate) -> tuple[str, ...]:
    """Return what changed from one configuration to another: ``lr 0.05 → 0.08``, ``linear decay from step 94 on``."""
    found = [
        f"{words(name)} {scalar(before.params[name])} → {scalar(value)}"
        for name, value in after.params.items()
        if name in before.params and before.params[name] != value
    ]
    return (*found, *_schedule_change(before.schedule, after.schedule))


def apart(candidate: Candidate, chosen: Candidate) -> str:
    """Name a configuration by what it has otherwise than the chosen one: ``lr 0.5 · cosine decay from step 61 on``."""
    values = [
        f"{words(name)} {scalar(value)}"
        for name, value in candidate.params.items()
        if chosen.params.get(name, None) != value
    ]
    form = [] if _same_form(candidate.schedule, chosen.schedule) else [decay_words(candidate.schedule)]
    return " · ".join([*values, *form]) or "the same settings"


def decay_words(schedule: Schedule) -> str:
    """Say a schedule in few words: ``no decay``, ``cosine decay from step 61 on``."""
    if schedule.kind == "constant":
        return "no decay"
    return f"{schedule.kind} decay from step {number(schedule.start)} on"


def listed(parts: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``, or the first of many and how many more there are."""
    shown = list(parts[:MOST_NAMED])
    if len(parts) > MOST_NAMED:
        shown.append(f"{len(parts) - MOST_NAMED} more")
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def _schedule_change(before: Schedule, after: Schedule) -> tuple[str, ...]:
    if _same_form(before, after):
        return ()
    if before.kind == after.kind:
        return (f"{after.kind} decay from step {number(before.start)} → {number(after.start)}",)
    return (decay_words(after),)


def _same_form(one: Schedule, other: Schedule) -> bool:
    """Return whether two schedules say the same in few words: the end of a decay follows the length of its run."""
    return decay_words(one) == decay_words(other)
