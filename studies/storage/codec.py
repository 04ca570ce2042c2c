"""Points of a metric as compact bytes: about 4 bytes a point for what training produces.

Steps: first, stride and count when they are regular, else a list of int32 (int64 where needed). Values: float32 when
every value is exactly representable (losses that come from float32 training are), else float64. Either way each float
comes back bit for bit as it was: the infinities, -0.0 and every NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studies.core.curves import Ragged
from studies.core.snapshot import Curve

_SINGLE, _DOUBLE = np.dtype("<f4"), np.dtype("<f8")
_SHORT, _LONG = np.dtype("<i4"), np.dtype("<i8")


@dataclass(frozen=True)
class Encoded:
    """A chunk as stored. Exactly one of ``stride`` and ``steps`` is given; widths follow from ``count`` and length."""

    count: int
    first_step: int
    stride: int | None
    steps: bytes | None
    values: bytes

    @property
    def size(self) -> int:
        """Bytes of the points."""
        return len(self.values) + len(self.steps or b"")


def encode(curves: Ragged) -> list[Encoded]:
    """Encode each of `curves`."""
    strides, steps, values = _strides(curves), _Narrow.steps(curves), _Narrow.values(curves)
    first = curves.steps[curves.starts].tolist()
    return [
        Encoded(count, first_step, stride, None if stride is not None else steps[place], values[place])
        for place, (count, first_step, stride) in enumerate(zip(curves.lengths.tolist(), first, strides, strict=True))
    ]


def decode(encoded: Encoded) -> Curve:
    """Return the curve that was encoded."""
    return Curve(_decode_steps(encoded), _decode_values(encoded))


def _strides(curves: Ragged) -> list[int | None]:
    """Return the common distance of each curve's steps, None where there is none; 1 for a single step."""
    first = curves.gaps[curves.starts]
    regular = np.logical_and.reduceat(curves.gaps == np.repeat(first, curves.lengths), curves.starts)
    return [stride if even else None for stride, even in zip(first.tolist(), regular.tolist(), strict=True)]


class _Narrow:
    """The bytes of each curve's numbers in the narrower of two types, where that holds all of the curve."""

    def __init__(self, curves: Ragged, narrow: NDArray[Any], wide: NDArray[Any], fits: NDArray[np.bool_]) -> None:
        self._narrow, self._wide = narrow, wide
        self._fits = np.logical_and.reduceat(fits, curves.starts).tolist()
        self._starts, self._ends = curves.starts.tolist(), curves.ends.tolist()

    def __getitem__(self, place: int) -> bytes:
        kept = self._narrow if self._fits[place] else self._wide
        return kept[self._starts[place] : self._ends[place]].tobytes()

    @classmethod
    def steps(cls, curves: Ragged) -> _Narrow:
        short = curves.steps.astype(_SHORT)
        return cls(curves, short, curves.steps.astype(_LONG, copy=False), short == curves.steps)

    @classmethod
    def values(cls, curves: Ragged) -> _Narrow:
        """Compare bits, so that -0.0 and every NaN count as what they are."""
        wide = curves.values.astype(_DOUBLE, copy=False)
        with np.errstate(all="ignore"):
            single = wide.astype(_SINGLE)
        return cls(curves, single, wide, single.astype(_DOUBLE).view(_LONG) == wide.view(_LONG))


def _decode_steps(encoded: Encoded) -> NDArray[np.int64]:
    if encoded.steps is None:
        return encoded.first_step + np.arange(encoded.count, dtype=np.int64) * (encoded.stride or 1)
    width = _SHORT if len(encoded.steps) == encoded.count * _SHORT.itemsize else _LONG
    return np.frombuffer(encoded.steps, width).astype(np.int64)


def _decode_values(encoded: Encoded) -> NDArray[np.float64]:
    width = _SINGLE if len(encoded.values) == encoded.count * _SINGLE.itemsize else _DOUBLE
    return np.frombuffer(encoded.values, width).astype(np.float64)
