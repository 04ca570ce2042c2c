"""Ticks: round numbers within their range, rising, no more than there is room for."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from service.svg.ticks import linear_ticks, log_ticks, round_step

ENDS = some.floats(-1e6, 1e6).map(lambda value: float(f"{value:.6g}"))
LOGS = some.floats(-12, 12)
MOST = some.integers(2, 12)


@given(ENDS, ENDS, MOST)
def test_linear_ticks_rise_within_their_range_by_a_round_step(low: float, high: float, most: int) -> None:
    assume(high - low > 1e-6 * (abs(low) + abs(high) + 1e-9))
    ticks = linear_ticks(low, high, most)
    places = [tick.at for tick in ticks]
    slack = 1e-6 * (high - low)
    assert places == sorted(places)
    assert all(low - slack <= at <= high + slack for at in places)
    assert len(places) <= most + 1
    step = places[1] - places[0] if len(places) > 1 else round_step((high - low) / most)
    assert float(f"{step:.1e}"[:3]) in (1, 2, 5)
    assert all(abs(at / step - round(at / step)) < 1e-6 for at in places)


@given(LOGS, LOGS, MOST)
def test_log_ticks_rise_within_their_range_and_are_few(low: float, high: float, most: int) -> None:
    assume(high - low > 1e-3)
    places = [tick.at for tick in log_ticks(low, high, most)]
    assert places == sorted(places)
    assert all(low - 1e-6 <= at <= high + 1e-6 for at in places)
    assert len(places) <= 2 * most + 2


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        pytest.param(-5, 1, 8, ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1", "10"], id="a power of ten each"),
        pytest.param(-8, 4, 4, ["1e-8", "1e-4", "1", "10,000"], id="every fourth one where there is little room"),
        pytest.param(0, 1, 8, ["1", "2", "5", "10"], id="2 and 5 within a decade"),
        pytest.param(math.log10(3), math.log10(4), 4, ["3", "3.5", "4"], id="round numbers within less than that"),
    ],
)
def test_what_log_ticks_say(low: float, high: float, most: int, labels: list[str]) -> None:
    assert [tick.label for tick in log_ticks(low, high, most)] == labels


def test_what_linear_ticks_say() -> None:
    assert [tick.label for tick in linear_ticks(0, 600, 6)] == ["0", "100", "200", "300", "400", "500", "600"]
    assert [tick.label for tick in linear_ticks(0.961, 0.993, 4)] == ["0.97", "0.98", "0.99"]
    assert [tick.label for tick in linear_ticks(0.9638, 0.9972, 3)] == ["0.97", "0.98", "0.99"]
    assert [tick.label for tick in linear_ticks(-0.3, 0.3, 3)] == ["-0.2", "0", "0.2"]


def test_a_range_of_one_number_has_its_tick() -> None:
    assert [tick.label for tick in linear_ticks(0.5, 0.5, 4)] == ["0.5"]
