"""Trials and their attempts as views, and what Optuna's record is told of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, bindparam, select, update

from studies.contract.states import TrialState
from studies.contract.study_file import StageKind
from studies.contract.views import TrialDetail, TrialPage, TrialView
from studies.core.snapshot import Curve
from studies.errors import NotFound
from studies.storage import presenting
from studies.storage.granting import QUEUE, Enqueued, Queued
from studies.storage.port import SettledTrial
from studies.storage.records import AttemptRecord, StudyRecord, TrialRecord
from studies.storage.sql import metrics, studies, tables
from studies.storage.sql.among import among
from studies.storage.sql.rows import record, records

ENDED = [state for state in TrialState if state.ended]


def get(connection: Connection, trial_id: str) -> TrialRecord:
    """Return a trial.

    Raises:
        NotFound
    """
    row = connection.execute(select(tables.trial).where(tables.trial.c.id == trial_id)).mappings().first()
    if row is None:
        raise NotFound(f"there is no trial {trial_id}: list the study's trials and try again.")
    return record(TrialRecord, row)


def waiting(connection: Connection, study: StudyRecord) -> list[Queued]:
    """Return the first of a study's waiting trials, in order."""
    c = tables.trial.c
    query = select(c.id, c.study_id, c.params, c.alone, c.failed_on, c.failed_at)
    query = query.where(c.study_id == study.id, c.state == TrialState.WAITING)
    rows = connection.execute(query.order_by(c.alone, c.number).limit(QUEUE))
    return list(map(Enqueued(study.spec), rows))


def of_study(connection: Connection, study_id: str) -> list[TrialRecord]:
    c = tables.trial.c
    return records(connection, TrialRecord, select(tables.trial).where(c.study_id == study_id).order_by(c.number))


def ids_of_study(connection: Connection, study_id: str, only: Collection[str] | None) -> list[str]:
    """Return the ids of a study's trials by number; of those in `only` where it is given."""
    c = tables.trial.c
    query = select(c.id).where(c.study_id == study_id).order_by(c.number)
    return list(connection.execute(query if only is None else query.where(c.id.in_(only))).scalars())


def page(connection: Connection, study_id: str, after: int | None, limit: int) -> TrialPage:
    c = tables.trial.c
    query = select(tables.trial).where(c.study_id == study_id, c.number > (-1 if after is None else after))
    later = records(connection, TrialRecord, query.order_by(c.number).limit(limit + 1))
    shown = views(connection, later[:limit])
    return TrialPage(trials=tuple(shown), next_after=shown[-1].number if len(later) > limit else None)


def views(connection: Connection, found: Sequence[TrialRecord]) -> list[TrialView]:
    """Return trials with their summaries and the workers that ran them last."""
    ids = [trial.id for trial in found]
    summaries, names = metrics.summaries(connection, ids), _workers(connection, ids)
    return [presenting.trial_view(trial, summaries.get(trial.id, {}), names.get(trial.id, "")) for trial in found]


def _workers(connection: Connection, trial_ids: Collection[str]) -> dict[str, str]:
    """Return the name of the worker of each trial's latest attempt."""
    if not trial_ids:
        return {}
    attempt, worker = tables.attempt.c, tables.worker.c
    query = select(attempt.trial_id, worker.name).join(tables.worker, worker.id == attempt.worker_id)
    own = query.where(among(attempt.trial_id, trial_ids)).order_by(attempt.ordinal)
    return {row.trial_id: row.name for row in connection.execute(own)}


def detail(connection: Connection, trial_id: str, waiting_because: str) -> TrialDetail:
    trial = get(connection, trial_id)
    c, worker = tables.attempt.c, tables.worker.c
    query = select(tables.attempt).where(c.trial_id == trial_id).order_by(c.ordinal)
    attempts = records(connection, AttemptRecord, query)
    workers = select(worker.id, worker.name).where(worker.id.in_([attempt.worker_id for attempt in attempts]))
    names = {row.id: row.name for row in connection.execute(workers)}
    summaries = metrics.summaries(connection, [trial_id]).get(trial_id, {})
    return presenting.trial_detail(trial, summaries, attempts, names, waiting_because)


def settled(connection: Connection, study: StudyRecord, limit: int | None) -> list[SettledTrial]:
    """Return the first `limit` trials that Optuna's record lacks and whose result stands, stage by stage, by number."""
    found: list[TrialRecord] = []
    for stage in studies.stages(connection, study.id):
        if study.state.ended or stage.state not in presenting.OPEN_STAGES:
            room = None if limit is None else limit - len(found)
            found += _unrecorded(connection, study.id, stage.kind, room)
    ids = [item.id for item in found]
    metric = study.spec.metric
    summaries, curves = metrics.summaries(connection, ids), metrics.curves(connection, ids, metric.name)
    return [
        presenting.settled_trial(
            item, summaries.get(item.id, {}), curves.get(item.id, {}).get(metric.name, Curve.empty()), metric
        )
        for item in found
    ]


def _unrecorded(connection: Connection, study_id: str, kind: StageKind, limit: int | None) -> list[TrialRecord]:
    """Return ended trials of a stage that Optuna's record lacks: there is an index of those alone."""
    c = tables.trial.c
    own = select(tables.trial).where(c.study_id == study_id, c.stage == kind, c.optuna_number.is_(None))
    return records(connection, TrialRecord, own.where(c.state.in_(ENDED)).order_by(c.number).limit(limit))


def mark_mirrored(connection: Connection, numbers: Mapping[str, int]) -> None:
    if not numbers:
        return
    statement = update(tables.trial).where(tables.trial.c.id == bindparam("trial_id"))
    rows = [{"trial_id": trial_id, "mirrored": number} for trial_id, number in numbers.items()]
    unmarked = {"touched": tables.trial.c.touched}  # nothing that a snapshot shows
    connection.execute(statement.values(optuna_number=bindparam("mirrored"), **unmarked), rows)
