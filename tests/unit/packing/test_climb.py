"""The throughput guard on simulated devices."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.packing.climb import NOISE, PATIENCE, READINGS, Climb

LIMIT = 16


def climbed(rate: Callable[[int], float], limit: int = LIMIT) -> Climb:
    """Feed a climb that always has work for every process it allows, until it settles."""
    climb = Climb(limit)
    for _ in range((limit + 1) * READINGS):
        climb = climb.fed(climb.allowed, rate(climb.allowed))
        if climb.settled:
            break
    return climb


def test_it_begins_with_one_and_does_not_move_before_it_knows() -> None:
    climb = Climb(4)
    for _ in range(READINGS - 1):
        climb = climb.fed(1, 100.0)
        assert (climb.allowed, climb.settled, climb.found) == (1, False, None)
    assert climb.fed(1, 100.0).allowed == 2


@given(limit=st.integers(1, 64))
def test_perfect_scaling_is_followed_to_the_limit(limit: int) -> None:
    """But for the last one or two of very many, which bring less than the noise."""
    found = climbed(lambda processes: 100.0 * processes, limit).found
    assert found is not None
    assert found * (1 + NOISE) >= limit


@given(share=st.floats(0.0, 0.95))
def test_where_a_neighbour_costs_more_than_it_brings_one_remains(share: float) -> None:
    climb = climbed(lambda processes: 100.0 * share ** (processes - 1))
    assert (climb.found, climb.allowed) == (1, 1)
    assert 3 not in climb.readings  # clearly worse: not tried any further


def test_flat_means_one() -> None:
    climb = climbed(lambda processes: 100.0)
    assert climb.found == 1
    assert max(climb.readings) == 1 + PATIENCE


@given(
    peak=st.integers(1, LIMIT),
    rise=st.floats(0.05, 1.0),
    fall=st.floats(0.0, 0.5),
    noise=st.lists(st.floats(-0.01, 0.01), min_size=200, max_size=200),
)
def test_on_a_hill_it_ends_within_one_of_the_top(peak: int, rise: float, fall: float, noise: list[float]) -> None:
    """Whatever scatter of a percent the readings have; the throughput is then that of the top but for the noise."""
    scatter = iter(noise)

    def rate(processes: int) -> float:
        return 100.0 * (1 + rise) ** min(processes, peak) * (1 - fall) ** max(0, processes - peak)

    climb = climbed(lambda processes: rate(processes) * (1 + next(scatter)))
    assert climb.found is not None
    assert abs(climb.found - peak) <= 1
    assert rate(climb.found) >= (1 - 2 * NOISE) * rate(peak)


def test_readings_with_fewer_processes_decide_nothing() -> None:
    climb = Climb(4)
    for _ in range(READINGS):
        climb = climb.fed(1, 100.0)
    for _ in range(10 * READINGS):
        climb = climb.fed(1, 100.0)
    assert (climb.allowed, climb.settled) == (2, False)


def test_a_device_that_stands_still_is_not_divided_by() -> None:
    assert climbed(lambda processes: 0.0, limit=4).found is not None


@pytest.mark.parametrize(("known", "allowed"), [(3, 3), (99, 8), (0, 1)])
def test_what_was_found_is_remembered(known: int, allowed: int) -> None:
    climb = Climb.remembered(8, known)
    assert (climb.allowed, climb.found) == (allowed, allowed)
    assert climb.fed(allowed, 5.0) == climb


def test_without_a_memory_it_climbs() -> None:
    assert Climb.remembered(8, None) == Climb(8)
