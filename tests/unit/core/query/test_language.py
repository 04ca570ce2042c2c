"""The language of filters: what it means, that it can be written and read again, and what it says of mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.study_file import Metric
from studies.contract.trial_query import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_FILTER_LENGTH,
    AllOf,
    AnyOf,
    Compare,
    Contains,
    Fact,
    Filter,
    Measure,
    Missing,
    Not,
    OneOf,
    Param,
    Term,
)
from studies.core.query import Vocabulary, filter_text, parse_filter, parse_term, term_text
from studies.errors import InvalidFilter
from tests import filters

KNOWN = Vocabulary(
    Metric(name="dev_accuracy", direction="maximize"),
    params=("lr", "batch_size", "momentum", "optimizer", "nesterov", "seed"),
    metrics=("loss", "dev_accuracy", "lr"),
)
LR, BATCH, STATE = Param("lr"), Param("batch_size"), Fact("state")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", None),
        ("  ", None),
        ("lr < 0.1", Compare(LR, "<", 0.1)),
        ("lr<.1", Compare(LR, "<", 0.1)),
        ("lr >= -1e-3", Compare(LR, ">=", -0.001)),
        ("batch_size == 64", Compare(BATCH, "=", 64.0)),
        ("state = diverged", Compare(STATE, "=", "diverged")),
        ('state != "running"', Compare(STATE, "!=", "running")),
        ("optimizer = adam", Compare(Param("optimizer"), "=", "adam")),
        ("optimizer = 'it''s \"x\"'", Compare(Param("optimizer"), "=", 'it\'s "x"')),
        ("nesterov = TRUE", Compare(Param("nesterov"), "=", True)),
        ('nesterov = "true"', Compare(Param("nesterov"), "=", "true")),
        ("batch_size in (32, 64)", OneOf(BATCH, (32.0, 64.0))),
        ("batch_size not in (32)", Not(OneOf(BATCH, (32.0,)))),
        ('reason contains "seed"', Contains(Fact("reason"), "seed")),
        ("key not contains lr", Not(Contains(Fact("key"), "lr"))),
        ("key contains 0.1", Contains(Fact("key"), "0.1")),
        ("worker is missing", Missing(Fact("worker"))),
        ("lr is not missing", Not(Missing(LR))),
        ("dev_accuracy > 0.9", Compare(Measure("dev_accuracy", "max"), ">", 0.9)),
        ("best(dev_accuracy) > 0.9", Compare(Measure("dev_accuracy", "max"), ">", 0.9)),
        ("loss < 1", Compare(Measure("loss", "last"), "<", 1.0)),
        ("Min(loss) < 1", Compare(Measure("loss", "min"), "<", 1.0)),
        ('max("val.f1") > 1', Compare(Measure("val.f1", "max"), ">", 1.0)),
        ("seed = 3", Compare(Fact("seed"), "=", 3.0)),
        ("param(seed) = 3", Compare(Param("seed"), "=", 3.0)),
        ("last(lr) = 3", Compare(Measure("lr", "last"), "=", 3.0)),
        ("duration > 5min", Compare(Fact("duration"), ">", 300.0)),
        ("duration > 1.5h", Compare(Fact("duration"), ">", 5_400.0)),
        ("duration > 90", Compare(Fact("duration"), ">", 90.0)),
        ("not not lr = 1", Not(Not(Compare(LR, "=", 1.0)))),
    ],
)
def test_what_a_condition_means(text: str, meaning: Filter | None) -> None:
    assert parse_filter(text, KNOWN) == meaning


def test_and_binds_closer_than_or_and_not_closest() -> None:
    a, b, c = (Compare(LR, "=", number) for number in (1.0, 2.0, 3.0))
    assert parse_filter("lr = 1 or lr = 2 and lr = 3", KNOWN) == AnyOf((a, AllOf((b, c))))
    assert parse_filter("(lr = 1 OR lr = 2) AND lr = 3", KNOWN) == AllOf((AnyOf((a, b)), c))
    assert parse_filter("not lr = 1 and lr = 2", KNOWN) == AllOf((Not(a), b))
    assert parse_filter("lr = 1 and lr = 2 and lr = 3", KNOWN) == AllOf((a, b, c))
    assert parse_filter("(lr = 1 and lr = 2) and lr = 3", KNOWN) == AllOf((AllOf((a, b)), c))


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("lrr < 0.1", (0, 3), "unknown name 'lrr': did you mean lr?"),
        ("LR < 0.1", (0, 2), "did you mean lr?"),
        ("zzz < 0.1", (0, 3), "names are for example lr, batch_size, momentum, dev_accuracy, state"),
        ("lr < 0.1 and state = divergd", (21, 28), "there is no state 'divergd': did you mean diverged?"),
        ("state = zzz", (8, 11), "it is one of waiting, running,"),
        ("schedule = 5", (11, 12), 'schedule is a text: write "5"'),
        ("dev_accuracy = high", (15, 19), "dev_accuracy is a number: compare it with one"),
        ("number = true", (9, 13), "number is a number"),
        ("lr", (2, 3), "say what is asked of lr: =, !=,"),
        ("lr 0.1", (3, 6), "say what is asked of lr"),
        ("lr <", (4, 5), "a value is missing here"),
        ("lr < and", (5, 8), "a value is missing here"),
        ("key contains lr=0", (15, 16), "'=' was not expected here"),
        ('max("never heard of") > 1', (4, 20), "a name is missing here"),
        ("< 0.1", (0, 1), "a name is missing here"),
        ("optimizer > adam", (10, 11), "> compares numbers: use =, != or in with optimizer"),
        ("lr < 0.1 state = failed", (9, 14), "join conditions with 'and' or 'or'"),
        ("(lr < 0.1", (9, 10), "')' is missing here to close the one in column 1"),
        ("lr < 0.1)", (8, 9), "')' was not expected here"),
        ("lr in 3", (6, 7), "a list stands in parentheses"),
        ("lr in (3, 4", (11, 12), "')' is missing here to close the list"),
        ("lr in ()", (7, 8), "a value is missing here"),
        ("loss contains 3", (5, 13), "loss is a number and contains no text"),
        ("lr is 3", (6, 7), "is missing, or is not missing"),
        ("last(losss) < 1", (5, 10), "unknown name 'losss': did you mean loss?"),
        ("last(zzz) < 1", (5, 8), 'write "zzz", in quotes, if there is one'),
        ("best(loss) < 1", (0, 10), "write min(loss) or max(loss)"),
        ("last(loss < 1", (10, 11), "')' is missing here after loss"),
        ("last 3", (0, 4), "unknown name 'last'"),
        ("lr < 0.1 and", (12, 13), "a name is missing here"),
        ('reason contains "se', (16, 19), "this quote is never closed"),
        ("lr < 0.1; drop", (8, 9), "';' means nothing here"),
        ("lr = a\0", (6, 7), "leave it out"),
        ("lr = \ud800", (5, 6), "leave it out"),
        ("lr < 5min", (6, 9), "only a duration has a unit"),
        ("duration < 5m", (12, 13), "durations take s, min, h or d"),
        ("lr < 1e999", (5, 10), "too large"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, place: tuple[int, int], says: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse_filter(text, KNOWN)
    assert (caught.value.start, caught.value.end) == place
    assert says in caught.value.message
    assert str(caught.value).startswith(f"Column {place[0] + 1}: ")


def test_what_is_too_much_is_refused() -> None:
    parse_filter(" or ".join(["lr=1"] * MAX_CONDITIONS), KNOWN)
    parse_filter("(" * MAX_DEPTH + "lr=1" + ")" * MAX_DEPTH, KNOWN)
    for text in (
        " or ".join(["lr=1"] * (MAX_CONDITIONS + 1)),
        "(" * (MAX_DEPTH + 1) + "lr=1" + ")" * (MAX_DEPTH + 1),
        "not " * (MAX_DEPTH + 1) + "lr=1",
        "lr=1" + " " * MAX_FILTER_LENGTH,
    ):
        with pytest.raises(InvalidFilter, match="keep it within"):
            parse_filter(text, KNOWN)


def test_parentheses_beside_each_other_are_not_within_each_other() -> None:
    parse_filter(" and ".join(["(lr = 1)"] * (MAX_DEPTH + 1)), KNOWN)


@given(filters.filters, filters.vocabularies)
def test_what_is_written_reads_as_the_same(query: Filter, vocabulary: Vocabulary) -> None:
    assert parse_filter(filter_text(query, vocabulary), vocabulary) == query


@given(filters.terms, filters.vocabularies)
def test_a_name_that_is_written_reads_as_the_same(term: Term, vocabulary: Vocabulary) -> None:
    assert parse_term(term_text(term, vocabulary), vocabulary) == term


_PIECES = st.sampled_from(["lr", "state", "(", ")", "and", "not", "in", "<", "=", "0.1", "'", ",", "is"])


def _place_of_mistake(text: str) -> tuple[int, int]:
    try:
        parse_filter(text, KNOWN)
    except InvalidFilter as error:
        return error.start, error.end
    return 0, 1


@given(st.one_of(st.text(max_size=60), st.lists(_PIECES).map(" ".join)))
def test_whatever_is_typed_is_read_or_refused_within_the_text(text: str) -> None:
    start, end = _place_of_mistake(text)
    assert 0 <= start < end <= len(text) + 1


def test_the_shortest_name_is_written() -> None:
    assert term_text(Measure("dev_accuracy", "max"), KNOWN) == "dev_accuracy"
    assert term_text(Measure("dev_accuracy", "last"), KNOWN) == "last(dev_accuracy)"
    assert term_text(Measure("loss", "last"), KNOWN) == "loss"
    assert term_text(Measure("lr", "last"), KNOWN) == "last(lr)"
    assert term_text(Param("seed"), KNOWN) == "param(seed)"
    assert term_text(Param("epsilon"), KNOWN) == 'param("epsilon")'


@pytest.mark.parametrize("text", ["", "lr lr", "1", "lr < 1", "nobody"])
def test_what_is_no_name_alone_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_term(text, KNOWN)
