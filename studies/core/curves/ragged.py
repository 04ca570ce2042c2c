"""Many curves as two flat arrays, so that what is done to each costs one call of numpy for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from studies.core.snapshot import Curve


@dataclass(frozen=True, eq=False)
class Ragged:
    """Curves one behind the other, at least one, none of them empty.

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
        """From each point to the next of its curve, int64 [n]; at its last point once more the gap after its first.

        The only point of a curve has the gap 1.
        """
        gaps = np.ones_like(self.steps)
        gaps[:-1] = np.diff(self.steps)
        last = self.ends - 1
        gaps[last] = np.where(self.lengths == 1, 1, gaps[self.starts])
        return gaps

    def rising(self) -> NDArray[np.bool_]:
        """Return for each curve whether its steps strictly increase: bool [k]."""
        return np.logical_and.reduceat(self.gaps > 0, self.starts)

    def curves(self) -> list[Curve]:
        bounds = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        return [Curve(self.steps[start:end], self.values[start:end]) for start, end in bounds]

    def take(self, wanted: NDArray[np.bool_]) -> Ragged:
        """Return the wanted curves, of which there is one at least; ``wanted`` is bool [k]."""
        if bool(wanted.all()):
            return self
        points = np.repeat(wanted, self.lengths)
        return Ragged(self.steps[points], self.values[points], self.lengths[wanted])

    def gathered(self, owners: NDArray[np.int64]) -> Ragged:
        """Return the curves of each owner one behind the other, as one.

        ``owners`` int64 [k] counts from 0, and each number up to the largest is there.
        """
        order = np.argsort(np.repeat(owners, self.lengths), kind="stable")
        lengths = np.bincount(owners, self.lengths).astype(np.int64)
        return Ragged(self.steps[order], self.values[order], lengths)
