"""Why trials wait, by what the database knows of workers and runs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from studies.contract.states import StudyState, TrialState
from studies.storage import clearing
from studies.storage.granting import Enqueued, Queued
from studies.storage.records import StudyRecord, TrialRecord
from studies.storage.sql import queue, studies, tables, trials, workers
from studies.storage.sql.engine import now
from studies.storage.waiting import waiting_because


def of_study(connection: Connection, study: StudyRecord, lease_seconds: float) -> str:
    """Say why the study's waiting trials wait."""
    return _because(connection, study, trials.waiting(connection, study), lease_seconds)


def of_trial(connection: Connection, trial: TrialRecord, lease_seconds: float) -> str:
    """Say why one trial waits, "" where it does not."""
    if trial.state is not TrialState.WAITING:
        return ""
    study = studies.get(connection, trial.study_id)
    return _because(connection, study, [Enqueued(study.spec)(trial)], lease_seconds)


def _because(connection: Connection, study: StudyRecord, waiting: Sequence[Queued], lease_seconds: float) -> str:
    if not waiting or study.state is not StudyState.RUNNING:
        return waiting_because(study, waiting, (), ())
    time = now(connection)
    alive, live = workers.last_seen_first(connection, time - lease_seconds), workers.live_attempts(connection)
    c = tables.study.c
    running = connection.execute(select(c.id, c.spec).where(c.state == StudyState.RUNNING))
    specs = {row.id: row.spec for row in running}
    overdue = queue.overdue(connection, specs, clearing.overdue_before(time, lease_seconds))
    given = [worker for worker in alive if worker.hold is None]
    return waiting_because(study, waiting, alive, live, clearing.cleared(overdue, given, live))
