"""How long devices were busy: what a study costs, whatever ran side by side on one card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studies.contract.base import Timestamp


@dataclass(frozen=True, eq=False)
class Spans:
    """Times in which something ran: ``devices`` int64 [n] name devices; ``starts`` and ``ends`` float64 [n], seconds.

    Devices are numbered from 0. A span that ends before it starts (a clock that was set back) is empty.
    """

    devices: NDArray[np.int64]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]

    def __len__(self) -> int:
        return self.devices.size

    def within(self, first: float | NDArray[np.float64], last: float | NDArray[np.float64]) -> Spans:
        """Return the spans cut to the time from `first` to `last`, which may be others for each, float64 [n]."""
        return Spans(self.devices, np.maximum(self.starts, first), np.minimum(self.ends, last))


@dataclass(frozen=True)
class Ran:
    """An attempt's time on a device, whatever names that one; ``ended_at`` None while it runs."""

    device: tuple[str, ...]
    started_at: Timestamp
    ended_at: Timestamp | None


def spans(ran: Sequence[Ran], now: Timestamp) -> Spans:
    """Return attempts as spans; one that runs has lasted until `now`."""
    numbers: dict[tuple[str, ...], int] = {}
    devices = [numbers.setdefault(item.device, len(numbers)) for item in ran]
    ends = [now if item.ended_at is None else item.ended_at for item in ran]
    starts = [item.started_at for item in ran]
    return Spans(np.array(devices, np.int64), np.array(starts, np.float64), np.array(ends, np.float64))


def busy_seconds(spans: Spans) -> float:
    """Return how long each device had something to do, summed over the devices."""
    return float(busy_by_device(spans).sum())


def busy_by_device(spans: Spans) -> NDArray[np.float64]:
    """Return how long each device had something to do, float64 [highest number of a device + 1].

    That is the measure of the union of a device's spans: a card that runs eight trials for an hour is one device-hour.
    In the order of their starts each span adds what lies beyond the furthest end before it. The devices are laid end to
    end on one axis, so that one running maximum serves them all.
    """
    real = spans.ends > spans.starts
    devices, starts, ends = spans.devices[real], spans.starts[real], spans.ends[real]
    if not devices.size:
        return np.zeros(0)
    first, length = starts.min(), ends.max() - starts.min()
    axis = devices * length - first
    order = np.argsort(starts + axis, kind="stable")
    starts, ends = (starts + axis)[order], (ends + axis)[order]
    reached = np.concatenate(([0.0], np.maximum.accumulate(ends)[:-1]))
    gains = np.maximum(0.0, ends - np.maximum(starts, reached))
    return np.bincount(devices[order], weights=gains).astype(np.float64)
