"""Who may run what, and where: eligibility of workers, free places of devices, and the lease itself. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from studies.contract.base import Timestamp
from studies.contract.ids import new_id, new_token
from studies.contract.states import TrialState
from studies.contract.study_file import BuiltinObjective, FunctionObjective, StudySpec
from studies.contract.worker_protocol import DeviceReport, Lease, RunSpec
from studies.storage.records import AttemptRecord, DeviceRecord, News, TrialRecord, WorkerRecord


def can_run(worker: WorkerRecord, objective: BuiltinObjective | FunctionObjective) -> bool:
    """Return whether the worker has registered the builtin, or allows the function by one of its patterns."""
    if isinstance(objective, BuiltinObjective):
        return objective.name in worker.objectives
    return any(fnmatchcase(objective.target, pattern) for pattern in worker.allow)


def updated_devices(devices: Iterable[DeviceRecord], reports: Sequence[DeviceReport]) -> tuple[DeviceRecord, ...]:
    """Return the devices with the capacity and memory that `reports` give; the others stay as they are."""
    by_name = {report.name: report for report in reports}
    return tuple(_updated(device, by_name.get(device.name)) for device in devices)


def _updated(device: DeviceRecord, report: DeviceReport | None) -> DeviceRecord:
    if report is None:
        return device
    return replace(device, capacity=report.capacity, memory_used_bytes=report.memory_used_bytes)


def free_places(devices: Sequence[DeviceRecord], live: Iterable[AttemptRecord]) -> list[str]:
    """Return a device name for every attempt that still fits, the emptiest device first."""
    used = Counter(attempt.device for attempt in live)
    free = {device.name: device.capacity - used[device.name] for device in devices}
    places: list[str] = []
    while any(count > 0 for count in free.values()):
        emptiest = max(free, key=lambda name: free[name])
        places.append(emptiest)
        free[emptiest] -= 1
    return places


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
    run = RunSpec(
        trial_id=trial.id,
        trial_number=trial.number,
        study_id=trial.study_id,
        study_name=spec.name,
        stage=trial.stage,
        objective=spec.objective,
        metric=spec.metric,
        optimizer=spec.optimizer,
        params=dict(trial.params),
        schedule=trial.schedule,
        num_steps=trial.num_steps,
        seed=trial.seed,
        evaluate_every=spec.evaluate_every,
    )
    return Lease(attempt_id=attempt.id, token=attempt.token, device=attempt.device, run=run)
