"""Trials of studies as numbers, brought up to date from those that have changed: a look costs what is new in a study.

Trials are found by their marks (`studies.storage.sql.marks`), whoever changed them. What is returned may be a moment
newer than the transaction that asked, where another thread looked meanwhile; it is never wrong for longer than that.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, and_, or_, select
from sqlalchemy.exc import DBAPIError

from studies.contract.study_file import StageKind
from studies.core.trial_columns import TrialColumns
from studies.storage.presenting import Tally
from studies.storage.sql import marks, tables
from studies.storage.sql.engine import is_postgres

MOST_TRIALS = 500_000
"""Trials that are remembered, 56 bytes each; of more, those of studies that nobody has looked at for longest go."""

_STUDIES_PER_QUERY = 200
_TRIALS_AT_FIRST = 64

_trial = tables.trial.c
_COLUMNS = (
    _trial.number,
    _trial.stage,
    _trial.started_at,
    _trial.ended_at,
    _trial.score,
    _trial.last_step,
    _trial.points,
    _trial.bytes,
)
_Change = Row[int, StageKind, float | None, float | None, float | None, int, int, int, str, int]
_STARTED, _ENDED, _SCORE = range(3)
_STEPS = 0


@dataclass(frozen=True)
class Counted:
    """What is counted of a study: tallies by stage, and its trials as columns."""

    tallies: dict[StageKind, Tally]
    columns: TrialColumns


@dataclass
class _Counts:
    """What is summed of a study's trials, in the order of their numbers.

    Attributes:
        sums: steps, points and bytes of each trial, shape [n, 3].
        moments: when each started and ended, and its score, NaN for None, shape [n, 3].
        stages: index of each trial's stage among `kinds`, -1 for a number that no trial has yet.
    """

    horizon: int = marks.NEVER
    kinds: list[StageKind] = field(default_factory=list)
    stages: NDArray[np.int64] = field(default_factory=lambda: np.full(_TRIALS_AT_FIRST, -1))
    moments: NDArray[np.float64] = field(default_factory=lambda: np.full((_TRIALS_AT_FIRST, 3), np.nan))
    sums: NDArray[np.int64] = field(default_factory=lambda: np.zeros((_TRIALS_AT_FIRST, 3), np.int64))

    def __len__(self) -> int:
        return self.stages.size

    def note(self, changes: Sequence[_Change]) -> None:
        self._grow(1 + max(change.number for change in changes))
        for change in changes:
            if change.stage not in self.kinds:
                self.kinds.append(change.stage)
            self.stages[change.number] = self.kinds.index(change.stage)
            self.moments[change.number] = change.started_at, change.ended_at, change.score  # None becomes NaN
            self.sums[change.number] = change.last_step, change.points, change.bytes

    def _grow(self, size: int) -> None:
        lacking = size - len(self)
        if lacking > 0:
            more = max(lacking, len(self))
            self.stages = np.concatenate((self.stages, np.full(more, -1)))
            self.moments = np.concatenate((self.moments, np.full((more, 3), np.nan)))
            self.sums = np.concatenate((self.sums, np.zeros((more, 3), np.int64)))

    def counted(self) -> Counted:
        """Return what is counted now; it stays so, whatever is noted later."""
        tallies = {kind: self._tally(self.stages == index) for index, kind in enumerate(self.kinds)}
        there = self.stages >= 0
        moments, steps = self.moments[there], self.sums[there, _STEPS].astype(np.float64)
        return Counted(tallies, TrialColumns(moments[:, _STARTED], moments[:, _ENDED], steps, moments[:, _SCORE]))

    def _tally(self, own: NDArray[np.bool_]) -> Tally:
        ended = np.isfinite(self.moments[own, _ENDED])
        return Tally(int(own.sum()), int(ended.sum()), *map(int, self.sums[own].sum(axis=0)))


class TallyCache:
    """Counts by study, the one looked at last at the end."""

    def __init__(self, most_trials: int = MOST_TRIALS) -> None:
        self._most_trials = most_trials
        self._counts: OrderedDict[str, _Counts] = OrderedDict()
        self._lock = threading.Lock()

    def counted(self, connection: Connection, study_ids: Sequence[str]) -> dict[str, Counted]:
        """Return what is counted of each study."""
        with self._lock:
            try:
                for start in range(0, len(study_ids), _STUDIES_PER_QUERY):
                    self._update(connection, study_ids[start : start + _STUDIES_PER_QUERY])
            except DBAPIError:  # what comes back need not be the database that went
                self._counts.clear()
                raise
            found = {study_id: self._counts[study_id].counted() for study_id in study_ids}
            self._forget()
            return found

    def _update(self, connection: Connection, study_ids: Sequence[str]) -> None:
        known = {study_id: self._known(study_id) for study_id in study_ids}
        oldest_at_work = marks.horizon(connection, study_ids[0]) if is_postgres(connection) else None
        unseen = [and_(_trial.study_id == key, _trial.touched >= item.horizon) for key, item in known.items()]
        changes: dict[str, list[_Change]] = {}
        for row in connection.execute(select(*_COLUMNS, _trial.study_id, _trial.touched).where(or_(*unseen))):
            changes.setdefault(row.study_id, []).append(row)
        for study_id, rows in changes.items():
            known[study_id].note(rows)
            known[study_id].horizon = 1 + max(row.touched for row in rows)
        if oldest_at_work is not None:
            for item in known.values():
                item.horizon = oldest_at_work

    def _known(self, study_id: str) -> _Counts:
        counts = self._counts.setdefault(study_id, _Counts())
        self._counts.move_to_end(study_id)
        return counts

    def _forget(self) -> None:
        kept = sum(map(len, self._counts.values()))
        while kept > self._most_trials:
            kept -= len(self._counts.popitem(last=False)[1])
