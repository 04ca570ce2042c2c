"""Numbers, times and states as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import format as people


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.01, "0.01"),
        (0.00032, "3.2e-4"),
        (1e-5, "1e-5"),
        (0.9725, "0.9725"),
        (0.98000001, "0.98"),
        (12_000, "12,000"),
        (12_345.678, "12,346"),
        (2_500_000, "2.5e6"),
        (-0.5, "-0.5"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (None, people.MISSING),
    ],
)
def test_a_number_is_short_and_plain(value: float | None, text: str) -> None:
    assert people.number(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_number_keeps_four_digits_of_any_float(value: float) -> None:
    shown = float(people.number(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=6e-4, abs=1e-320)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (42, "42 s"), (200, "3 min 20 s"), (120, "2 min"), (4_320, "1 h 12 min"), (183_600, "2 d 3 h")],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert people.duration(seconds) == text


def test_what_has_no_length_yet_is_said_so() -> None:
    assert people.duration(None) == people.ago(None, 5.0) == people.memory(None) == people.MISSING


@pytest.mark.parametrize(("passed", "text"), [(-3, "just now"), (1, "just now"), (30, "30 s ago"), (200, "3 min ago")])
def test_ago_is_rough(passed: float, text: str) -> None:
    assert people.ago(1000.0, 1000.0 + passed) == text


@pytest.mark.parametrize(
    ("size", "text"), [(512, "512 B"), (1536, "1.5 KiB"), (15_354_757_939, "14.3 GiB"), (2**42, "4.0 TiB")]
)
def test_memory_is_in_binary_units(size: int, text: str) -> None:
    assert people.memory(size) == text


@pytest.mark.parametrize(
    ("given_text", "text"),
    [
        ("all diverged", "All diverged."),
        ("lr 0.1 won", "lr 0.1 won."),
        ("num_steps is cut", "num_steps is cut."),
        ("Why?", "Why?"),
        ("  ", ""),
        ("budget.steps (200) caps the runs", "budget.steps (200) caps the runs."),
        ("done. And so on", "Done. And so on."),
        ("lr 1e-06 against 3.2e+07", "lr 1e-6 against 3.2e7."),
    ],
)
def test_a_sentence_begins_and_ends_as_one(given_text: str, text: str) -> None:
    assert people.sentence(given_text) == text


def test_a_sentence_calls_the_metric_by_its_words_and_nothing_else() -> None:
    text = "dev_accuracy was never reported, dev_accuracy_ema was; raise num_steps"
    assert people.sentence(text, "dev_accuracy") == (
        "Dev accuracy was never reported, dev_accuracy_ema was; raise num_steps."
    )


def test_a_configuration_reads_on_one_line() -> None:
    assert people.params({"lr": 1e-5, "batch_size": 64, "nesterov": True}) == "lr 1e-5 · batch size 64 · nesterov True"


@pytest.mark.parametrize(("amount", "text"), [(1, "1 trial"), (0, "0 trials"), (2400, "2,400 trials")])
def test_counts_agree_with_their_noun(amount: int, text: str) -> None:
    assert people.count(amount, "trial") == text


def test_an_exponent_is_not_torn_from_its_number() -> None:
    assert people.unbroken("from 1e-5 to -1, a well-known range") == "from 1e\u20115 to -1, a well-known range"
