"""Workers that are held back: judged by what failed on them and elsewhere, drained and released by people.

A sync holds its own worker's row and changes no other; whoever changes several locks them in order of id, and trials
never after them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, or_, select, update

from studies.contract.states import AttemptState, WorkerHold
from studies.contract.study_file import Objective
from studies.errors import NotFound
from studies.storage import quarantine
from studies.storage.records import News, WorkerRecord
from studies.storage.sql import tables, workers
from studies.storage.sql.engine import now


def judge(connection: Connection, worker: WorkerRecord, since: float) -> tuple[WorkerRecord, list[News]]:
    """Return the worker that this sync has locked, quarantined where its row of failures asks for it."""
    if worker.hold is not None or len(worker.failing) < quarantine.FAILURES_IN_A_ROW:
        return worker, []
    trials = _failing(connection, worker)
    peers = workers.last_seen_first(connection, since)
    because = quarantine.guilt(worker, trials.shared, peers, trials.objectives)
    if not because:
        return worker, []
    worker = quarantine.quarantined(worker, because, worker.last_sync_at)
    return worker, quarantine.news(worker, trials.study_ids)


def review(connection: Connection, lease_seconds: float) -> int:
    """Release nodes whose failures others share by now; return how many workers that were."""
    c = tables.worker.c
    locked = select(c.id).where(c.hold == WorkerHold.QUARANTINED).order_by(c.id).with_for_update()
    held = set(connection.execute(locked).scalars())
    if not held:
        return 0
    time = now(connection)
    everyone = workers.last_seen_first(connection)
    alive = [worker for worker in everyone if worker.last_sync_at >= time - lease_seconds]
    compared = [(worker, _failing(connection, worker)) for worker in everyone if worker.id in held]
    innocent = [
        (worker, trials.shared)
        for worker, trials in compared
        if quarantine.innocent(worker, trials.shared, alive, trials.objectives)
    ]
    for worker, shared in innocent:
        write(connection, quarantine.pardoned(worker, shared))
    return len(innocent)


def any_quarantined(connection: Connection) -> bool:
    query = select(tables.worker.c.id).where(tables.worker.c.hold == WorkerHold.QUARANTINED).limit(1)
    return connection.execute(query).first() is not None


def drain(connection: Connection, worker_id: str) -> None:
    """Take a worker out of service.

    Raises:
        NotFound
    """
    for worker in _locked(connection, worker_id, whole_node=False):
        write(connection, quarantine.drained(worker, now(connection)))


def release(connection: Connection, worker_id: str) -> None:
    """Let a worker's node be given leases again.

    Raises:
        NotFound
    """
    for worker in _locked(connection, worker_id, whole_node=True):
        write(connection, quarantine.released(worker))


def write(connection: Connection, worker: WorkerRecord) -> None:
    """Write what is held against a worker."""
    values = {name: getattr(worker, name) for name in ("hold", "held_because", "held_at", "failing")}
    connection.execute(update(tables.worker).where(tables.worker.c.id == worker.id).values(values))


def _locked(connection: Connection, worker_id: str, *, whole_node: bool) -> list[WorkerRecord]:
    c = tables.worker.c
    row = connection.execute(select(c.hostname, c.name).where(c.id == worker_id)).first()
    if row is None:
        raise NotFound(f"there is no worker {worker_id}: `stagetune workers` lists them.")
    which = (c.hostname == row.hostname) & (c.name == row.name) if whole_node else c.id == worker_id
    rows = connection.execute(select(tables.worker).where(which).order_by(c.id).with_for_update()).mappings()
    return [workers.of_row(found) for found in rows]


@dataclass(frozen=True)
class Failing:
    """The trials of a worker's row: those that failed on other nodes too, what they run and for which studies."""

    shared: frozenset[str]
    objectives: tuple[Objective, ...]
    study_ids: tuple[str, ...]


def _failing(connection: Connection, worker: WorkerRecord) -> Failing:
    attempt, other, trial, study = tables.attempt.c, tables.worker.c, tables.trial.c, tables.study.c
    failed = (attempt.state == AttemptState.FAILED) | ((attempt.state == AttemptState.EVICTED) & attempt.alone)
    elsewhere = (
        select(attempt.trial_id)
        .join_from(tables.attempt, tables.worker, other.id == attempt.worker_id)
        .where(attempt.trial_id.in_(worker.failing), failed)
        .where(or_(other.hostname != worker.hostname, other.name != worker.name))
    )
    concerned = select(trial.study_id).where(trial.id.in_(worker.failing))
    rows = connection.execute(select(study.id, study.spec).where(study.id.in_(concerned))).all()
    return Failing(
        shared=frozenset(connection.execute(elsewhere).scalars()),
        objectives=tuple(row.spec.objective for row in rows),
        study_ids=tuple(row.id for row in rows),
    )
