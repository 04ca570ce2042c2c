"""The queue of waiting trials as a worker sees it: its head, its length, and what has waited too long in it.

In order of study age, those that run alone after a study's others, then by number. Costs do not grow with what waits:
each study's trials are read in order from an index of the waiting ones, and no further than the head goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, exists, func, select, true

from studies.contract.states import StudyState, TrialState
from studies.contract.study_file import StudySpec
from studies.storage import clearing, leasing
from studies.storage.granting import QUEUE, Enqueued
from studies.storage.records import WorkerRecord
from studies.storage.sql import tables
from studies.storage.sql.among import among
from studies.storage.sql.engine import is_postgres

COUNTED = 32 * QUEUE
"""Waiting trials that are counted at most: a worker's fair share of more is more than one sync can grant anyway."""

_trial, _study, _attempt = tables.trial.c, tables.study.c, tables.attempt.c
_waiting = _trial.state == TrialState.WAITING
_columns = (_trial.id, _trial.study_id, _trial.params, _trial.alone, _trial.failed_on, _trial.failed_at)

_RUNNABLE = select(_study.id, _study.spec).where(
    _study.state == StudyState.RUNNING, exists().where(_trial.study_id == _study.id, _waiting)
)

_WAITS = _waiting & among(_trial.study_id, "studies")


def _joined(*conditions: Any) -> Select[Any]:
    return (
        select(*_columns)
        .join_from(tables.trial, tables.study, _study.id == _trial.study_id)
        .where(_WAITS, *conditions)
        .order_by(_study.created_at, _study.id, _trial.alone, _trial.number)
        .limit(bindparam("head"))
    )


def _study_by_study() -> Select[Any]:
    """Return the same for PostgreSQL, which would sort all that waits: from each study, oldest first, its own head."""
    own = select(*_columns, _trial.number).where(_trial.study_id == _study.id, _waiting)
    head = own.order_by(_trial.alone, _trial.number).limit(bindparam("head")).lateral("head")
    return (
        select(head.c.id, head.c.study_id, head.c.params, head.c.alone, head.c.failed_on, head.c.failed_at)
        .join_from(tables.study, head, true())
        .where(among(_study.id, "studies"))
        .order_by(_study.created_at, _study.id, head.c.alone, head.c.number)
        .limit(bindparam("head"))
    )


_HEAD, _HEAD_POSTGRES = _joined(), _study_by_study()

_LENGTH = select(func.count()).select_from(
    select(_trial.id).where(_WAITS).limit(bindparam("counted")).subquery("waiting")
)

_since = (
    select(func.max(_attempt.ended_at))
    .where(_attempt.trial_id == _trial.id, _attempt.state.not_in(clearing.UNCOUNTED))
    .scalar_subquery()
)
_OVERDUE = _joined(_trial.alone, _since < bindparam("before"))


def runnable(connection: Connection, worker: WorkerRecord) -> dict[str, StudySpec]:
    """Return the running studies with waiting trials that the worker can run, by id."""
    return {row.id: row.spec for row in connection.execute(_RUNNABLE) if leasing.can_run(worker, row.spec.objective)}


def head(connection: Connection, studies: Mapping[str, StudySpec]) -> Sequence[Row[Any]]:
    """Return what `Enqueued` asks of the first `QUEUE` trials of these studies that wait."""
    if not studies:
        return ()
    statement = _HEAD_POSTGRES if is_postgres(connection) else _HEAD
    return connection.execute(statement, {"studies": studies, "head": QUEUE}).all()


def length(connection: Connection, studies: Mapping[str, StudySpec], first: Sequence[object]) -> int:
    """Return how many trials of these studies wait, `first` being the head; at most about `COUNTED`."""
    if len(first) < QUEUE:
        return len(first)
    return connection.execute(_LENGTH, {"studies": studies, "counted": COUNTED}).scalar_one()


def overdue(connection: Connection, studies: Mapping[str, StudySpec], before: float) -> list[clearing.Overdue]:
    """Return the trials that must run alone and have waited since `before`, in order; there are few."""
    rows = connection.execute(_OVERDUE, {"studies": studies, "before": before, "head": QUEUE})
    entry = {study_id: Enqueued(spec) for study_id, spec in studies.items()}
    return [clearing.Overdue(entry[row.study_id](row), studies[row.study_id].objective) for row in rows]
