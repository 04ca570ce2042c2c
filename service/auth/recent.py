"""What was found out a moment ago: a small cache whose entries live for seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")

MOST_ENTRIES = 10_000
"""Ten times the nodes that a server is made for; beyond that the oldest are looked up again."""


class Recent(Generic[Value]):
    """Remembers values for `seconds`; used from the event loop alone, so it needs no lock."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._found: dict[str, tuple[float, Value]] = {}

    def get(self, key: str) -> Value | None:
        at, value = self._found.get(key, (float("-inf"), None))
        return value if self._clock() - at < self._seconds else None

    def put(self, key: str, value: Value) -> None:
        self._found.pop(key, None)  # so that the order of entries is that of their age
        while len(self._found) >= MOST_ENTRIES:
            del self._found[next(iter(self._found))]
        self._found[key] = self._clock(), value

    def forget(self, key: str) -> None:
        self._found.pop(key, None)
