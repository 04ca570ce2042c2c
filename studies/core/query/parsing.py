"""From text to a filter, by recursive descent; the grammar stands in the package's docstring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from studies.contract.trial_query import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    AllOf,
    AnyOf,
    Compare,
    Contains,
    Filter,
    Missing,
    Not,
    OneOf,
    Operator,
    Term,
    Value,
)
from studies.core.query.cursor import Cursor
from studies.core.query.terms import read_term
from studies.core.query.tokens import Token
from studies.core.query.values import kind_of, require_ordered, text_of, value_of
from studies.core.query.vocabulary import Vocabulary

_OPERATORS: Final[dict[str, Operator]] = {
    "=": "=", "==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip


def parse_filter(text: str, vocabulary: Vocabulary) -> Filter | None:
    """Return the filter that `text` says, None where it says nothing.

    Raises:
        InvalidFilter: it cannot be read; the error names the place and what to write there.
    """
    cursor = Cursor(text)
    if cursor.ends:
        return None
    found = _Parser(cursor, vocabulary).any_of()
    cursor.expect_end()
    return found


def parse_term(text: str, vocabulary: Vocabulary) -> Term:
    """Return what is named by `text`: ``lr``, ``last(loss)``, ``number``.

    Raises:
        InvalidFilter
    """
    cursor = Cursor(text)
    term, _ = read_term(cursor, vocabulary)
    cursor.expect_end()
    return term


class _Parser:
    """Reads filters; each method begins at the cursor and leaves it behind what it has read."""

    def __init__(self, cursor: Cursor, vocabulary: Vocabulary) -> None:
        self._cursor = cursor
        self._vocabulary = vocabulary
        self._depth = 0
        self._conditions = 0

    def any_of(self) -> Filter:
        operands = [self._all_of()]
        while self._cursor.took_word("or"):
            operands.append(self._all_of())
        return operands[0] if len(operands) == 1 else AnyOf(tuple(operands))

    def _all_of(self) -> Filter:
        operands = [self._one()]
        while self._cursor.took_word("and"):
            operands.append(self._one())
        return operands[0] if len(operands) == 1 else AllOf(tuple(operands))

    def _one(self) -> Filter:
        opening = self._cursor.next
        if self._cursor.took_mark("("):
            found = self._within(opening, self.any_of)
            self._cursor.expect_mark(")", f" to close the one in column {opening.start + 1}")
            return found
        if self._cursor.took_word("not"):
            return Not(self._within(opening, self._one))
        return self._condition()

    def _within(self, opening: Token, read: Callable[[], Filter]) -> Filter:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._cursor.fail(f"keep it within {MAX_DEPTH} parentheses in each other", opening)
        found = read()
        self._depth -= 1
        return found

    # --- conditions ----------------------------------------------------------------------------------------------

    def _condition(self) -> Filter:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            self._cursor.fail(f"keep it within {MAX_CONDITIONS} conditions")
        term, name = read_term(self._cursor, self._vocabulary)
        operator = self._cursor.take()
        if operator.kind == "mark" and operator.text in _OPERATORS:
            return self._compared(term, name, _OPERATORS[operator.text], operator)
        if operator.is_word("is"):
            return self._missing(term)
        if operator.is_word("not"):
            return Not(self._listed_or_contained(term, name, self._cursor.take()))
        return self._listed_or_contained(term, name, operator)

    def _compared(self, term: Term, name: str, operator: Operator, token: Token) -> Compare:
        value = self._value(term, name)
        require_ordered(name, operator, value, token)
        return Compare(term, operator, value)

    def _listed_or_contained(self, term: Term, name: str, operator: Token) -> OneOf | Contains:
        if operator.is_word("in"):
            return OneOf(term, self._values(term, name))
        if operator.is_word("contains"):
            if kind_of(term) == "number":
                self._cursor.fail(f"{name} is a number and contains no text: use = or <", operator)
            return Contains(term, text_of(self._cursor.take()))
        return self._cursor.fail(f"say what is asked of {name}: =, !=, <, <=, >, >=, in or contains", operator)

    def _missing(self, term: Term) -> Filter:
        there = self._cursor.took_word("not")
        if not self._cursor.took_word("missing"):
            self._cursor.fail("'is' asks for one thing: is missing, or is not missing")
        return Not(Missing(term)) if there else Missing(term)

    def _values(self, term: Term, name: str) -> tuple[Value, ...]:
        self._cursor.expect_mark("(", ": a list stands in parentheses, as in (32, 64)")
        values = [self._value(term, name)]
        while self._cursor.took_mark(","):
            values.append(self._value(term, name))
        self._cursor.expect_mark(")", " to close the list")
        return tuple(values)

    def _value(self, term: Term, name: str) -> Value:
        return value_of(self._cursor.take(), term, name)
