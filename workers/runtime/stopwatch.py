"""Timing several programs side by side: turn by turn, so that a busy moment of the machine hits them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import median
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)
Program = Callable[[], None]
"""Takes one step, or a few, and returns when the device has done them."""

Clock = Callable[[], float]


def turn_by_turn(
    programs: Mapping[Name, Program],
    seconds: float,
    *,
    at_least: int = 3,
    at_most: int = 30,
    clock: Clock = time.perf_counter,
) -> dict[Name, list[float]]:
    """Return the seconds that each program took, round by round.

    Args:
        programs: by name; each has been warmed up.
        seconds: no new round begins once they are over...
        at_least: ...but so many rounds are made in any case.
        at_most: rounds.
        clock: seconds, monotonic.
    """
    times: dict[Name, list[float]] = {name: [] for name in programs}
    began = clock()
    for made in range(at_most):
        if made >= at_least and clock() - began >= seconds:
            break
        # Every other round backwards: none has always the same neighbour, whose caches it would find.
        order = list(programs)
        for name in order if made % 2 == 0 else reversed(order):
            times[name].append(_timed(programs[name], clock))
    return times


def ratio(times: Sequence[float], reference: Sequence[float]) -> float:
    """Return how much longer one program took than another in the same rounds: the median, so that outliers drop."""
    return median(one / other for one, other in zip(times, reference, strict=True))


def _timed(program: Program, clock: Clock) -> float:
    began = clock()
    program()
    return clock() - began
