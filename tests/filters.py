"""Filters and orders over trials, made up by Hypothesis."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from studies.contract.study_file import Metric
from studies.contract.trial_query import (
    CHOICES,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Contains,
    Fact,
    FactName,
    Filter,
    Measure,
    Missing,
    Not,
    OneOf,
    Operator,
    Order,
    Param,
    Part,
    Term,
    Value,
)
from studies.core.query import Vocabulary
from studies.core.query.values import kind_of

PARAMS = ("lr", "batch_size", "optimizer", "nesterov", "seed", "val.scale")
METRICS = ("dev_accuracy", "loss", "lr", "f1-score")
WORDS = ("adam", "sgd", 'a "quoted" one', "it's", "größe", "🚀", "and", "true", "")

vocabularies = st.builds(
    Vocabulary,
    st.builds(Metric, name=st.sampled_from(METRICS), direction=st.sampled_from(["maximize", "minimize"])),
    st.lists(st.sampled_from(PARAMS), unique=True).map(tuple),
    st.lists(st.sampled_from(METRICS), unique=True).map(tuple),
)

terms: st.SearchStrategy[Term] = st.one_of(
    st.builds(Param, st.sampled_from(PARAMS)),
    st.builds(Measure, st.sampled_from(METRICS), st.sampled_from(get_args(Part))),
    st.builds(Fact, st.sampled_from([name for name in get_args(FactName) if name != "duration"])),
)
"""All but the duration: of a trial that runs it is another one at every moment."""

orders = st.builds(Order, terms, st.booleans())

_numbers = st.one_of(
    st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 32.0, 64.0, 100.0, -1.0]),
    st.floats(allow_nan=False, allow_infinity=False),
)
_texts = st.one_of(st.sampled_from(WORDS), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))


def values(term: Term) -> st.SearchStrategy[Value]:
    """Return what `term` may be compared with."""
    match kind_of(term):
        case "number":
            return _numbers
        case "choice":
            assert isinstance(term, Fact)
            return st.sampled_from(CHOICES[term.name])
        case "text":
            return _texts
        case "any":
            return st.one_of(_numbers, _texts, st.booleans())


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    term = draw(terms)
    kind = draw(st.sampled_from(["compare", "one of", "contains", "missing"]))
    if kind == "missing":
        return Missing(term)
    if kind == "one of":
        return OneOf(term, tuple(draw(st.lists(values(term), min_size=1, max_size=3))))
    if kind == "contains" and kind_of(term) != "number":
        return Contains(term, draw(_texts))
    value = draw(values(term))
    ordered = isinstance(value, float)
    return Compare(term, draw(st.sampled_from(get_args(Operator) if ordered else ["=", "!="])), value)


def _combined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(AllOf, several), st.builds(AnyOf, several))


filters: st.SearchStrategy[Filter] = st.recursive(conditions(), _combined, max_leaves=5)
