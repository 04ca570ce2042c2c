"""Studies and stages: storing them, and reading the pictures that views are made of."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from studies.contract.ids import new_id
from studies.contract.states import StudyState
from studies.contract.study_file import StudySpec
from studies.errors import IdempotencyConflict, NameTaken, NotFound
from studies.storage import presenting
from studies.storage.documents import document_hash
from studies.storage.port import Created
from studies.storage.records import News, StageRecord, StudyRecord
from studies.storage.sql import events, standing, tables
from studies.storage.sql.device_times import DeviceTimes
from studies.storage.sql.engine import now
from studies.storage.sql.listing import attempts
from studies.storage.sql.rows import columns, grouped, insert_all, record, records
from studies.storage.sql.tally_cache import TallyCache


def create(connection: Connection, spec: StudySpec, idempotency_key: str | None, owner: str) -> Created:
    """Store a study; see `studies.storage.port.StudyStore.create_study`."""
    seen = known(connection, spec, idempotency_key)
    if seen is not None:
        return seen
    time = now(connection)
    study = StudyRecord(new_id("study"), spec.name, spec, StudyState.QUEUED, time, time, owner=owner)
    extra = {
        "idempotency_key": idempotency_key,
        "document_hash": document_hash(spec),
        "tags": spec.tags,
        "metric": spec.metric.name,
        "direction": spec.metric.direction,
    }
    connection.execute(insert(tables.study).values(columns(study) | extra))
    stages = [StageRecord(study.id, stage.kind, position) for position, stage in enumerate(spec.stages)]
    insert_all(connection, tables.stage, stages)
    events.publish(connection, [News(study.id, "study", "queued")], time)
    return Created(study.id, fresh=True)


def known(connection: Connection, spec: StudySpec, idempotency_key: str | None) -> Created | None:
    """Return the study that was created under this key before, None where there is none.

    Raises:
        IdempotencyConflict: the key was used for another document.
        NameTaken: another study has this name.
    """
    c = tables.study.c
    same_key = select(c.id, c.document_hash).where(c.idempotency_key == idempotency_key)
    seen = None if idempotency_key is None else connection.execute(same_key).first()
    if seen is not None:
        if seen.document_hash != document_hash(spec):
            raise IdempotencyConflict
        return Created(seen.id, fresh=False)
    if find(connection, spec.name) is not None:
        raise NameTaken(f"a study named {spec.name} exists: choose another name, or resume that study.")
    return None


def find(connection: Connection, name: str) -> str | None:
    return connection.execute(select(tables.study.c.id).where(tables.study.c.name == name)).scalar()


def get(connection: Connection, study_id: str, *, lock: bool = False) -> StudyRecord:
    """Return a study; ``lock`` holds it against other writers until the transaction ends.

    Raises:
        NotFound
    """
    query = select(tables.study).where(tables.study.c.id == study_id)
    row = connection.execute(query.with_for_update(key_share=True) if lock else query).mappings().first()
    if row is None:
        raise NotFound(f"there is no study {study_id}: list the studies and try again.")
    return record(StudyRecord, row)


def active(connection: Connection) -> list[str]:
    c = tables.study.c
    is_active = c.state.in_([StudyState.QUEUED, StudyState.RUNNING])
    return list(connection.execute(select(c.id).where(is_active).order_by(c.created_at, c.id)).scalars())


def newest_first(connection: Connection, limit: int | None, name: str | None) -> list[StudyRecord]:
    c = tables.study.c
    query = select(tables.study).order_by(c.created_at.desc(), c.id.desc()).limit(limit)
    return records(connection, StudyRecord, query if name is None else query.where(c.name == name))


def stages(connection: Connection, study_id: str) -> list[StageRecord]:
    c = tables.stage.c
    query = select(tables.stage).where(c.study_id == study_id).order_by(c.position)
    return records(connection, StageRecord, query)


def pictures(
    connection: Connection, studies: Sequence[StudyRecord], cache: TallyCache, times: DeviceTimes
) -> list[presenting.StudyPicture]:
    """Return what the views of `studies` are made of, in a number of statements that does not grow with them."""
    ids = [study.id for study in studies]
    c = tables.stage.c
    stage_rows = grouped(connection, select(tables.stage).where(c.study_id.in_(ids)).order_by(c.position), "study_id")
    counted = cache.counted(connection, ids)
    best = standing.best(connection, studies)
    time = now(connection)
    busy = times.seconds(ids, time, attempts(connection))
    return [
        presenting.StudyPicture(
            study,
            [record(StageRecord, row) for row in stage_rows.get(study.id, [])],
            counted[study.id].tallies,
            counted[study.id].columns,
            best.get(study.id),
            busy[study.id],
            time,
        )
        for study in studies
    ]
