"""Reading a thing once: `decide` is asked after every event, and most of what it reads has not changed since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


def once(read: Callable[..., T]) -> Callable[..., T]:
    """Return `read`, a pure function of a thing and options, so that it runs once for each thing and options.

    Things are immutable and known by identity, such as a curve or the context of a stage; what was read is forgotten
    together with the thing.
    """
    known: WeakKeyDictionary[Any, dict[Any, T]] = WeakKeyDictionary()

    def remembered(thing: Any, **options: bool | int) -> T:
        readings = known.setdefault(thing, {})
        key = tuple(options.items())
        if key not in readings:
            readings[key] = read(thing, **options)
        return readings[key]

    return remembered
