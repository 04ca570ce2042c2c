"""Slots of a timeline: none overlaps, none is wasted."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.figures.slots import Stretch, slots

TIMES = st.integers(0, 50)
ONE_HIGH = st.lists(st.builds(lambda start, length: Stretch(start, start + length), TIMES, st.integers(1, 20)))
ANY_HEIGHT = st.lists(
    st.builds(
        lambda start, length, height: Stretch(start, start + length, height),
        TIMES,
        st.integers(0, 20),
        st.integers(1, 6),
    ),
    max_size=25,
)


def at_once(stretches: list[Stretch]) -> int:
    """Return the most slots in use at one moment: that is always a moment at which something begins."""
    return max((sum(s.height for s in stretches if s.start <= t.start < s.end) for t in stretches), default=0)


@given(ANY_HEIGHT)
def test_what_overlaps_in_time_shares_no_slot(stretches: list[Stretch]) -> None:
    placed = list(zip(stretches, slots(stretches), strict=True))
    for (one, low), (other, lower) in combinations(placed, 2):
        in_time = max(one.start, other.start) < min(one.end, other.end)
        in_place = max(low, lower) < min(low + one.height, lower + other.height)
        assert not (in_time and in_place)


@given(ONE_HIGH)
def test_as_many_slots_are_used_as_run_at_once(stretches: list[Stretch]) -> None:
    assert 1 + max(slots(stretches), default=-1) == at_once(stretches)


@given(ANY_HEIGHT)
def test_slots_begin_at_the_lowest_and_do_not_depend_on_the_order(stretches: list[Stretch]) -> None:
    chosen = slots(stretches)
    assert min(chosen, default=0) == 0
    backwards = slots(stretches[::-1])[::-1]
    assert sorted(zip(stretches, chosen, strict=True)) == sorted(zip(stretches, backwards, strict=True))


@pytest.mark.parametrize(
    ("stretches", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([Stretch(0, 1), Stretch(1, 2)], [0, 0], id="one after the other"),
        pytest.param([Stretch(0, 2), Stretch(1, 3), Stretch(2, 4)], [0, 1, 0], id="the lowest that is free"),
        pytest.param([Stretch(0, 9, 3), Stretch(1, 2), Stretch(1, 3, 2)], [0, 3, 4], id="beside a block"),
        pytest.param(
            [Stretch(0, 9), Stretch(0, 5), Stretch(0, 9), Stretch(6, 8, 2)], [1, 0, 2, 3], id="no gap high enough"
        ),
    ],
)
def test_where_stretches_go(stretches: list[Stretch], expected: list[int]) -> None:
    assert slots(stretches) == expected
