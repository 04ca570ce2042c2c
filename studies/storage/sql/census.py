"""The census of an SQL database: four statements, each answered by an index."""

from __future__ import annotations

from sqlalchemy import Connection, case, func, select

from studies.contract.states import StudyState, TrialState
from studies.storage.census import Census
from studies.storage.sql import tables
from studies.storage.sql.engine import now


def take(connection: Connection, lease_seconds: float) -> Census:
    """Count what there is now; see `studies.storage.port.StudyStore.census`."""
    study, worker = tables.study.c, tables.worker.c
    time = now(connection)
    studies = connection.execute(select(study.state, func.count()).group_by(study.state))
    alive = select(worker.hold, func.count()).where(worker.last_sync_at >= time - lease_seconds).group_by(worker.hold)
    workers = {row[0]: row[1] for row in connection.execute(alive)}
    return Census(
        studies={row[0]: row[1] for row in studies},
        trials=_trials(connection),
        queue_seconds=_queue_seconds(connection, time),
        workers_alive=sum(workers.values()),
        workers_held={hold: count for hold, count in workers.items() if hold is not None},
    )


def _trials(connection: Connection) -> dict[TrialState, int]:
    """Count trials by study first: in the order of the index nothing has to be sorted or hashed."""
    c = tables.trial.c
    by_study = select(c.state, func.count().label("count")).group_by(c.study_id, c.state).subquery()
    total = select(by_study.c.state, func.sum(by_study.c.count)).group_by(by_study.c.state)
    return {state: int(count) for state, count in connection.execute(total)}


def _queue_seconds(connection: Connection, time: float) -> float:
    """Return how long the oldest waiting trial has waited: since it was asked for, or since its last attempt ended."""
    study, trial, attempt = tables.study.c, tables.trial.c, tables.attempt.c
    last_end = select(func.max(attempt.ended_at)).where(attempt.trial_id == trial.id).scalar_subquery()
    since = case((trial.attempts == 0, trial.created_at), else_=func.coalesce(last_end, trial.created_at))
    oldest = (
        select(func.min(since))
        .join_from(tables.study, tables.trial, trial.study_id == study.id)
        .where(study.state == StudyState.RUNNING, trial.state == TrialState.WAITING)
    )
    began = connection.execute(oldest).scalar()
    return 0.0 if began is None else max(0.0, time - began)
