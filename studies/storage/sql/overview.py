"""What a page shows of a study of any size: the best, the running, an even choice of the others; never all of it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from studies.contract.states import TrialState
from studies.contract.study_file import StageKind
from studies.contract.views import TrialView
from studies.storage.port import NAMED_BY, DeviceUse, Scores, Thinned, TrialResult
from studies.storage.presenting import stride
from studies.storage.records import StudyRecord, TrialRecord
from studies.storage.sql import tables, trials
from studies.storage.sql.engine import now
from studies.storage.sql.rows import records
from studies.storage.summaries import unpacked


def numbers(connection: Connection, trial_ids: Collection[str]) -> dict[str, int]:
    c = tables.trial.c
    rows = connection.execute(select(c.id, c.number).where(c.id.in_(trial_ids))) if trial_ids else ()
    return {row.id: row.number for row in rows}


def numbered(connection: Connection, study_id: str, wanted: Collection[int]) -> list[TrialView]:
    c = tables.trial.c
    query = select(tables.trial).where(c.study_id == study_id, c.number.in_(wanted)).order_by(c.number)
    return _views(connection, query) if wanted else []


def same_configuration(connection: Connection, trial: TrialRecord, limit: int) -> list[TrialView]:
    """Return trials of one configuration: as it is written, and a repeat is written as what it repeats."""
    c = tables.trial.c
    same = (c.num_steps == trial.num_steps) & (c.params == trial.params) & (c.schedule == trial.schedule)
    query = select(tables.trial).where(c.study_id == trial.study_id, same)
    return _views(connection, query.order_by(c.number).limit(limit))


def metric_names(connection: Connection, study_id: str) -> list[str]:
    """Return the metrics of the first and the latest trials: two ends of an index, however long it is."""
    trial, summary = tables.trial.c, tables.metric_summary.c
    own = select(trial.id).where(trial.study_id == study_id)
    first, latest = own.order_by(trial.number).limit(NAMED_BY), own.order_by(trial.number.desc()).limit(NAMED_BY)
    asked = or_(summary.trial_id.in_(first), summary.trial_id.in_(latest))
    return sorted(connection.execute(select(summary.name).where(asked).distinct()).scalars())


def best(connection: Connection, study: StudyRecord, limit: int) -> list[TrialView]:
    c = tables.trial.c
    order = c.score.desc() if study.spec.metric.direction == "maximize" else c.score
    query = select(tables.trial).where(c.study_id == study.id, c.score.is_not(None))
    return _views(connection, query.order_by(order, c.number).limit(limit))


def running(connection: Connection, study_id: str, limit: int) -> list[TrialView]:
    c = tables.trial.c
    query = select(tables.trial).where(c.study_id == study_id, c.ended_at.is_(None), c.state == TrialState.RUNNING)
    return _views(connection, query.order_by(c.number).limit(limit))


def sample(connection: Connection, study_id: str, stage: StageKind, most: int) -> list[TrialView]:
    c = tables.trial.c
    own = (c.study_id == study_id) & (c.stage == stage)
    query = select(tables.trial).where(own, c.number.in_(_evenly(connection, own, most))).order_by(c.number)
    return _views(connection, query)


def scores(connection: Connection, study_id: str, stage: StageKind) -> Scores:
    """Return scores by number; the index `ix_stagetune_trial_scored` has all that is asked for."""
    c = tables.trial.c
    query = select(c.number, c.score).where(c.study_id == study_id, c.stage == stage, c.score.is_not(None))
    found = connection.execute(query).all()
    numbers = np.fromiter((row[0] for row in found), np.int64, len(found))
    order = np.argsort(numbers)
    return Scores(numbers[order], np.fromiter((row[1] for row in found), np.float64, len(found))[order])


def results(connection: Connection, study_id: str, most: int, stage: StageKind | None) -> list[TrialResult]:
    c = tables.trial.c
    own = (c.study_id == study_id) if stage is None else (c.study_id == study_id) & (c.stage == stage)
    columns = (c.id, c.number, c.stage, c.state, c.params, c.schedule, c.num_steps, c.score)
    chosen = own & c.number.in_(_evenly(connection, own, most)) & c.ended_at.is_not(None)
    return [TrialResult(*row) for row in connection.execute(select(*columns).where(chosen).order_by(c.number))]


def thinned(connection: Connection, study_id: str, name: str, most: int) -> list[Thinned]:
    trial, summary = tables.trial.c, tables.metric_summary.c
    own = trial.study_id == study_id
    query = (
        select(trial.id, trial.state, summary.thinned)
        .join(tables.metric_summary, summary.trial_id == trial.id)
        .where(own, trial.number.in_(_evenly(connection, own, most)), summary.name == name)
        .order_by(trial.number)
    )
    return [Thinned(row.id, row.state, unpacked(row.thinned)) for row in connection.execute(query)]


def states(connection: Connection, study_id: str) -> dict[TrialState, int]:
    """Return trials by state: counted in the index of both."""
    c = tables.trial.c
    query = select(c.state, func.count().label("trials")).where(c.study_id == study_id).group_by(c.state)
    return {row.state: row.trials for row in connection.execute(query)}


def device_use(connection: Connection, study_id: str) -> list[DeviceUse]:
    """Return where runs took place: one pass over a study's attempts, grouped by the database."""
    attempt, stage, worker, device = tables.attempt.c, tables.stage.c, tables.worker.c, tables.device.c
    where = (stage.position, stage.kind, worker.name, worker.version, attempt.device, device.model)
    seconds = func.sum(func.coalesce(attempt.ended_at, now(connection)) - attempt.started_at)
    query = (
        select(*where, func.count(), seconds)
        .select_from(tables.trial)
        .join(tables.attempt, attempt.trial_id == tables.trial.c.id)
        .join(tables.stage, (stage.study_id == tables.trial.c.study_id) & (stage.kind == tables.trial.c.stage))
        .join(tables.worker, worker.id == attempt.worker_id)
        .outerjoin(tables.device, (device.worker_id == worker.id) & (device.name == attempt.device))
        .where(tables.trial.c.study_id == study_id)
        .group_by(*where)
    )
    found = sorted((*row[:5], row[5] or "", *row[6:]) for row in connection.execute(query))
    return [DeviceUse(*row[1:]) for row in found]


def _evenly(connection: Connection, own: ColumnElement[bool], most: int) -> list[int]:
    """Return at most `most` numbers, evenly spaced from the first of one's own trials to the last of them."""
    number = tables.trial.c.number
    first = select(number).where(own).order_by(number).limit(1).scalar_subquery()
    last = select(number).where(own).order_by(number.desc()).limit(1).scalar_subquery()
    lowest, highest = connection.execute(select(first, last)).one()
    return [] if lowest is None else list(range(lowest, highest + 1, stride(highest - lowest + 1, most)))


def _views(connection: Connection, query: Select[tuple[TrialRecord]]) -> list[TrialView]:
    return trials.views(connection, records(connection, TrialRecord, query))
