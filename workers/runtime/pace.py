"""How fast a pack trains, said about once a second."""

from __future__ import annotations

import time
from collections.abc import Callable

REPORT_SECONDS = 1.0


class Pace:
    """Counts samples against the clock.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Count from now on: what was just done was not training."""
        self._since = self._clock()
        self._samples = 0

    def count(self, samples: int) -> float | None:
        """Take the samples of one update, times members; return samples per second when it is time to say so."""
        self._samples += samples
        seconds = self._clock() - self._since
        if seconds < REPORT_SECONDS:
            return None
        rate = self._samples / seconds
        self.restart()
        return rate
