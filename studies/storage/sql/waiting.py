"""Why trials wait, by what the database knows of workers and runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from studies.contract.states import StudyState, TrialState
from studies.storage import clearing
from studies.storage.granting import Enqueued, Queued
from studies.storage.port import Queues, StudyQueue
from studies.storage.records import AttemptRecord, StudyRecord, TrialRecord, WorkerRecord
from studies.storage.sql import queue, studies, tables, trials, workers
from studies.storage.sql.engine import now
from studies.storage.sql.rows import record
from studies.storage.waiting import Spot, waiting_because

ENDED = [state for state in StudyState if state.ended]


def of_study(connection: Connection, study: StudyRecord, lease_seconds: float) -> str:
    """Say why the study's waiting trials wait."""
    return _because(connection, study, trials.waiting(connection, study), lease_seconds)


def of_trial(connection: Connection, trial: TrialRecord, lease_seconds: float) -> str:
    """Say why one trial waits, "" where it does not."""
    if trial.state is not TrialState.WAITING:
        return ""
    study = studies.get(connection, trial.study_id)
    return _because(connection, study, [Enqueued(study.spec)(trial)], lease_seconds)


def queues(connection: Connection, lease_seconds: float, most: int) -> Queues:
    """Say of the oldest studies with trials that wait, or that wait for a person, why: a question each to say it."""
    found, total = _with_waiting(connection, most)
    scene = _scene(connection, lease_seconds) if found else None
    oldest = (
        StudyQueue(study.id, study.name, study.state, count, _sentence(connection, study, count, scene))
        for study, count in found
    )
    return Queues(tuple(oldest), total)


def _with_waiting(connection: Connection, most: int) -> tuple[list[tuple[StudyRecord, int]], int]:
    """Return the oldest with how many of their trials wait, and how many such studies there are."""
    trial, study = tables.trial.c, tables.study.c
    counts = (
        select(trial.study_id, func.count().label("waiting"))
        .where(tables.WAITING)
        .group_by(trial.study_id)
        .subquery("counts")
    )
    waiting = func.coalesce(counts.c.waiting, 0).label("waiting")
    query = (
        select(tables.study, waiting, func.count().over().label("total"))
        .outerjoin(counts, counts.c.study_id == study.id)
        .where(study.state.not_in(ENDED), or_(waiting > 0, study.state == StudyState.AWAITING_APPROVAL))
        .order_by(study.created_at, study.id)
        .limit(most)
    )
    rows = connection.execute(query).mappings().all()
    return [(record(StudyRecord, row), row["waiting"]) for row in rows], rows[0]["total"] if rows else 0


def _sentence(connection: Connection, study: StudyRecord, count: int, scene: _Scene | None) -> str:
    head = trials.waiting(connection, study) if count else ()
    running = study.state is StudyState.RUNNING
    return scene.because(study, head) if scene and running else waiting_because(study, head, (), ())


def _because(connection: Connection, study: StudyRecord, waiting: Sequence[Queued], lease_seconds: float) -> str:
    if not waiting or study.state is not StudyState.RUNNING:
        return waiting_because(study, waiting, (), ())
    return _scene(connection, lease_seconds).because(study, waiting)


@dataclass(frozen=True)
class _Scene:
    """All that a waiting trial could wait for."""

    alive: Sequence[WorkerRecord]
    live: Sequence[AttemptRecord]
    cleared: Collection[Spot]

    def because(self, study: StudyRecord, waiting: Sequence[Queued]) -> str:
        return waiting_because(study, waiting, self.alive, self.live, self.cleared)


def _scene(connection: Connection, lease_seconds: float) -> _Scene:
    time = now(connection)
    alive, live = workers.last_seen_first(connection, time - lease_seconds), workers.live_attempts(connection)
    c = tables.study.c
    running = connection.execute(select(c.id, c.spec).where(c.state == StudyState.RUNNING))
    specs = {row.id: row.spec for row in running}
    overdue = queue.overdue(connection, specs, clearing.overdue_before(time, lease_seconds))
    given = [worker for worker in alive if worker.hold is None]
    return _Scene(alive, live, clearing.cleared(overdue, given, live))
