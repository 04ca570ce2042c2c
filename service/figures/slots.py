"""Slots of a device: which lane of a timeline each run has, so that no two overlap and none changes its lane. Pure.

This is interval graph colouring. Greedy by start it is exact: as many slots as ever ran at once (Kleinberg and Tardos,
*Algorithm Design*, 4.1). What is several slots high, a fused pack with its members side by side, goes to the lowest
place where so many adjacent slots are free; there the greedy choice is good, not always the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Stretch(NamedTuple):
    """A time from `start` until `end`, that takes up `height` adjacent slots."""

    start: float
    end: float
    height: int = 1


def slots(stretches: Sequence[Stretch]) -> list[int]:
    """Return the lowest slot of each stretch, counted from 0. One may begin where another ends."""
    order = sorted(range(len(stretches)), key=lambda index: stretches[index])
    chosen = [0] * len(stretches)
    free_at: list[float] = []
    for index in order:
        stretch = stretches[index]
        chosen[index] = lowest = _lowest(free_at, stretch)
        above = lowest + stretch.height
        free_at += [stretch.start] * (above - len(free_at))
        free_at[lowest:above] = [stretch.end] * stretch.height
    return chosen


def _lowest(free_at: Sequence[float], stretch: Stretch) -> int:
    """Return the lowest slot from which on enough are free, those counted that nobody has used yet."""
    run = 0
    for slot, end in enumerate(free_at):
        run = run + 1 if end <= stretch.start else 0
        if run == stretch.height:
            return slot + 1 - run
    return len(free_at) - run
