"""What ran where and when on a device: runs in slots, fused packs as blocks with their members inside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.figures.slots import Stretch, slots
from studies.storage.port import DeviceRun, Span

MOST_RUNS = 10_000
"""Runs that are looked at: those that run, then those that ended last."""

MOST_BARS = 1_000
"""Bars that a browser draws without being slow; where there are more runs, short ones share a bar."""

FEWEST_CELLS = 24
"""Parts at least into which the time is cut where short runs share bars, however many slots there are."""


Times = NDArray[np.float64]


@dataclass(frozen=True)
class Bar:
    """One run in its slot, or several in a row that are too short to be told apart; ``end`` is now while it runs."""

    slot: int
    start: float
    end: float
    runs: tuple[DeviceRun, ...]


@dataclass(frozen=True)
class Block:
    """A process that trains several runs as one model: `height` slots from `slot` on, and all that were in it."""

    slot: int
    height: int
    start: float
    end: float
    members: int


@dataclass(frozen=True)
class TimelineData:
    """A device's time.

    Attributes:
        span: the time that is shown.
        runs: all that were looked at, by start; `bars` may show several as one.
        slots: how many there are.
        most: runs at once.
        busy: share of the time in which anything ran, 0 to 1.
        cut: whether there were more runs than are looked at.
    """

    span: Span
    runs: tuple[DeviceRun, ...]
    bars: tuple[Bar, ...]
    blocks: tuple[Block, ...]
    slots: int
    most: int
    busy: float
    cut: bool

    @property
    def shared(self) -> bool:
        """Whether some runs share a bar."""
        return len(self.bars) < len(self.runs)


def timeline_data(runs: Sequence[DeviceRun], span: Span) -> TimelineData:
    """Return how `runs`, which come by start, fill the slots of a device; one that runs on ends with the time."""
    starts = np.array([run.started_at for run in runs], np.float64)
    ends = np.array([_end(run, span.until) for run in runs], np.float64)
    placed, blocks = _placed(runs, span.until)
    count = 1 + max((slot for slot in placed.values()), default=-1)
    bars = _bars(runs, placed, span) if len(runs) <= MOST_BARS else _shared_bars(runs, placed, span, count)
    return TimelineData(
        span=span,
        runs=tuple(runs),
        bars=tuple(bars),
        blocks=tuple(blocks),
        slots=count,
        most=_most_at_once(starts, ends),
        busy=_busy(starts, ends, span),
        cut=len(runs) >= MOST_RUNS,
    )


# --- slots -----------------------------------------------------------------------------------------------------------


def _placed(runs: Sequence[DeviceRun], now: float) -> tuple[dict[str, int], list[Block]]:
    """Return each attempt's slot, and the blocks of processes with several members."""
    packs = [_pack(members, now) for members in _by_process(runs)]
    lowest = slots([pack.whole for pack in packs])
    placed = {
        run.attempt_id: low + offset
        for pack, low in zip(packs, lowest, strict=True)
        for run, offset in zip(pack.members, pack.offsets, strict=True)
    }
    blocks = [
        Block(low, pack.whole.height, pack.whole.start, pack.whole.end, len(pack.members))
        for pack, low in zip(packs, lowest, strict=True)
        if len(pack.members) > 1
    ]
    return placed, blocks


class _Pack(NamedTuple):
    """A process: its members, the slot of each within it, and the whole of it."""

    members: Sequence[DeviceRun]
    offsets: Sequence[int]
    whole: Stretch


def _pack(members: Sequence[DeviceRun], now: float) -> _Pack:
    own = [Stretch(run.started_at, _end(run, now)) for run in members]
    if len(own) == 1:
        return _Pack(members, (0,), own[0])
    offsets = slots(own)
    return _Pack(members, offsets, Stretch(min(own).start, max(each.end for each in own), 1 + max(offsets)))


def _by_process(runs: Iterable[DeviceRun]) -> Iterable[list[DeviceRun]]:
    """Return the runs by process; one whose process is not known by itself."""
    packs: dict[str, list[DeviceRun]] = defaultdict(list)
    for run in runs:
        packs[run.pack_id or run.attempt_id].append(run)
    return packs.values()


def _end(run: DeviceRun, now: float) -> float:
    return max(run.started_at, now if run.ended_at is None else run.ended_at)


# --- bars ------------------------------------------------------------------------------------------------------------


def _bars(runs: Iterable[DeviceRun], placed: Mapping[str, int], span: Span) -> list[Bar]:
    return [Bar(placed[run.attempt_id], run.started_at, _end(run, span.until), (run,)) for run in runs]


def _shared_bars(runs: Iterable[DeviceRun], placed: Mapping[str, int], span: Span, count: int) -> list[Bar]:
    """Return bars of which those of a slot that are shorter than a cell of the time, and begin in the same, are one.

    A slot has at most one such bar a cell, and at most as many longer ones.
    """
    cell = (span.until - span.since) / max(FEWEST_CELLS, MOST_BARS // max(1, count))
    by_slot: dict[int, list[DeviceRun]] = defaultdict(list)
    for run in runs:
        by_slot[placed[run.attempt_id]].append(run)

    def key(run: DeviceRun) -> tuple[bool, object]:
        short = _end(run, span.until) - run.started_at < cell
        return short, run.started_at // cell if short else run.attempt_id

    groups = ((slot, tuple(group)) for slot, own in by_slot.items() for _, group in groupby(own, key))
    return [
        Bar(slot, group[0].started_at, max(_end(run, span.until) for run in group), group) for slot, group in groups
    ]


# --- figures of the whole --------------------------------------------------------------------------------------------


def _most_at_once(starts: Times, ends: Times) -> int:
    """Return the most runs at one moment; what begins as another ends is not beside it.

    That is a moment at which one begins: those that have begun by then, less those that have ended.
    """
    begun = np.arange(1, len(starts) + 1)
    return int(np.max(begun - np.searchsorted(np.sort(ends), starts, side="right"), initial=0))


def _busy(starts: Times, ends: Times, span: Span) -> float:
    """Return the share of the time in which at least one ran."""
    length = span.until - span.since
    if not len(starts) or length <= 0:
        return 0.0
    starts, ends = np.clip(starts, *span), np.clip(ends, *span)
    covered = np.maximum.accumulate(ends)
    before = np.concatenate([[span.since], covered[:-1]])
    return float(np.maximum(0.0, ends - np.maximum(starts, before)).sum() / length)
