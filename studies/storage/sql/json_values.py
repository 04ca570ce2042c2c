"""One value of a JSON object that stands in a text column, as columns of its kinds. Nothing in it raises an error.

The objects are those that `types.Json` wrote: flat, and with NaN and the infinities as Python writes them, which no
database takes for JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, Text, case, cast, func, or_, type_coerce
from sqlalchemy.dialects.postgresql import JSON

LONGEST_NUMBER: Final = 300
"""Characters up to which PostgreSQL can make a float of any number; a longer one is infinite."""

_NOT_FINITE: Final = ("NaN", "-Infinity", "Infinity")
_NUL: Final = r"(?<!\\)((?:\\\\)*)\\u0000"
"""The escape of the one character that PostgreSQL's texts cannot hold; the next one stands in for it."""
_NO_JSON: Final = r"NaN|Infinity|\\u0000"


@dataclass(frozen=True)
class Kinds:
    """A value as a number, as a text and as a truth (1 or 0): NULL where it is of another kind, None where it never is.

    Attributes:
        rank: what it is sorted by; None where that is the number or the truth, and then the text.
    """

    number: ColumnElement[Any] | None = None
    text: ColumnElement[Any] | None = None
    truth: ColumnElement[Any] | None = None
    rank: ColumnElement[Any] | None = None

    @property
    def present(self) -> ColumnElement[bool]:
        """Whether there is a value at all."""
        return or_(*(kind.is_not(None) for kind in (self.number, self.text, self.truth) if kind is not None))


def member(column: ColumnElement[Any], name: str, *, postgres: bool) -> Kinds:
    """Return the value under `name` of the object in `column`."""
    document = type_coerce(column, Text)
    return _in_postgresql(document, name) if postgres else _in_sqlite(document, name)


def _in_sqlite(document: ColumnElement[str], name: str) -> Kinds:
    path = f"$.{json.dumps(name)}"

    def read(wanted: Callable[[ColumnElement[str], ColumnElement[Any]], ColumnElement[Any]]) -> ColumnElement[Any]:
        whole, repaired = (
            wanted(func.json_type(text, path), func.nullif(func.json_extract(text, path), ""))
            for text in (document, _repaired(document))
        )
        return case((func.json_valid(document) == 1, whole), else_=repaired)

    return Kinds(
        number=type_coerce(read(lambda kind, value: case((kind.in_(("integer", "real")), value))), Double),
        text=type_coerce(read(lambda kind, value: case((kind == "text", value))), Text),
        truth=read(lambda kind, _: case((kind == "true", 1.0), (kind == "false", 0.0))),
        rank=read(lambda _, value: value),
    )


def _repaired(document: ColumnElement[str]) -> ColumnElement[str]:
    for wrong in _NOT_FINITE:
        document = func.replace(document, f": {wrong}", ": null")
    return document


def _in_postgresql(document: ColumnElement[str], name: str) -> Kinds:
    read = cast(cast(document, JSON)[name], Text)
    raw = case((document.regexp_match(_NO_JSON), _raw(document, name)), else_=read)
    text = cast(func.regexp_replace(raw, _NUL, r"\1\\u0001", "g"), JSON)[()].astext
    number = case((func.length(raw) <= LONGEST_NUMBER, raw), (func.left(raw, 1) == "-", "-inf"), else_="inf")
    return Kinds(
        number=case((raw.regexp_match("^-?[0-9]"), cast(number, Double))),
        text=func.nullif(case((func.left(raw, 1) == '"', text)), ""),
        truth=case((raw == "true", 1.0), (raw == "false", 0.0)),
    )


def _raw(document: ColumnElement[str], name: str) -> ColumnElement[str]:
    """Return a value as it is written, without reading the JSON around it.

    A quote within a text has a backslash before it: one after ``{`` or a space begins a name.
    """
    key = re.escape(json.dumps(name))
    return func.substring(document, rf'[{{ ]{key}: ("(?:[^"\\]|\\.)*"|[^,}}]+)', type_=Text)
