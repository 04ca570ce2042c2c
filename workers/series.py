"""Points of one metric that wait to be sent, within a bound however long the server is away."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from studies.contract.worker_protocol import MetricChunk


@dataclass
class Series:
    """Points of one metric that no chunk holds yet.

    Attributes:
        dropped: points that were left out to make room.
    """

    steps: array[int] = field(default_factory=lambda: array("i"))
    values: array[float] = field(default_factory=lambda: array("d"))
    sequence: int = 0
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.steps)

    def extend(self, steps: Sequence[int], values: Sequence[float]) -> None:
        self.steps.extend(steps)
        self.values.extend(values)

    def take(self, name: str, count: int) -> MetricChunk:
        """Freeze the oldest `count` points into the next chunk."""
        chunk = MetricChunk(name=name, sequence=self.sequence, steps=self.steps[:count], values=self.values[:count])
        del self.steps[:count], self.values[:count]
        self.sequence += 1
        return chunk

    def thin_out(self) -> None:
        """Keep half of the points: of each four neighbours the lowest and the highest, and always the last of all."""
        kept = [*_extremes(self.values)]
        if kept[-1] != len(self.values) - 1:
            kept.append(len(self.values) - 1)
        self.dropped += len(self.values) - len(kept)
        self.steps = array("i", [self.steps[place] for place in kept])
        self.values = array("d", [self.values[place] for place in kept])


def _extremes(values: Sequence[float]) -> Iterator[int]:
    """Yield the places of the lowest and the highest of each four values, in order; NaN counts as the highest."""

    def height(place: int) -> tuple[bool, float]:
        return (True, 0.0) if math.isnan(values[place]) else (False, values[place])

    for start in range(0, len(values), 4):
        four = range(start, min(start + 4, len(values)))
        yield from sorted({min(four, key=height), max(four, key=height)})
