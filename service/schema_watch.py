"""A server that runs while the database is upgraded under it: it must not decide about studies that it misreads."""

from __future__ import annotations

import time
from collections.abc import Callable

from studies.errors import StorageUnavailable

CHECK_SECONDS = 5.0


class SchemaWatch:
    """Ticks as long as the database has this program's schema, and refuses to while it has another.

    Requests are served meanwhile as far as both schemas agree: what workers report is stored, and nothing is decided.

    Args:
        tick: the engine's own.
        check: raises `SchemaMismatch`, with what to do, where the schema is another one.
        clock: monotonic seconds.
    """

    def __init__(
        self, tick: Callable[[], None], check: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tick = tick
        self._check = check
        self._clock = clock
        self._good_until = float("-inf")

    def __call__(self) -> None:
        """Tick once.

        Raises:
            SchemaMismatch: the database is older or newer than this program.
        """
        if self._clock() >= self._good_until:
            self._look()
        self._tick()

    def _look(self) -> None:
        try:
            self._check()
        except StorageUnavailable:
            return  # the tick meets it too, and knows what it means for leases
        self._good_until = self._clock() + CHECK_SECONDS
