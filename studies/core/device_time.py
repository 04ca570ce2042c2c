"""How long devices were busy: what a study costs, whatever ran side by side on one card."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Spans:
    """Times in which something ran: ``devices`` int64 [n] number the devices; ``starts``, ``ends`` float64 [n], seconds.

    A span that ends before it starts (a clock that was set back) is empty.
    """

    devices: NDArray[np.int64]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]

    def __len__(self) -> int:
        return self.devices.size

    def within(self, first: float, last: float) -> Spans:
        """Return the spans cut to the time from `first` to `last`."""
        return Spans(self.devices, np.maximum(self.starts, first), np.minimum(self.ends, last))


def busy_seconds(spans: Spans) -> float:
    """Return how long each device had something to do, summed over the devices.

    That is the measure of the union of a device's spans: a card that runs eight trials for an hour is one device-hour.
    In the order of their starts each span adds what lies beyond the furthest end before it. The devices are laid end to
    end on one axis, so that one running maximum serves them all.
    """
    real = spans.ends > spans.starts
    if not real.any():
        return 0.0
    starts, ends = spans.starts[real], spans.ends[real]
    _, device = np.unique(spans.devices[real], return_inverse=True)
    first, length = starts.min(), ends.max() - starts.min()
    axis = device * length - first
    order = np.argsort(starts + axis, kind="stable")
    starts, ends = (starts + axis)[order], (ends + axis)[order]
    reached = np.concatenate(([0.0], np.maximum.accumulate(ends)[:-1]))
    return float(np.maximum(0.0, ends - np.maximum(starts, reached)).sum())
