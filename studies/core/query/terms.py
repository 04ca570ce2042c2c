"""What can be compared: names, and ``last(loss)``, ``max("val.f1")``, ``param(seed)``."""

from __future__ import annotations

import re
from typing import Final

from studies.contract.trial_query import Measure, Param, Part, Term
from studies.core.query.cursor import Cursor
from studies.core.query.tokens import Token
from studies.core.query.vocabulary import FACTS, Vocabulary, closest

_PARTS: Final[dict[str, Part]] = {"last": "last", "min": "min", "max": "max"}
FUNCTIONS: Final = (*_PARTS, "best", "param")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""Names of hyperparameters and metrics, as the contract has them."""


def read_term(cursor: Cursor, vocabulary: Vocabulary) -> tuple[Term, str]:
    """Return what the next tokens name, and how it was written.

    Raises:
        InvalidFilter
    """
    token = cursor.take()
    if token.kind != "name":
        cursor.fail("a name is missing here, such as lr, state or dev_accuracy", token)
    if cursor.next.text == "(" and token.text.lower() in FUNCTIONS:
        return _applied(cursor, token, vocabulary)
    meaning = vocabulary.meaning(token.text)
    if meaning is None:
        known = (*FACTS, *vocabulary.params, *vocabulary.all_metrics)
        cursor.fail(f"unknown name '{token.text}'{closest(token.text, known) or _listed(vocabulary)}", token)
    return meaning, token.text


def _applied(cursor: Cursor, function: Token, vocabulary: Vocabulary) -> tuple[Term, str]:
    cursor.expect_mark("(", "")
    what = function.text.lower()
    name = _known(cursor, vocabulary.params if what == "param" else vocabulary.all_metrics)
    end = cursor.next
    cursor.expect_mark(")", f" after {name}")
    written = f"{what}({name})"
    if what == "param":
        return Param(name), written
    if what == "best" and name != vocabulary.metric.name:
        own = vocabulary.metric.name
        cursor.fail(f"{own} alone has a best value here: write min({name}) or max({name})", _between(function, end))
    return Measure(name, _PARTS.get(what, vocabulary.best_part)), written


def _between(first: Token, last: Token) -> Token:
    return Token("name", " " * (last.end - first.start), first.start)


def _known(cursor: Cursor, known: tuple[str, ...]) -> str:
    """Return the name that comes next; one in quotes is taken as it is."""
    token = cursor.take()
    name = token.content() if token.kind == "text" else token.text
    if token.kind not in ("name", "text") or not _NAME.fullmatch(name):
        cursor.fail("a name is missing here", token)
    if token.kind == "name" and name not in known:
        hint = closest(name, known) or f': write "{name}", in quotes, if there is one'
        cursor.fail(f"unknown name '{name}'{hint}", token)
    return name


def _listed(vocabulary: Vocabulary) -> str:
    examples = [*vocabulary.params[:3], vocabulary.metric.name, "state"]
    return f": names are for example {', '.join(examples)}"
