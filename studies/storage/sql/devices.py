"""What a page shows of devices: which attempts ran where and when, and which of them did not go well."""

from __future__ import annotations

from collections.abc import Collection
from operator import itemgetter

from sqlalchemy import ColumnElement, Connection, or_, select

from studies.errors import NotFound
from studies.storage.port import DeviceRun, RunFailure, Span, TrialFace
from studies.storage.sql import tables, workers
from studies.storage.sql.among import among

_RUN = [tables.attempt.c[name if name != "attempt_id" else "id"] for name in DeviceRun._fields]
_FAILURE = [tables.attempt.c[name] for name in RunFailure._fields]
_BY_START = itemgetter(DeviceRun._fields.index("started_at"), DeviceRun._fields.index("attempt_id"))


def runs(connection: Connection, worker_id: str, device: str, within: Span, most: int) -> list[DeviceRun]:
    """Return the attempts on a device within a time: those that run, and those that ended last, by start.

    Two questions, each of one stretch of the index of devices: what has not ended has no end to be compared.
    """
    c = tables.attempt.c
    ids = _lineage(connection, worker_id)
    own = among(c.worker_id, ids) & (c.device == device) & (c.started_at < within.until)
    running = _found(connection, own & c.ended_at.is_(None), c.started_at.desc(), most)
    ended = _found(connection, own & (c.ended_at > within.since), c.ended_at.desc(), most - len(running))
    return sorted([*running, *ended], key=_BY_START)


def _found(
    connection: Connection, where: ColumnElement[bool], order: ColumnElement[float], most: int
) -> list[DeviceRun]:
    query = select(*_RUN).where(where).order_by(order, tables.attempt.c.id).limit(most)
    return [DeviceRun._make(row) for row in connection.execute(query)]


def failures(connection: Connection, worker_id: str, most: int) -> list[RunFailure]:
    c = tables.attempt.c
    query = select(*_FAILURE).where(among(c.worker_id, _lineage(connection, worker_id)), tables.FAILED)
    rows = connection.execute(query.order_by(c.ended_at.desc(), c.id).limit(most))
    return [RunFailure._make(row) for row in rows]


def _lineage(connection: Connection, worker_id: str) -> list[str]:
    """Return the ids of a worker and of those that it is the successor of: by `leasing.succeeds`."""
    c = tables.worker.c
    own = select(c.hostname, c.name, c.registered_at).where(c.id == worker_id).cte("own")
    node = (c.hostname == own.c.hostname) & (c.name == own.c.name)
    query = select(c.id).join(own, node).where(or_(c.id == worker_id, c.last_sync_at < own.c.registered_at))
    found = list(connection.execute(query).scalars())
    if not found:
        raise NotFound(workers.UNKNOWN.format(worker_id))
    return found


def faces(connection: Connection, trial_ids: Collection[str]) -> dict[str, TrialFace]:
    trial, study = tables.trial.c, tables.study.c
    query = (
        select(trial.id, trial.study_id, study.name, trial.number, trial.params)
        .join(tables.study, study.id == trial.study_id)
        .where(among(trial.id, trial_ids))
    )
    return {row[0]: TrialFace._make(row[1:]) for row in connection.execute(query)} if trial_ids else {}
