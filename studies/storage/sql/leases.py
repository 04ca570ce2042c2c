"""Granting leases and ending those that have run out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select, update

from studies.contract.states import AttemptState, StudyState, TrialState
from studies.contract.worker_protocol import Lease
from studies.storage import leasing, reporting
from studies.storage.records import AttemptRecord, News, StudyRecord, TrialRecord, WorkerRecord
from studies.storage.sql import events, tables
from studies.storage.sql.engine import clock, now
from studies.storage.sql.rows import insert_all, records, update_all


def grant(
    connection: Connection, worker: WorkerRecord, live: Collection[AttemptRecord], time: float, lease_seconds: float
) -> tuple[list[Lease], list[News]]:
    """Give waiting trials to the free places of a worker's devices.

    The rows claimed are locked, those that another server is claiming skipped. Their studies are then locked against
    a pause, and skipped where a pause is just being written: a lease granted now is one that the pause will see.
    """
    places = leasing.free_places(worker.devices, live)
    if not places:
        return [], []
    trials = _claim(connection, worker, len(places))
    running = _still_running(connection, {trial.study_id for trial in trials})
    given = [
        leasing.grant(trial, worker, device, time, lease_seconds)
        for device, trial in zip(places, [trial for trial in trials if trial.study_id in running], strict=False)
    ]
    update_all(connection, tables.trial, [item.trial for item in given])
    insert_all(connection, tables.attempt, [item.attempt for item in given])
    leases = [leasing.lease(item.attempt, item.trial, running[item.trial.study_id].spec) for item in given]
    return leases, [item.news for item in given]


def _claim(connection: Connection, worker: WorkerRecord, places: int) -> list[TrialRecord]:
    trial, study = tables.trial.c, tables.study.c
    query = (
        select(tables.trial)
        .join(tables.study, study.id == trial.study_id)
        .where(trial.state == TrialState.WAITING, study.id.in_(_runnable(connection, worker)))
        .order_by(study.created_at, study.id, trial.number)
        .limit(places)
        .with_for_update(of=tables.trial, skip_locked=True, key_share=True)
    )
    return records(connection, TrialRecord, query)


def _runnable(connection: Connection, worker: WorkerRecord) -> list[str]:
    c = tables.study.c
    running = connection.execute(select(c.id, c.spec).where(c.state == StudyState.RUNNING))
    return [row.id for row in running if leasing.can_run(worker, row.spec.objective)]


def _still_running(connection: Connection, study_ids: Collection[str]) -> dict[str, StudyRecord]:
    if not study_ids:
        return {}
    c = tables.study.c
    query = select(tables.study).where(c.id.in_(study_ids), c.state == StudyState.RUNNING)
    found = records(connection, StudyRecord, query.with_for_update(read=True, skip_locked=True))
    return {study.id: study for study in found}


def extend(connection: Connection, lease_seconds: float) -> None:
    """Give every running attempt a whole lease from now. Their trials are locked, as for any change of an attempt."""
    attempt, trial = tables.attempt.c, tables.trial.c
    running = attempt.state == AttemptState.RUNNING
    locked = (
        select(trial.id)
        .where(trial.id.in_(select(attempt.trial_id).where(running)))
        .order_by(trial.id)
        .with_for_update(key_share=True)
    )
    ids = list(connection.execute(locked).scalars())
    statement = update(tables.attempt).where(running, attempt.trial_id.in_(ids))
    connection.execute(statement.values(lease_expires_at=clock(connection) + lease_seconds))


def any_overdue(connection: Connection) -> bool:
    c = tables.attempt.c
    overdue = (c.state == AttemptState.RUNNING) & (c.lease_expires_at < clock(connection))
    return connection.execute(select(c.id).where(overdue).limit(1)).first() is not None


def expire(connection: Connection) -> int:
    """End the attempts whose lease has run out; return how many. Trials that a sync is busy with are left to it."""
    time = now(connection)
    attempt, trial = tables.attempt.c, tables.trial.c
    overdue = (attempt.state == AttemptState.RUNNING) & (attempt.lease_expires_at < time)
    locked = (
        select(tables.trial)
        .where(trial.id.in_(select(attempt.trial_id).where(overdue)))
        .order_by(trial.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    trials = {item.id: item for item in records(connection, TrialRecord, locked)}
    query = select(tables.attempt).where(overdue, attempt.trial_id.in_(trials))
    ending = reporting.Ending(AttemptState.EXPIRED, reporting.GONE_SILENT)
    ended = [
        reporting.end_attempt(trials[item.trial_id], item, ending, time)
        for item in records(connection, AttemptRecord, query)
    ]
    write_endings(connection, ended, time)
    return len(ended)


def write_endings(connection: Connection, ended: Sequence[reporting.Ended], time: float) -> None:
    update_all(connection, tables.attempt, [item.attempt for item in ended])
    update_all(connection, tables.trial, [item.trial for item in ended if item.news is not None])
    events.publish(connection, [item.news for item in ended if item.news is not None], time)
