"""What a store has done since it was opened, counted for whoever watches it. Nothing here decides anything."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from studies.contract.states import AttemptState, TrialState
from studies.storage.reporting import Ended


@dataclass
class WorkDone:
    """Counts of one transaction, or of all that were committed.

    Attributes:
        points: metric points stored; what was sent again and known already is not counted again.
        log_bytes: of runs' output, as UTF-8.
        endings: attempts by how they ended.
        retries: trials that wait again, by how the attempt before ended.
    """

    points: int = 0
    log_bytes: int = 0
    endings: Counter[AttemptState] = field(default_factory=Counter)
    retries: Counter[AttemptState] = field(default_factory=Counter)

    def note(self, ended: Ended) -> None:
        """Count the end of an attempt, and whether its trial is tried again."""
        self.endings[ended.attempt.state] += 1
        if ended.trial.state is TrialState.WAITING:
            self.retries[ended.attempt.state] += 1


class WorkLog:
    """Sums what transactions did, from any thread, once each is committed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sum = WorkDone()

    def add(self, done: WorkDone) -> None:
        with self._lock:
            self._sum = _plus(self._sum, done)

    def total(self) -> WorkDone:
        """Return all that was done so far; the caller's own."""
        with self._lock:
            return _plus(self._sum, WorkDone())


def _plus(one: WorkDone, other: WorkDone) -> WorkDone:
    return WorkDone(
        points=one.points + other.points,
        log_bytes=one.log_bytes + other.log_bytes,
        endings=one.endings + other.endings,
        retries=one.retries + other.retries,
    )
