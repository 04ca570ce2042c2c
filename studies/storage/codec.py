"""Points of a metric as compact bytes: about 4 bytes a point for what training produces.

Steps: first, stride and count when they are regular, else a list of int32 (int64 where needed). Values: float32 when
every value is exactly representable (losses that come from float32 training are), else float64. Either way each float
comes back bit for bit as it was, with the infinities and -0.0; a NaN comes back as a NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


def encode(curve: Curve) -> Encoded:
    """Encode a curve of at least one point."""
    stride = _stride(curve.steps)
    steps = None if stride is not None else _narrowest_steps(curve.steps).tobytes()
    return Encoded(len(curve), int(curve.steps[0]), stride, steps, _narrowest_values(curve.values).tobytes())


def decode(encoded: Encoded) -> Curve:
    """Return the curve that was encoded."""
    return Curve(_decode_steps(encoded), _decode_values(encoded))


def _stride(steps: NDArray[np.int64]) -> int | None:
    """Return the common distance of the steps, None where there is none; 1 for a single step."""
    if steps.size == 1:
        return 1
    gaps = np.diff(steps)
    return int(gaps[0]) if bool(np.all(gaps == gaps[0])) else None


def _narrowest_steps(steps: NDArray[np.int64]) -> NDArray[np.signedinteger]:
    fits = steps.min() >= np.iinfo(_SHORT).min and steps.max() <= np.iinfo(_SHORT).max
    return steps.astype(_SHORT if fits else _LONG)


def _narrowest_values(values: NDArray[np.float64]) -> NDArray[np.floating]:
    with np.errstate(all="ignore"):
        single = values.astype(_SINGLE)
    return single if np.array_equal(single.astype(np.float64), values, equal_nan=True) else values.astype(_DOUBLE)


def _decode_steps(encoded: Encoded) -> NDArray[np.int64]:
    if encoded.steps is None:
        return encoded.first_step + np.arange(encoded.count, dtype=np.int64) * (encoded.stride or 1)
    width = _SHORT if len(encoded.steps) == encoded.count * _SHORT.itemsize else _LONG
    return np.frombuffer(encoded.steps, width).astype(np.int64)


def _decode_values(encoded: Encoded) -> NDArray[np.float64]:
    width = _SINGLE if len(encoded.values) == encoded.count * _SINGLE.itemsize else _DOUBLE
    return np.frombuffer(encoded.values, width).astype(np.float64)
