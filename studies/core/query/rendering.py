"""From a filter back to text: what it says can be read again and means the same."""

from __future__ import annotations

from studies.contract.trial_query import (
    AllOf,
    AnyOf,
    Compare,
    Contains,
    Fact,
    Filter,
    Not,
    OneOf,
    Param,
    Term,
    Value,
)
from studies.core.query.vocabulary import Vocabulary


def filter_text(query: Filter, vocabulary: Vocabulary) -> str:
    """Return `query` in the language of the package; names that `vocabulary` does not know stand in quotes."""
    match query:
        case AllOf(operands):
            return " and ".join(_operand(item, vocabulary) for item in operands)
        case AnyOf(operands):
            return " or ".join(_operand(item, vocabulary) for item in operands)
        case Not(operand):
            return f"not {_operand(operand, vocabulary)}"
        case Compare(term, operator, value):
            return f"{term_text(term, vocabulary)} {operator} {_value(value)}"
        case OneOf(term, values):
            return f"{term_text(term, vocabulary)} in ({', '.join(map(_value, values))})"
        case Contains(term, text):
            return f"{term_text(term, vocabulary)} contains {_value(text)}"
    return f"{term_text(query.term, vocabulary)} is missing"


def term_text(term: Term, vocabulary: Vocabulary) -> str:
    """Return the shortest name by which `term` is known: ``lr``, ``last(loss)``, ``param("epsilon")``."""
    if isinstance(term, Fact):
        return term.name
    name, known = (term.name, vocabulary.params) if isinstance(term, Param) else (term.metric, vocabulary.all_metrics)
    if vocabulary.meaning(name) == term:
        return name
    function = "param" if isinstance(term, Param) else term.part
    return f"{function}({name})" if name in known else f'{function}("{name}")'


def _operand(query: Filter, vocabulary: Vocabulary) -> str:
    text = filter_text(query, vocabulary)
    return f"({text})" if isinstance(query, AllOf | AnyOf) else text


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004 (exact)
    doubled = value.replace('"', '""')
    return f'"{doubled}"'
