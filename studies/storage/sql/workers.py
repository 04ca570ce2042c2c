"""Workers: their introduction, their devices, and the list of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, tuple_, update

from studies.contract.states import AttemptState
from studies.contract.views import WorkerView
from studies.contract.worker_protocol import DeviceReport, RegisterWorker
from studies.errors import NotFound
from studies.storage import presenting, quarantine
from studies.storage.leasing import Idle, updated_devices
from studies.storage.records import AttemptRecord, DeviceRecord, WorkerRecord
from studies.storage.registration import worker_record
from studies.storage.sql import tables
from studies.storage.sql.engine import clock, now
from studies.storage.sql.rows import grouped, records

_REPORTED = ("capacity", "memory_used_bytes", "status")
"""What a sync says anew of a device."""


def register(connection: Connection, worker: RegisterWorker) -> str:
    """Store a worker under a fresh id."""
    item = worker_record(worker, now(connection))
    item = quarantine.inherited(item, _latest_of(connection, item.node))
    row = {field.name: getattr(item, field.name) for field in fields(item) if field.name != "devices"}
    connection.execute(insert(tables.worker).values(row))
    devices = [
        {"worker_id": item.id, "position": position} | asdict(device) for position, device in enumerate(item.devices)
    ]
    connection.execute(insert(tables.device), devices)
    return item.id


def _latest_of(connection: Connection, node: tuple[str, str]) -> WorkerRecord | None:
    """Return the worker that started last on a node."""
    c = tables.worker.c
    query = select(tables.worker).where(c.hostname == node[0], c.name == node[1]).order_by(c.registered_at.desc())
    row = connection.execute(query.limit(1)).mappings().first()
    return None if row is None else of_row(row)


def of_same_node(connection: Connection, worker: WorkerRecord, ids: Collection[str]) -> set[str]:
    """Return which of these workers are the same node as `worker`, under an earlier id or its own."""
    if not ids:
        return set()
    c = tables.worker.c
    query = select(c.id).where(c.id.in_(ids), c.hostname == worker.hostname, c.name == worker.name)
    return set(connection.execute(query).scalars())


def heard_of(connection: Connection, worker_id: str, reports: Sequence[DeviceReport]) -> WorkerRecord:
    """Note that a worker has synced; return it with its devices as `reports` say that they are.

    Raises:
        NotFound
    """
    c = tables.worker.c
    statement = update(tables.worker).where(c.id == worker_id).values(last_sync_at=clock(connection))
    row = connection.execute(statement.returning(tables.worker)).mappings().first()
    if row is None:
        raise NotFound(f"there is no worker {worker_id}: register again.")
    before = _devices(connection, [worker_id]).get(worker_id, ())
    after = updated_devices(before, reports)
    _update_devices(connection, worker_id, [new for old, new in zip(before, after, strict=True) if new != old])
    return of_row(row, after)


def _update_devices(connection: Connection, worker_id: str, devices: Sequence[DeviceRecord]) -> None:
    if not devices:
        return
    c = tables.device.c
    statement = update(tables.device).where(c.worker_id == worker_id, c.name == bindparam("device"))
    new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _REPORTED}
    rows = [
        {"device": device.name} | {f"new_{name}": getattr(device, name) for name in _REPORTED} for device in devices
    ]
    connection.execute(statement.values(new), rows)


def idle_elsewhere(connection: Connection, worker: WorkerRecord, since: float) -> list[Idle]:
    """Return the devices of other workers heard of since then on which nothing runs, counted by what they may run."""
    device, other, attempt = tables.device.c, tables.worker.c, tables.attempt.c
    busy = select(attempt.worker_id, attempt.device).where(attempt.state == AttemptState.RUNNING)
    idle = tuple_(device.worker_id, device.name).not_in(busy)  # hashed once, where NOT EXISTS may look again and again
    query = (
        select(other.objectives, other.allow, func.count())
        .join_from(tables.device, tables.worker, other.id == device.worker_id)
        .where(other.id != worker.id, other.last_sync_at >= since, other.hold.is_(None), device.capacity > 0, idle)
        .group_by(other.objectives, other.allow)
    )
    return [Idle(*row) for row in connection.execute(query)]


def of_row(row: RowMapping, devices: tuple[DeviceRecord, ...] = ()) -> WorkerRecord:
    """Return a row of the workers' table as a record."""
    given = {field.name: row[field.name] for field in fields(WorkerRecord) if field.name != "devices"}
    return WorkerRecord(**given, devices=devices)


def _devices(connection: Connection, worker_ids: Sequence[str]) -> dict[str, tuple[DeviceRecord, ...]]:
    c = tables.device.c
    query = select(tables.device).where(c.worker_id.in_(worker_ids)).order_by(c.position)
    names = [field.name for field in fields(DeviceRecord)]
    found = grouped(connection, query, "worker_id")
    return {
        worker_id: tuple(DeviceRecord(**{name: row[name] for name in names}) for row in rows)
        for worker_id, rows in found.items()
    }


def last_seen_first(connection: Connection, since: float | None = None) -> list[WorkerRecord]:
    """Return the workers that have synced at or after `since`, all where it is None."""
    c = tables.worker.c
    query = select(tables.worker).order_by(c.last_sync_at.desc(), c.id.desc())
    rows = connection.execute(query if since is None else query.where(c.last_sync_at >= since)).mappings().all()
    devices = _devices(connection, [row["id"] for row in rows])
    return [of_row(row, devices.get(row["id"], ())) for row in rows]


def live_attempts(connection: Connection) -> list[AttemptRecord]:
    query = select(tables.attempt).where(tables.attempt.c.state == AttemptState.RUNNING)
    return records(connection, AttemptRecord, query)


def views(connection: Connection, lease_seconds: float) -> list[WorkerView]:
    time = now(connection)
    by_worker: dict[str, list[AttemptRecord]] = {}
    for attempt in live_attempts(connection):
        by_worker.setdefault(attempt.worker_id, []).append(attempt)
    return [
        presenting.worker_view(worker, by_worker.get(worker.id, ()), time, lease_seconds)
        for worker in last_seen_first(connection)
    ]


def view(connection: Connection, worker_id: str, lease_seconds: float) -> WorkerView:
    """Return one worker, which must exist."""
    row = connection.execute(select(tables.worker).where(tables.worker.c.id == worker_id)).mappings().one()
    worker = of_row(row, _devices(connection, [worker_id]).get(worker_id, ()))
    c = tables.attempt.c
    own = select(tables.attempt).where(c.worker_id == worker_id, c.state == AttemptState.RUNNING)
    live = records(connection, AttemptRecord, own)
    return presenting.worker_view(worker, live, now(connection), lease_seconds)
