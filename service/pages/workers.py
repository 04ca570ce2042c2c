"""``/workers``: every worker, its devices, and what runs on each now."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep
from service.format import memory
from service.pages.page_route import PageRoute
from service.pages.rendering import page
from studies.contract.views import DeviceView, TrialView, WorkerView
from studies.errors import NotFound
from studies.storage.port import StudyStore

router = APIRouter(route_class=PageRoute)


@dataclass(frozen=True)
class DeviceRow:
    """A device. ``memory`` in words; ``percent`` of it used, None where either number is unknown."""

    device: DeviceView
    memory: str
    percent: int | None
    running: tuple[TrialView, ...]


@dataclass(frozen=True)
class WorkerRow:
    worker: WorkerView
    runs: str
    devices: tuple[DeviceRow, ...]


@dataclass(frozen=True)
class WorkersContext:
    workers: tuple[WorkerRow, ...]
    base_url: str
    now: float


def device_row(device: DeviceView, running: tuple[TrialView, ...]) -> DeviceRow:
    total, used = device.memory_bytes, device.memory_used_bytes
    if not total:
        return DeviceRow(device, "", None, running)
    if used is None:
        return DeviceRow(device, memory(total), None, running)
    return DeviceRow(device, f"{memory(used)} of {memory(total)}", min(100, round(100 * used / total)), running)


def workers_context(store: StudyStore, base_url: str) -> WorkersContext:
    rows = tuple(_worker_row(store, worker) for worker in store.list_workers())
    return WorkersContext(rows, base_url, time.time())


def _worker_row(store: StudyStore, worker: WorkerView) -> WorkerRow:
    devices = tuple(device_row(device, _running(store, device)) for device in worker.devices)
    return WorkerRow(worker, ", ".join((*worker.objectives, *worker.allow)), devices)


def _running(store: StudyStore, device: DeviceView) -> tuple[TrialView, ...]:
    """Return the trials on a device; one that has vanished since the device was read is left out."""
    found = []
    for trial_id in device.running:
        try:
            found.append(store.get_trial(trial_id))
        except NotFound:
            continue
    return tuple(found)


@router.get("/workers", name="workers")
def workers_page(request: Request, store: StoreDep) -> HTMLResponse:
    return page(request, "workers.html", workers_context(store, str(request.base_url).rstrip("/")))


@router.get("/parts/workers", name="workers_part")
def workers_part(request: Request, store: StoreDep) -> HTMLResponse:
    return page(request, "parts/workers.html", workers_context(store, str(request.base_url).rstrip("/")))
