"""Reading a curve once: `decide` is asked after every event, and most curves have not changed since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from studies.core.snapshot import Curve

T = TypeVar("T")


def once_per_curve(read: Callable[..., T]) -> Callable[..., T]:
    """Return `read`, a pure function of a curve and options, so that it runs once for each curve and options.

    Curves are immutable and known by identity; what was read is forgotten together with the curve.
    """
    known: WeakKeyDictionary[Curve, dict[Any, T]] = WeakKeyDictionary()

    def remembered(curve: Curve, **options: bool) -> T:
        readings = known.setdefault(curve, {})
        key = tuple(options.items())
        if key not in readings:
            readings[key] = read(curve, **options)
        return readings[key]

    return remembered
