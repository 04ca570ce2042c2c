"""Who may run what, and the lease itself: eligibility of workers, their devices, what they are told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from studies.contract.base import Timestamp
from studies.contract.ids import new_id, new_token
from studies.contract.packing import PackReport, RunProfile
from studies.contract.permission import permits
from studies.contract.runs import run_of
from studies.contract.states import TrialState
from studies.contract.study_file import Objective, StudySpec
from studies.contract.worker_protocol import DeviceReport, DeviceStatus, Lease
from studies.storage.records import AttemptRecord, DeviceRecord, News, TrialRecord, WorkerRecord


class Able(Protocol):
    """What a worker has registered and allows."""

    @property
    def objectives(self) -> tuple[str, ...]: ...
    @property
    def allow(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Idle:
    """Devices on which nothing runs, of workers that are able to do the same."""

    objectives: tuple[str, ...]
    allow: tuple[str, ...]
    devices: int


def rivals(idle: Iterable[Idle], objective: Objective) -> int:
    """Return how many idle devices could run an objective."""
    return sum(item.devices for item in idle if can_run(item, objective))


def can_run(worker: Able, objective: Objective) -> bool:
    """Return whether the worker has registered the builtin, or allows the function or command by its patterns."""
    return permits(objective, worker.objectives, worker.allow)


def succeeds(worker: WorkerRecord, other: WorkerRecord) -> bool:
    """Return whether a worker is `other` started again: the same node, and silent before it introduced itself."""
    return worker.node == other.node and other.last_sync_at < worker.registered_at


def updated_devices(devices: Iterable[DeviceRecord], reports: Sequence[DeviceReport]) -> tuple[DeviceRecord, ...]:
    """Return the devices as `reports` describe them; the others stay as they are."""
    by_name = {report.name: report for report in reports}
    return tuple(_updated(device, by_name.get(device.name)) for device in devices)


def _updated(device: DeviceRecord, report: DeviceReport | None) -> DeviceRecord:
    if report is None:
        return device
    status = DeviceStatus.model_construct(**{name: getattr(report, name) for name in DeviceStatus.model_fields})
    return replace(device, capacity=report.capacity, memory_used_bytes=report.memory_used_bytes, status=status)


def packs_by_attempt(reports: Iterable[DeviceReport]) -> dict[str, PackReport]:
    """Return the pack that each attempt is a member of, by the worker's word."""
    return {attempt_id: pack for report in reports for pack in report.packs for attempt_id in pack.attempts}


def trained_in(attempt: AttemptRecord, pack: PackReport | None) -> AttemptRecord:
    """Return the attempt with how its pack trains it, and the most members that the pack had."""
    if pack is None:
        return attempt
    before = attempt.width if attempt.engine == pack.engine else 0
    return replace(attempt, engine=pack.engine, width=max(before, len(pack.attempts)), pack_id=pack.pack_id)


@dataclass(frozen=True)
class Grant:
    """A trial that has just been given to a worker."""

    trial: TrialRecord
    attempt: AttemptRecord
    news: News


def grant(trial: TrialRecord, worker: WorkerRecord, device: str, now: Timestamp, lease_seconds: float) -> Grant:
    """Give a waiting trial to a worker's device, under a fresh attempt with a fresh token."""
    attempt = AttemptRecord(
        id=new_id("attempt"),
        trial_id=trial.id,
        study_id=trial.study_id,
        ordinal=trial.attempts,
        worker_id=worker.id,
        device=device,
        token=new_token(),
        started_at=now,
        lease_expires_at=now + lease_seconds,
        alone=trial.alone,
    )
    started = replace(
        trial,
        state=TrialState.RUNNING,
        ended_because="",
        attempts=trial.attempts + 1,
        started_at=now if trial.started_at is None else trial.started_at,
    )
    message = f"trial {trial.number} ({trial.key}) started on {device} of {worker.name}"
    return Grant(started, attempt, News(trial.study_id, "trial", message, trial.id))


def lease(attempt: AttemptRecord, trial: TrialRecord, spec: StudySpec) -> Lease:
    """Return what the worker is told of its attempt."""
    return Lease(
        attempt_id=attempt.id, token=attempt.token, device=attempt.device, run=run_of(trial, spec), alone=attempt.alone
    )


ProfileKey = tuple[str, str]
"""A class of runs and a model of device."""


def own_profiles(profiles: Iterable[RunProfile], worker: WorkerRecord) -> list[RunProfile]:
    """Return the profiles of models of device that the worker has: of others it cannot have measured any."""
    models = {device.model for device in worker.devices}
    return [profile for profile in profiles if profile.device_model in models]


def profile_keys(leases: Iterable[Lease], worker: WorkerRecord) -> list[ProfileKey]:
    """Return what has to be known of each lease: its class, and the model of its device."""
    models = {device.name: device.model for device in worker.devices}
    return [(lease.run.run_class, models.get(lease.device, "")) for lease in leases]


def with_profiles(
    leases: Sequence[Lease], worker: WorkerRecord, profiles: Mapping[ProfileKey, RunProfile]
) -> list[Lease]:
    """Return the leases, each with what is known of its class of runs on its model of device."""
    keys = profile_keys(leases, worker)
    return [lease.model_copy(update={"profile": profiles.get(key)}) for lease, key in zip(leases, keys, strict=True)]
