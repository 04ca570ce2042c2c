"""Forgetting studies that ended long ago, with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, func, or_, select

from studies.contract.states import StudyState
from studies.contract.views import StudySize
from studies.storage import presenting
from studies.storage.port import Pruned, PrunedStudy
from studies.storage.records import StudyRecord
from studies.storage.sql import tables
from studies.storage.sql.engine import now, reading, sqlite_path, writing
from studies.storage.sql.failures import mapped_errors
from studies.storage.sql.rows import records
from studies.storage.sql.tally_cache import Counted, TallyCache

_ENDED = [state for state in StudyState if state.ended]


def prune(engine: Engine, cache: TallyCache, older_than: float, *, dry_run: bool) -> Pruned:
    """Do as `studies.storage.port.StudyStore.prune` says: a transaction a study, so that nobody waits for all."""
    with reading(engine) as connection:
        before = now(connection) - older_than
        found = _ended_before(connection, before)
        planned = _planned(connection, found, cache.counted(connection, [study.id for study in found]), before)
    if dry_run:
        return planned
    gone: list[PrunedStudy] = []
    events = 0
    for study in planned.studies:
        with writing(engine) as connection:
            if _is_still_due(connection, study.id, before):
                events += _remove(connection, study.id)
                gone.append(study)
    with writing(engine) as connection:
        events += connection.execute(delete(tables.event).where(tables.event.c.at < before)).rowcount
        workers = _remove_workers(connection, before)
    return Pruned(tuple(gone), workers, events)


def _ended_before(connection: Connection, before: float) -> list[StudyRecord]:
    c = tables.study.c
    query = select(tables.study).where(c.state.in_(_ENDED), c.updated_at < before)
    return records(connection, StudyRecord, query.order_by(c.created_at, c.id))


def _planned(
    connection: Connection,
    found: list[StudyRecord],
    counted: Mapping[str, Counted],
    before: float,
) -> Pruned:
    ids = [study.id for study in found]
    sizes = {study.id: presenting.size(counted[study.id].tallies.values()) for study in found}
    event = tables.event.c
    return Pruned(
        studies=tuple(_described(study, sizes[study.id]) for study in found),
        workers=_count(connection, tables.worker, _silent(before, ids)),
        events=_count(connection, tables.event, or_(event.at < before, event.study_id.in_(ids))),
    )


def _described(study: StudyRecord, size: StudySize) -> PrunedStudy:
    optuna = tuple(presenting.optuna_name(study.name, stage.kind) for stage in study.spec.stages)
    return PrunedStudy(study.id, study.name, optuna, size)


def _count(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(table).where(which)).scalar_one()


def _is_still_due(connection: Connection, study_id: str, before: float) -> bool:
    """Lock the study and return whether it is still there, ended and old: another one may be pruning too."""
    c = tables.study.c
    due = select(c.id).where(c.id == study_id, c.state.in_(_ENDED), c.updated_at < before).with_for_update()
    return connection.execute(due).first() is not None


def _remove(connection: Connection, study_id: str) -> int:
    """Delete a study and all that belongs to it, what refers to other rows first; return how many events it had."""
    events = 0
    for table in reversed(tables.metadata.sorted_tables):
        which = belonging(table, [study_id])
        if which is not None:
            removed = connection.execute(delete(table).where(which)).rowcount
            events += removed if table is tables.event else 0
    return events


def belonging(table: Table, study_ids: Collection[str]) -> ColumnElement[bool] | None:
    """Return the condition for the rows of `table` that belong to these studies; None where none ever does."""
    if table is tables.study:
        return table.c.id.in_(study_ids)
    if "study_id" in table.c:
        return table.c.study_id.in_(study_ids)
    if "trial_id" in table.c:
        return table.c.trial_id.in_(select(tables.trial.c.id).where(tables.trial.c.study_id.in_(study_ids)))
    if "attempt_id" in table.c:
        return table.c.attempt_id.in_(select(tables.attempt.c.id).where(tables.attempt.c.study_id.in_(study_ids)))
    return None


def _silent(before: float, without: Collection[str] = ()) -> ColumnElement[bool]:
    """Return the condition for workers not heard of since, none of whose runs is kept."""
    worker, attempt = tables.worker.c, tables.attempt.c
    kept = select(attempt.worker_id).where(attempt.study_id.not_in(without))
    return (worker.last_sync_at < before) & worker.id.not_in(kept)


def _remove_workers(connection: Connection, before: float) -> int:
    c = tables.worker.c
    ids = list(connection.execute(select(c.id).where(_silent(before)).with_for_update(skip_locked=True)).scalars())
    connection.execute(delete(tables.device).where(tables.device.c.worker_id.in_(ids)))
    return connection.execute(delete(tables.worker).where(c.id.in_(ids))).rowcount


def compact(engine: Engine) -> int:
    """Do as `studies.storage.port.StudyStore.compact` says."""
    path = sqlite_path(engine.url)
    if path is None:
        return 0
    before = path.stat().st_size
    with mapped_errors(), closing(engine.raw_connection()) as connection:
        for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            connection.cursor().execute(statement).fetchall()
    return max(0, before - path.stat().st_size)
