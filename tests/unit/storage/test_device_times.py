"""Device times that are brought up to date: the same as summed up anew, and reading only what is new."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from studies.core.device_time import Ran, busy_seconds, spans
from studies.storage.sql.device_times import SETTLING_SECONDS, DeviceTimes

NOW = 1_700_000_000.0
HOUR = 3_600.0


@dataclass
class Attempts:
    """Attempts by study, and how many were read at each look."""

    ran: dict[str, list[Ran]] = field(default_factory=dict)
    looks: list[int] = field(default_factory=list)

    def read(self, study_ids: Collection[str], after: float) -> Mapping[str, Sequence[Ran]]:
        found = {
            study_id: [item for item in self.ran.get(study_id, ()) if item.ended_at is None or item.ended_at > after]
            for study_id in study_ids
        }
        self.looks.append(sum(map(len, found.values())))
        return found


def ran(start: float, end: float | None, device: str = "cuda:0") -> Ran:
    return Ran(("wk", device), NOW + start, None if end is None else NOW + end)


def test_what_is_over_is_read_once() -> None:
    attempts = Attempts({"a": [ran(0, HOUR), ran(0, HOUR), ran(2 * HOUR, None)], "b": [ran(0, HOUR, "cuda:1")]})
    times = DeviceTimes()
    assert times.seconds(["a", "b"], NOW + 3 * HOUR, attempts.read) == {"a": 2 * HOUR, "b": HOUR}
    assert times.seconds(["a", "b"], NOW + 4 * HOUR, attempts.read) == {"a": 3 * HOUR, "b": HOUR}
    assert attempts.looks == [4, 1]


def test_a_run_of_days_does_not_have_all_that_ended_beside_it_read_again() -> None:
    ended = [ran(60 * index, 60 * index + 50, "cuda:1") for index in range(100)]
    attempts, times = Attempts({"a": [ran(0, None), *ended]}), DeviceTimes()
    for hours in (2, 3, 4):
        assert times.seconds(["a"], NOW + hours * HOUR, attempts.read)["a"] == pytest.approx(hours * HOUR + 5_000)
    assert attempts.looks == [101, 1, 1]


def test_of_more_than_it_may_keep_the_least_looked_at_go() -> None:
    attempts, times = Attempts({"a": [ran(0, HOUR)], "b": [ran(0, HOUR)]}), DeviceTimes(most_studies=1)
    for _ in range(2):
        assert times.seconds(["a"], NOW + 2 * HOUR, attempts.read) == {"a": HOUR}
        assert times.seconds(["b"], NOW + 2 * HOUR, attempts.read) == {"b": HOUR}
    assert attempts.looks == [1] * 4


def test_after_the_database_was_away_it_begins_anew() -> None:
    def away(study_ids: Collection[str], after: float) -> Mapping[str, Sequence[Ran]]:
        raise OperationalError("SELECT", {}, OSError(f"{study_ids} {after}"))

    attempts, times = Attempts({"a": [ran(0, HOUR)]}), DeviceTimes()
    times.seconds(["a"], NOW + 9 * HOUR, attempts.read)
    with pytest.raises(OperationalError):
        times.seconds(["a"], NOW + 9 * HOUR, away)
    attempts.ran["a"] = []
    assert times.seconds(["a"], NOW + 9 * HOUR, attempts.read) == {"a": 0.0}


_EVENT = st.tuples(st.floats(0, 600), st.integers(0, 2), st.floats(0, 900), st.floats(0, SETTLING_SECONDS / 2))


@given(st.lists(_EVENT, max_size=30), st.lists(st.floats(0, 900), min_size=1, max_size=6))
def test_it_is_what_is_summed_up_anew(events: list[tuple[float, int, float, float]], gaps: list[float]) -> None:
    """Attempts begin and end, each seen a while after the moment it names; looks come in between."""
    whole = [(ran(start, start + lasts, f"cuda:{device}"), delay) for start, device, lasts, delay in events]
    times, at = DeviceTimes(), 0.0
    for gap in gaps:
        at += gap
        seen = [_seen(item, NOW + at, delay) for item, delay in whole]
        attempts = Attempts({"a": [item for item in seen if item is not None]})
        anew = busy_seconds(spans(attempts.ran["a"], NOW + at))
        assert times.seconds(["a"], NOW + at, attempts.read)["a"] == pytest.approx(anew, abs=1e-3)


def _seen(item: Ran, now: float, delay: float) -> Ran | None:
    """Return an attempt as a reader sees it whose writers commit so late."""
    assert item.ended_at is not None
    if item.started_at + delay > now:
        return None
    return item if item.ended_at + delay <= now else Ran(item.device, item.started_at, None)
