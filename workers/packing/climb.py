"""The throughput guard: another process must raise the device's total samples per second, or it does not stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

NOISE = 0.03
"""Smallest gain that counts: readings of one second scatter by one or two percent on a quiet machine."""

READINGS = 3
"""Readings at one number of processes before it is judged by their mean."""

PATIENCE = 2
"""Further processes that may be tried while the throughput stays within the noise: at thirty processes that scale
perfectly one more brings just three percent, which alone would look like nothing."""


@dataclass(frozen=True)
class Climb:
    """How many processes may run side by side: climbs while the throughput rises, steps back when it does not.

    Immutable: `fed` returns the next state. One climb belongs to one device and one class of runs, whose samples are
    alike; what it found is `RunProfile.processes`.

    Attributes:
        limit: most processes that there may be.
        allowed: processes that may run now.
        best: the number at which the throughput was highest so far, beyond the noise.
        settled: the climb is over: `allowed` is `best`.
        readings: number and mean of the readings by number of processes.
    """

    limit: int
    allowed: int = 1
    best: int = 1
    settled: bool = False
    readings: Mapping[int, tuple[int, float]] = field(default_factory=dict)

    @classmethod
    def remembered(cls, limit: int, processes: int | None) -> Climb:
        """Return a climb that starts from what an earlier one found, None where none has."""
        if processes is None:
            return cls(limit)
        known = max(1, min(processes, limit))
        return cls(limit, allowed=known, best=known, settled=True)

    @property
    def found(self) -> int | None:
        """The best number of processes once it is known: for `RunProfile.processes`."""
        return self.best if self.settled else None

    def fed(self, processes: int, samples_per_second: float) -> Climb:
        """Return the climb after a reading of the device's total throughput with so many processes at work.

        Only readings with all the allowed processes at work decide: at the end of a queue there are fewer. A reading
        taken while one was starting or ending is best left out.
        """
        if self.settled or processes < 1:
            return self
        count, mean = self.readings.get(processes, (0, 0.0))
        updated = (count + 1, mean + (samples_per_second - mean) / (count + 1))
        climb = replace(self, readings={**self.readings, processes: updated})
        ready = processes == self.allowed and updated[0] >= READINGS
        return climb._judged() if ready else climb

    def _judged(self) -> Climb:
        """Go on, try a little further, or step back."""
        gain = self._rate(self.allowed) / self._rate(self.best) - 1 if self._rate(self.best) else float("inf")
        if self.allowed == self.best or gain > NOISE:
            return self._tried_next(best=self.allowed)
        if gain < -NOISE or self.allowed - self.best >= PATIENCE:
            return self._back()
        return self._tried_next(best=self.best)

    def _tried_next(self, best: int) -> Climb:
        climb = replace(self, best=best)
        return replace(climb, allowed=self.allowed + 1) if self.allowed < self.limit else climb._back()

    def _back(self) -> Climb:
        return replace(self, allowed=self.best, settled=True)

    def _rate(self, processes: int) -> float:
        return self.readings.get(processes, (0, 0.0))[1]
