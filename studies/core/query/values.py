"""The values that names are compared with: which of them fit which name."""

from __future__ import annotations

import math
import re
from typing import Literal

from studies.contract.trial_query import CHOICES, NUMERIC_FACTS, Fact, Measure, Operator, Param, Term, Value
from studies.core.query.tokens import Token
from studies.core.query.vocabulary import closest
from studies.errors import InvalidFilter

Kind = Literal["number", "text", "choice", "any"]

UNITS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
"""Seconds of each unit that a duration may be given in."""

JOINING = ("and", "or", "not")
"""Words that are no texts without quotes: a value has been forgotten before them."""

_NUMBER = re.compile(r"(?P<amount>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>[A-Za-z_]*)")


def kind_of(term: Term) -> Kind:
    """Return what can be compared with `term`: a hyperparameter may be anything."""
    if isinstance(term, Param):
        return "any"
    if isinstance(term, Measure) or term.name in NUMERIC_FACTS:
        return "number"
    return "choice" if term.name in CHOICES else "text"


def value_of(token: Token, term: Term, name: str) -> Value:
    """Return the value that `token` stands for beside `term`, which the reader calls `name`.

    Raises:
        InvalidFilter: it is no value, or not one of the kind that the term has.
    """
    kind = kind_of(term)
    if kind in ("number", "any") and token.kind == "number":
        return _number(token, in_time=term == Fact("duration"))
    if kind == "any" and token.kind == "name" and token.text.lower() in ("true", "false"):
        return token.text.lower() == "true"
    if kind == "number":
        raise InvalidFilter(f"{name} is a number: compare it with one", token.start, token.end)
    if token.kind == "number":
        raise InvalidFilter(f'{name} is a text: write "{token.text}"', token.start, token.end)
    text = text_of(token)
    if isinstance(term, Fact) and kind == "choice" and text not in CHOICES[term.name]:
        raise InvalidFilter(_no_choice(term, text), token.start, token.end)
    return text


def text_of(token: Token) -> str:
    """Return a value as text, whatever it is.

    Raises:
        InvalidFilter: there is no value.
    """
    if token.kind == "text":
        return token.content()
    if token.kind in ("name", "number") and token.text.lower() not in JOINING:
        return token.text
    raise InvalidFilter("a value is missing here", token.start, max(token.end, token.start + 1))


def require_ordered(name: str, operator: Operator, value: Value, token: Token) -> None:
    """Let only numbers be compared by size.

    Raises:
        InvalidFilter
    """
    if operator in ("=", "!=") or isinstance(value, float):
        return
    raise InvalidFilter(f"{operator} compares numbers: use =, != or in with {name}", token.start, token.end)


def _number(token: Token, *, in_time: bool) -> float:
    found = _NUMBER.fullmatch(token.text)
    amount, unit = (found["amount"], found["unit"]) if found else (token.text, "")
    if unit and not (in_time and unit in UNITS):
        known = "durations take s, min, h or d" if in_time else "only a duration has a unit"
        raise InvalidFilter(f"unknown unit '{unit}': {known}", token.end - len(unit), token.end)
    value = float(amount) * UNITS[unit]
    if not math.isfinite(value):
        raise InvalidFilter("this number is too large", token.start, token.end)
    return value


def _no_choice(term: Fact, text: str) -> str:
    known = CHOICES[term.name]
    return f"there is no {term.name} '{text}'" + (closest(text, known) or f": it is one of {', '.join(known)}")
