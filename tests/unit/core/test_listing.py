"""Finding studies: the filter, the order, and what could be asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.states import StudyState
from studies.contract.study_query import StudyQuery
from studies.core.listing import Card, facets, found, in_order


def card(name: str, at: float = 0.0, **fields: Any) -> Card:
    defaults: dict[str, Any] = {
        "state": StudyState.RUNNING,
        "owner": "",
        "tags": (),
        "metric": "accuracy",
        "direction": "maximize",
        "created_at": at,
        "updated_at": at,
    }
    return Card(id=name, name=name, **defaults | fields)


CARDS = [
    card("digits-cnn", 1, owner="ada", tags=("vision", "Baseline"), updated_at=9),
    card("speech", 2, owner="Grace", tags=("audio",), state=StudyState.COMPLETED),
    card("digits-mlp", 3, owner="ada", tags=("vision",), state=StudyState.FAILED),
    card("old", 4, owner="ada", tags=("vision",), state=StudyState.COMPLETED, archived_at=5),
]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        pytest.param({}, ["digits-cnn", "speech", "digits-mlp"], id="all but the archived"),
        pytest.param({"archived": True}, ["old"], id="the archived"),
        pytest.param({"text": "DIGITS"}, ["digits-cnn", "digits-mlp"], id="in the name"),
        pytest.param({"text": "base"}, ["digits-cnn"], id="in a tag"),
        pytest.param({"text": "grace"}, ["speech"], id="in the owner"),
        pytest.param({"text": "ada mlp"}, ["digits-mlp"], id="every word, each anywhere"),
        pytest.param({"states": ("failed", "completed")}, ["speech", "digits-mlp"], id="any of the states"),
        pytest.param({"tags": ("vision", "baseline")}, ["digits-cnn"], id="all of the tags, whatever their case"),
        pytest.param({"tags": ("visio",)}, [], id="a tag is a whole word"),
        pytest.param({"owner": "ada"}, ["digits-cnn", "digits-mlp"], id="the owner"),
        pytest.param({"owner": ""}, [], id="no owner"),
        pytest.param({"owner": "ada", "states": ("failed",), "text": "cnn"}, [], id="all conditions"),
    ],
)
def test_what_is_found(asked: dict[str, Any], names: list[str]) -> None:
    assert [each.name for each in found(CARDS, StudyQuery(**asked))] == names


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("created", ["old", "digits-mlp", "speech", "digits-cnn"]),
        ("changed", ["digits-cnn", "old", "digits-mlp", "speech"]),
        ("name", ["digits-cnn", "digits-mlp", "old", "speech"]),
        ("device_time", ["speech", "old", "digits-mlp", "digits-cnn"]),
    ],
)
def test_orders(sort: Any, names: list[str]) -> None:
    assert [each.name for each in in_order(CARDS, sort, {"speech": 60.0})] == names


def test_the_best_of_each_metric_by_its_direction_and_what_has_no_result_last() -> None:
    losses = [card(name, metric="loss", direction="minimize") for name in ("l2", "l1")]
    cards = [card("none"), *losses, card("a1"), card("a2")]
    worth = {"l1": 0.1, "l2": 0.2, "a1": 0.91, "a2": 0.92}
    assert [each.name for each in in_order(cards, "best", worth)] == ["a2", "a1", "l1", "l2", "none"]


def test_what_could_be_asked_for() -> None:
    offered = facets(CARDS, archived=False)
    assert offered.states == {StudyState.RUNNING: 1, StudyState.COMPLETED: 1, StudyState.FAILED: 1}
    assert list(offered.tags.items()) == [("vision", 2), ("audio", 1), ("Baseline", 1)]
    assert offered.owners == {"ada": 2, "Grace": 1}
    assert (offered.total, offered.other) == (3, 1)
    assert facets(CARDS, archived=True).owners == {"ada": 1}


def test_tags_that_differ_by_case_are_one() -> None:
    assert facets([card("a", tags=("GPU",)), card("b", tags=("gpu",))], archived=False).tags == {"GPU": 2}


_CARD = st.builds(
    card,
    st.text("ab", min_size=1, max_size=3),
    st.floats(0, 9),
    tags=st.tuples(st.sampled_from(["x", "X", "y"])),
    owner=st.sampled_from(["", "ada"]),
    state=st.sampled_from(StudyState),
    archived_at=st.none() | st.just(1.0),
)
_QUERY = st.builds(
    StudyQuery,
    text=st.text("ab ", max_size=3),
    states=st.lists(st.sampled_from(StudyState), max_size=2).map(tuple),
    tags=st.sampled_from([(), ("x",)]),
    archived=st.booleans(),
    sort=st.sampled_from(["changed", "created", "name"]),
)


@given(st.lists(_CARD, max_size=12), _QUERY)
def test_every_condition_narrows_and_no_order_loses_any(cards: list[Card], query: StudyQuery) -> None:
    narrow, wide = found(cards, query), found(cards, StudyQuery(archived=query.archived))
    assert all(each in wide for each in narrow)
    assert found(narrow, query) == narrow
    assert len(wide) + len(found(cards, StudyQuery(archived=not query.archived))) == len(cards)
    ordered = in_order(narrow, query.sort, {})
    assert sorted(map(id, ordered)) == sorted(map(id, narrow))


@given(st.lists(_CARD, max_size=12), st.booleans())
def test_what_is_offered_is_what_is_found(cards: list[Card], archived: bool) -> None:
    offered = facets(cards, archived=archived)
    for state, amount in offered.states.items():
        assert len(found(cards, StudyQuery(archived=archived, states=(state,)))) == amount
    for tag, amount in offered.tags.items():
        assert len(found(cards, StudyQuery(archived=archived, tags=(tag,)))) == amount
    for owner, amount in offered.owners.items():
        assert len(found(cards, StudyQuery(archived=archived, owner=owner))) == amount
