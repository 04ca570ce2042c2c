"""``/workers``: every worker, its devices, what runs on each now and how, and what was measured before."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep
from service.format import count, memory
from service.pages.packs import (
    MemberRow,
    PackRow,
    ProfileRow,
    member_rows,
    multi_process_service,
    pack_row,
    profile_rows,
    totals,
)
from service.pages.page_route import PageRoute
from service.pages.rendering import page
from service.standing import held_because, standing
from studies.contract.views import DeviceView, TrialView, WorkerView
from studies.errors import NotFound
from studies.storage.port import StudyStore

router = APIRouter(route_class=PageRoute)

TRIALS_SHOWN = 100
"""Trials of one device that are listed: each is looked up by itself, and nobody reads more of them at once."""


@dataclass(frozen=True)
class DeviceRow:
    """A device.

    Attributes:
        facts: how full and how busy it is, in words.
        percent: of its memory that is used, None where that is unknown.
        totals: what its packs do together, in words.
        unpacked: trials that its worker has not put into a pack yet.
        more: trials that run on it and are not listed.
    """

    device: DeviceView
    facts: str
    percent: int | None
    totals: str = ""
    packs: tuple[PackRow, ...] = ()
    unpacked: tuple[MemberRow, ...] = ()
    more: int = 0


@dataclass(frozen=True)
class WorkerRow:
    """A worker. ``standing`` is how it stands, ``held_because`` why it is given no new runs, both in words."""

    worker: WorkerView
    runs: str
    devices: tuple[DeviceRow, ...]
    standing: str
    held_because: str


@dataclass(frozen=True)
class WorkersContext:
    workers: tuple[WorkerRow, ...]
    profiles: tuple[ProfileRow, ...]
    base_url: str
    now: float


def device_row(device: DeviceView, running: Sequence[TrialView], labels: Mapping[str, str] | None = None) -> DeviceRow:
    """Return a device with the trials that run on it; `labels` are classes of runs in words."""
    trials = {trial.id: trial for trial in running}
    packed = {trial_id for pack in device.packs for trial_id in pack.trials}
    slots = f"{len(device.running)} of {count(device.capacity, 'slot')} in use"
    facts = (slots, _memory(device), _busy(device), multi_process_service(device))
    return DeviceRow(
        device=device,
        facts=" · ".join(filter(None, facts)),
        percent=_percent(device),
        totals=totals(device),
        packs=tuple(pack_row(pack, trials, labels or {}) for pack in device.packs),
        unpacked=tuple(row for trial in running if trial.id not in packed for row in member_rows([trial])),
        more=max(0, len(device.running) - TRIALS_SHOWN),
    )


def _memory(device: DeviceView) -> str:
    total, used = device.memory_bytes, device.memory_used_bytes
    if not total:
        return ""
    return memory(total) if used is None else f"{memory(used)} of {memory(total)}"


def _percent(device: DeviceView) -> int | None:
    total, used = device.memory_bytes, device.memory_used_bytes
    return min(100, round(100 * used / total)) if total and used is not None else None


def _busy(device: DeviceView) -> str:
    return "" if device.utilization is None else f"{min(100, round(100 * device.utilization))} % busy"


def workers_context(store: StudyStore, base_url: str) -> WorkersContext:
    profiles = store.list_profiles()
    labels = {view.profile.run_class: view.label for view in profiles}
    rows = tuple(_worker_row(store, worker, labels) for worker in store.list_workers())
    return WorkersContext(rows, profile_rows(profiles), base_url, time.time())


def _worker_row(store: StudyStore, worker: WorkerView, labels: Mapping[str, str]) -> WorkerRow:
    devices = tuple(device_row(device, _running(store, device), labels) for device in worker.devices)
    runs = ", ".join((*worker.objectives, *worker.allow))
    return WorkerRow(worker, runs, devices, standing(worker), held_because(worker))


def _running(store: StudyStore, device: DeviceView) -> tuple[TrialView, ...]:
    """Return the first trials on a device; one that has vanished since the device was read is left out."""
    found = []
    for trial_id in device.running[:TRIALS_SHOWN]:
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
