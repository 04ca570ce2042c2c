"""Many curves as two flat arrays, so that what is done to each costs one call of numpy for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from studies.contract.worker_protocol import MetricChunk
from studies.core.snapshot import Curve


@dataclass(frozen=True, eq=False)
class Ragged:
    """Curves one behind the other, none of them empty.

    ``steps`` int64 [n] and ``values`` float64 [n] of all points, ``lengths`` int64 [k] of the curves.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, curves: Sequence[Curve]) -> Ragged:
        return cls(
            np.concatenate([curve.steps for curve in curves]),
            np.concatenate([curve.values for curve in curves]),
            np.array([len(curve) for curve in curves], np.int64),
        )

    @classmethod
    def of_chunks(cls, chunks: Sequence[MetricChunk]) -> Ragged:
        """Return the points of `chunks` as they were sent."""
        return cls(
            np.concatenate([np.asarray(chunk.steps, np.int32) for chunk in chunks], dtype=np.int64),
            np.concatenate([np.asarray(chunk.values, np.float64) for chunk in chunks]),
            np.array([len(chunk.steps) for chunk in chunks], np.int64),
        )

    def __len__(self) -> int:
        return int(self.lengths.size)

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """Where each curve ends, exclusive: int64 [k]."""
        return np.cumsum(self.lengths)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each curve begins: int64 [k]."""
        return self.ends - self.lengths

    @cached_property
    def gaps(self) -> NDArray[np.int64]:
        """From each point to the next of its curve, int64 [n]; the last point of a curve repeats its first gap.

        The only point of a curve has the gap 1.
        """
        gaps = np.ones_like(self.steps)
        gaps[:-1] = np.diff(self.steps)
        lone = self.lengths == 1
        gaps[self.ends[lone] - 1] = 1
        gaps[self.ends - 1] = gaps[self.starts]
        return gaps

    def rising(self) -> NDArray[np.bool_]:
        """Return for each curve whether its steps strictly increase: bool [k]."""
        return np.logical_and.reduceat(self.gaps > 0, self.starts)

    def curves(self) -> list[Curve]:
        cuts = self.ends[:-1]
        steps, values = np.split(self.steps, cuts), np.split(self.values, cuts)
        return [Curve(*pair) for pair in zip(steps, values, strict=True)]
