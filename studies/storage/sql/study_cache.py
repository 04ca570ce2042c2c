"""Trials of studies as the engine saw them last, so that a look at a study costs what has changed since.

A trial is read anew when its mark has moved (`studies.storage.sql.marks`), whoever changed it: an engine, a person, a
sync, on whichever server. All else is as it was: what is returned is always what a reader without this cache would see.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, select

from studies.core.snapshot import Curve, Trial
from studies.errors import StorageUnavailable
from studies.storage import presenting
from studies.storage.records import AttemptRecord, TrialRecord
from studies.storage.sql import marks, metrics, tables
from studies.storage.sql.among import among
from studies.storage.sql.curve_cache import CurveCache
from studies.storage.sql.rows import records

_TRIALS_AT_ONCE = 200
"""Trials whose chunks are in memory at once: of a study of millions of points, all of them would be twice its size."""


@dataclass
class SharedSteps:
    """Steps that curves have in common: thousands of whole runs are measured at the same steps.

    That halves what the curves of a study take.
    """

    _known: dict[tuple[int, int, int], NDArray[np.int64]] = field(default_factory=dict)

    def of(self, curves: Mapping[str, Curve]) -> dict[str, Curve]:
        """Return the curves with steps that are shared where others have the same."""
        return {name: self._share(curve) for name, curve in curves.items()}

    def _share(self, curve: Curve) -> Curve:
        if not len(curve):
            return curve
        key = int(curve.steps[0]), int(curve.steps[-1]), len(curve)
        known = self._known.setdefault(key, curve.steps)
        return replace(curve, steps=known) if np.array_equal(known, curve.steps) else curve


@dataclass(frozen=True)
class _Seen:
    """A study's trials by number, as a transaction with this horizon saw them."""

    horizon: int = marks.NEVER
    trials: tuple[Trial, ...] = ()
    steps: SharedSteps = field(default_factory=SharedSteps)


class StudyCache:
    """Trials by study. One thread looks at a time, so that a later look never begins from an earlier moment."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._curves = CurveCache()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other threads out; to be entered before the transaction that `trials` looks in begins.

        Where the database was away everything is forgotten: what comes back need not be what went.
        """
        with self._lock:
            try:
                yield
            except StorageUnavailable:
                self._seen.clear()
                raise

    def trials(self, connection: Connection, study_id: str) -> tuple[Trial, ...]:
        """Return all trials of a study, curves included, in order of number."""
        before = self._seen.get(study_id, _Seen())
        horizon = marks.horizon(connection, study_id)
        touched = _touched_since(connection, study_id, before.horizon)
        changed = [
            trial
            for start in range(0, len(touched), _TRIALS_AT_ONCE)
            for trial in self._read(connection, touched[start : start + _TRIALS_AT_ONCE], before.steps)
        ]
        seen = self._seen[study_id] = replace(before, horizon=horizon, trials=_together(before.trials, changed))
        return seen.trials

    def keep(self, study_ids: Collection[str]) -> None:
        """Forget all other studies: nobody looks at them any more, or not for a while."""
        with self._lock:
            for study_id in self._seen.keys() - set(study_ids):
                del self._seen[study_id]

    def _read(self, connection: Connection, changed: Sequence[TrialRecord], steps: SharedSteps) -> list[Trial]:
        by_trial = _reporters(connection, [trial.id for trial in changed])
        attempts = [attempt for own in by_trial.values() for attempt in own]
        pieces = self._curves.curves(connection, attempts)
        ended = [attempt.id for trial in changed if trial.state.ended for attempt in by_trial.get(trial.id, ())]
        self._curves.forget(ended)
        return [_trial(trial, by_trial.get(trial.id, ()), pieces, steps) for trial in changed]


def _trial(
    trial: TrialRecord,
    attempts: Iterable[AttemptRecord],
    pieces: Mapping[str, Mapping[str, Curve]],
    steps: SharedSteps,
) -> Trial:
    curves = metrics.whole_curves([(attempt.started_from, pieces[attempt.id]) for attempt in attempts])
    return presenting.core_trial(trial, steps.of(curves) if trial.state.ended else curves)


_ALL = select(tables.trial).where(tables.trial.c.study_id == bindparam("study_id")).order_by(tables.trial.c.number)
_CHANGED = _ALL.where(tables.trial.c.touched >= bindparam("horizon"))

_REPORTERS = (
    select(tables.attempt)
    .where(among(tables.attempt.c.trial_id, "trials"), tables.attempt.c.chunks > 0)
    .order_by(tables.attempt.c.ordinal)
)


def _touched_since(connection: Connection, study_id: str, horizon: int) -> list[TrialRecord]:
    if horizon == marks.NEVER:
        return records(connection, TrialRecord, _ALL, {"study_id": study_id})
    return records(connection, TrialRecord, _CHANGED, {"study_id": study_id, "horizon": horizon})


def _reporters(connection: Connection, trial_ids: Sequence[str]) -> dict[str, list[AttemptRecord]]:
    """Return the attempts that have reported points, by trial, the oldest first."""
    found: dict[str, list[AttemptRecord]] = {}
    for attempt in records(connection, AttemptRecord, _REPORTERS, {"trials": trial_ids}) if trial_ids else ():
        found.setdefault(attempt.trial_id, []).append(attempt)
    return found


def _together(before: tuple[Trial, ...], changed: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials with the changed ones in their places. Numbers count from 0 without a gap."""
    if not changed:
        return before
    trials = [*before]
    for trial in changed:
        if trial.number < len(trials):
            trials[trial.number] = trial
        else:
            trials.append(trial)
    return tuple(trials)
