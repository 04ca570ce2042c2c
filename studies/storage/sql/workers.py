"""Workers: their introduction, their devices, and the list of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, tuple_, update

from studies.contract.states import AttemptState
from studies.contract.views import WorkerView
from studies.contract.worker_protocol import DeviceReport, RegisterWorker
from studies.storage import presenting, quarantine
from studies.storage.leasing import Idle, updated_devices
from studies.storage.records import AttemptRecord, DeviceRecord, WorkerRecord
from studies.storage.registration import worker_record
from studies.storage.sql import tables
from studies.storage.sql.among import among
from studies.storage.sql.arrays import update_rows
from studies.storage.sql.engine import clock, now
from studies.storage.sql.rows import grouped, records

_REPORTED = ("capacity", "memory_used_bytes", "status")
"""What a sync says anew of a device."""

UNKNOWN = "there is no worker {}: register again."


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


def heard_of(connection: Connection, news: Mapping[str, Sequence[DeviceReport]]) -> dict[str, WorkerRecord]:
    """Note that workers have synced; return those that there are, with their devices as they reported them."""
    c = tables.worker.c
    own = among(c.id, news)
    connection.execute(select(c.id).where(own).order_by(c.id).with_for_update())
    statement = update(tables.worker).where(own).values(last_sync_at=clock(connection))
    rows = connection.execute(statement.returning(tables.worker)).mappings().all()
    before = _devices(connection, [row["id"] for row in rows])
    after = {row["id"]: updated_devices(before.get(row["id"], ()), news[row["id"]]) for row in rows}
    changed = [
        (worker_id, new)
        for worker_id, devices in after.items()
        for old, new in zip(before.get(worker_id, ()), devices, strict=True)
        if new != old
    ]
    _update_devices(connection, changed)
    return {row["id"]: of_row(row, after[row["id"]]) for row in rows}


def _update_devices(connection: Connection, devices: Sequence[tuple[str, DeviceRecord]]) -> None:
    columns: dict[str, list[Any]] = {"worker_id": [worker_id for worker_id, _ in devices]}
    columns |= {name: [getattr(device, name) for _, device in devices] for name in ("name", *_REPORTED)}
    update_rows(connection, tables.device, columns)


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
    query = select(tables.device).where(among(c.worker_id, worker_ids)).order_by(c.position)
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
