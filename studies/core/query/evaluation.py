"""What a filter and an order say of trials in memory. The databases say the same, by `studies.storage.sql.asking`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from operator import eq, ge, gt, itemgetter, le, lt, ne
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final, TypeVar

from studies.contract.base import Scalar, Timestamp
from studies.contract.trial_query import (
    CHOICES,
    AllOf,
    AnyOf,
    Compare,
    Fact,
    Filter,
    Missing,
    Not,
    OneOf,
    Operator,
    Order,
    Param,
    Term,
    Value,
)
from studies.contract.views import TrialView

Reader = Callable[[Term], Value | None]
"""What a trial has under a name, None where it is missing."""

Item = TypeVar("Item")

_COMPARISONS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_AFTER: Final = "text "
"""Before every text that is sorted, so that even an empty one comes after an infinite number."""
_PARTS: Final = {"last": "last", "min": "minimum", "max": "maximum"}


def reader(trial: TrialView, now: Timestamp) -> Reader:
    """Return what looks names up in `trial`; ``now`` is when it is asked, for how long it has run."""

    def value(term: Term) -> Value | None:
        if isinstance(term, Fact):
            return _fact(trial, term, now)
        if isinstance(term, Param):
            return _clean(trial.params.get(term.name))
        summary = trial.metrics.get(term.metric)
        found = math.nan if summary is None else float(getattr(summary, _PARTS[term.part]))
        return None if math.isnan(found) else found

    return value


def _fact(trial: TrialView, fact: Fact, now: Timestamp) -> Value | None:
    match fact.name:
        case "steps":
            return float(trial.last_step)
        case "schedule":
            return trial.schedule.kind
        case "duration":
            if trial.started_at is None:
                return None
            return (now if trial.ended_at is None else trial.ended_at) - trial.started_at
        case name:
            found = getattr(trial, name)
            return float(found) if isinstance(found, int) else str(found) or None


def _clean(value: Scalar | None) -> Value | None:
    """Return a hyperparameter's value. A float that is not finite is missing, a whole number is never too large."""
    if value is None or isinstance(value, bool | str):
        return value if value != "" else None
    try:
        number = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    return number if isinstance(value, int) or math.isfinite(number) else None


def matches(query: Filter, value: Reader) -> bool:
    """Return whether `query` holds of the trial that `value` looks names up in."""
    match query:
        case AllOf(operands):
            return all(matches(operand, value) for operand in operands)
        case AnyOf(operands):
            return any(matches(operand, value) for operand in operands)
        case Not(operand):
            return not matches(operand, value)
        case Missing(term):
            return value(term) is None
        case Compare(term, operator, given):
            return _compares(value(term), operator, given)
        case OneOf(term, values):
            return any(_compares(value(term), "=", given) for given in values)
    return _contains(value(query.term), query.text)


def _contains(found: Value | None, text: str) -> bool:
    return isinstance(found, str) and text.translate(_LOWER) in found.translate(_LOWER)


def _compares(found: Value | None, operator: Operator, given: Value) -> bool:
    if found is None:
        return False
    if type(found) is not type(given):
        return operator == "!="
    return _COMPARISONS[operator](found, given)


def ordered(items: Iterable[tuple[int, Reader, Item]], order: Order) -> Sequence[Item]:
    """Return items in an order; each comes with its trial's number and with what looks names up in that trial."""
    by_number = sorted(items, key=itemgetter(0))
    ranked = [(_rank(order.term, value(order.term)), item) for _, value, item in by_number]
    there = [(rank, item) for rank, item in ranked if rank is not None]
    there.sort(key=itemgetter(0), reverse=order.descending)
    return [item for _, item in there] + [item for rank, item in ranked if rank is None]


def _rank(term: Term, value: Value | None) -> tuple[float, str] | None:
    """Return what a value is sorted by: every text comes after every number."""
    if value is None:
        return None
    if isinstance(term, Fact) and term.name in CHOICES:
        return CHOICES[term.name].index(str(value)), ""
    return (math.inf, f"{_AFTER}{value}") if isinstance(value, str) else (float(value), "")
