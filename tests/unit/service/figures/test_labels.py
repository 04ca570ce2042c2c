"""What a mark says of its trial: short, what tells it from the others first."""

from __future__ import annotations

from service.figures.labels import clipped, differing, short_label, short_params
from tests.unit.service.figures.samples import trial


def test_what_differs_comes_first() -> None:
    trials = [trial(0, params={"a": 1, "b": 2, "c": 3}), trial(1, params={"a": 1, "b": 5, "c": 3})]
    assert differing(trials) == ("b", "a", "c")


def test_what_only_some_have_differs() -> None:
    trials = [trial(0, params={"a": 1}), trial(1, params={"a": 1, "b": 5})]
    assert differing(trials) == ("b", "a")


def test_of_a_single_trial_nothing_differs() -> None:
    assert differing([trial(0, params={"b": 1, "a": 2})]) == ("b", "a")


def test_a_label_names_few_of_many() -> None:
    many = {f"p{i}": i for i in range(300)}
    assert short_label(trial(7, params=many), list(many), 2) == "#7 · p0 0 · p1 1 · and 298 more"
    assert short_label(trial(7, params={}), ()) == "#7"


def test_a_long_word_is_cut() -> None:
    assert short_params({"name": "x" * 200}, ["name"]) == f"name {'x' * 40}…"


def test_what_is_too_long_for_its_place_is_clipped_with_a_mark() -> None:
    assert clipped("a name", 6) == "a name"
    assert clipped("a longer name", 6) == "a long…"
