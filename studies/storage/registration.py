"""A worker's introduction as records."""

from __future__ import annotations

from studies.contract.base import Timestamp
from studies.contract.ids import new_id
from studies.contract.worker_protocol import RegisterWorker
from studies.storage.copies import storable
from studies.storage.records import DeviceRecord, WorkerRecord


def worker_record(worker: RegisterWorker, now: Timestamp) -> WorkerRecord:
    """Return the worker under a fresh id, its devices in the order in which it named them."""
    return WorkerRecord(
        id=new_id("worker"),
        name=storable(worker.name),
        hostname=storable(worker.hostname),
        version=storable(worker.version),
        objectives=worker.objectives,
        allow=worker.allow,
        registered_at=now,
        last_sync_at=now,
        devices=tuple(
            DeviceRecord(device.name, storable(device.model), device.memory_bytes, capacity=device.capacity)
            for device in worker.devices
        ),
    )
