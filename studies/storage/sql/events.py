"""Events: append-only, numbered in an order that a reader can follow without missing one.

PostgreSQL numbers rows when they are inserted and shows them when they are committed, so that 7 can be seen before 6.
Writers therefore hold a shared lock from the insert to the commit, and a reader waits for those in flight before it
looks: what it has passed never appears later. SQLite has one writer at a time and needs none of this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, func, select

from studies.contract.views import Event
from studies.storage.records import News
from studies.storage.reporting import METRICS, METRICS_EVENT_SECONDS
from studies.storage.sql import arrays, tables
from studies.storage.sql.engine import is_postgres, reading, writing

_IN_FLIGHT = 7_302_514_001
"""Key of the advisory lock between writers (shared) and readers of events."""


def publish(connection: Connection, news: Sequence[News], at: float) -> None:
    """Store events; to be called last in a transaction, so that readers wait for its commit alone."""
    if not news:
        return
    if is_postgres(connection):
        connection.execute(select(func.pg_advisory_xact_lock_shared(_IN_FLIGHT)))
    rows = [
        {"study_id": item.study_id, "kind": item.kind, "trial_id": item.trial_id, "message": item.message, "at": at}
        for item in news
    ]
    arrays.insert(connection, tables.event, arrays.by_column(rows))


def metrics_due(connection: Connection, study_ids: Collection[str], time: float) -> list[str]:
    """Return those of the studies whose last word about points is old enough for another one."""
    if not study_ids:
        return []
    c = tables.event.c
    recent = (c.kind == METRICS) & (c.at > time - METRICS_EVENT_SECONDS)
    told = set(connection.execute(select(c.study_id).where(recent, c.study_id.in_(study_ids))).scalars())
    return [study_id for study_id in study_ids if study_id not in told]


@contextmanager
def settled(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees every event that has a number."""
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            yield connection
        return
    with writing(engine) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_IN_FLIGHT)))
        yield connection


def later_than(connection: Connection, study_id: str | None, after: int, limit: int) -> list[Event]:
    c = tables.event.c
    query = select(tables.event).where(c.id > after).order_by(c.id).limit(limit)
    if study_id is not None:
        query = query.where(c.study_id == study_id)
    return [Event(**row) for row in connection.execute(query).mappings()]


def last_id(connection: Connection) -> int:
    return connection.execute(select(func.max(tables.event.c.id))).scalar() or 0
