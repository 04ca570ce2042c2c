"""Device time: the measure of a union of spans, device by device."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.core import device_time
from studies.core.device_time import Ran, Spans, busy_seconds

HOUR = 3_600.0
Span = tuple[int, float, float]


def spans(*given: Span) -> Spans:
    table = np.array(given, np.float64).reshape(-1, 3)
    return Spans(table[:, 0].astype(np.int64), table[:, 1], table[:, 2])


@pytest.mark.parametrize(
    ("ran", "hours"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([(0, 0, HOUR)], 1, id="one run"),
        pytest.param([(0, 0, HOUR)] * 8, 1, id="eight on one card"),
        pytest.param([(device, 0, HOUR) for device in range(8)], 8, id="one on each of eight cards"),
        pytest.param([(0, 0, HOUR), (0, 2 * HOUR, 3 * HOUR)], 2, id="idle between"),
        pytest.param([(0, 0, 4 * HOUR), (0, HOUR, 2 * HOUR), (0, 3 * HOUR, 5 * HOUR)], 5, id="one within another"),
        pytest.param([(0, HOUR, 0)], 0, id="ends before it starts"),
        pytest.param([(7, 1.7e9, 1.7e9 + HOUR), (3, 1.7e9 + 2 * HOUR, 1.7e9 + 3 * HOUR)], 2, id="epochs"),
    ],
)
def test_hours(ran: list[Span], hours: float) -> None:
    assert busy_seconds(spans(*ran)) == pytest.approx(hours * HOUR)


WHOLE = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(0, 60)), max_size=40)


@given(WHOLE)
def test_it_counts_the_seconds_in_which_anything_ran(ran: list[tuple[int, int, int]]) -> None:
    busy = {(device, second) for device, start, end in ran for second in range(start, end)}
    assert busy_seconds(spans(*ran)) == pytest.approx(len(busy))


@given(WHOLE, st.integers(0, 60))
def test_two_parts_of_the_time_add_up_to_the_whole(ran: list[tuple[int, int, int]], cut: int) -> None:
    whole = spans(*ran)
    parts = busy_seconds(whole.within(0, cut)) + busy_seconds(whole.within(cut, 60))
    assert parts == pytest.approx(busy_seconds(whole))


@given(WHOLE, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(ran: list[tuple[int, int, int]], random: object) -> None:
    shuffled = [*ran]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert busy_seconds(spans(*shuffled)) == pytest.approx(busy_seconds(spans(*ran)))


def test_attempts_are_spans_of_their_devices_and_one_that_runs_lasts_until_now() -> None:
    ran = [Ran(("w1", "cuda:0"), 10.0, 20.0), Ran(("w2", "cuda:0"), 5.0, None), Ran(("w1", "cuda:0"), 15.0, 30.0)]
    found = device_time.spans(ran, now=40.0)
    assert len(found) == 3
    assert (found.devices.tolist(), found.starts.tolist(), found.ends.tolist()) == (
        [0, 1, 0],
        [10.0, 5.0, 15.0],
        [20.0, 40.0, 30.0],
    )
    assert busy_seconds(found) == 55.0
