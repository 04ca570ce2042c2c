"""What a page shows of devices, from the tables of the memory store; `sql.devices` does it in SQL."""

from __future__ import annotations

import math
from collections.abc import Collection

from studies.contract.states import AttemptState
from studies.errors import NotFound
from studies.storage.leasing import succeeds
from studies.storage.memory_tables import Tables
from studies.storage.port import DeviceRun, RunFailure, Span, TrialFace
from studies.storage.records import AttemptRecord

FAILED = (AttemptState.FAILED, AttemptState.EVICTED, AttemptState.EXPIRED)


def runs(tables: Tables, worker_id: str, device: str, within: Span, most: int) -> list[DeviceRun]:
    ids = _lineage(tables, worker_id)
    own = [
        attempt
        for attempt in tables.attempts.values()
        if attempt.worker_id in ids
        and attempt.device == device
        and attempt.started_at < within.until
        and _end(attempt) > within.since
    ]
    own.sort(key=lambda attempt: (-_end(attempt), attempt.id))
    chosen = sorted(own[:most], key=lambda attempt: (attempt.started_at, attempt.id))
    return [_run(attempt) for attempt in chosen]


def _lineage(tables: Tables, worker_id: str) -> set[str]:
    if worker_id not in tables.workers:
        raise NotFound(f"there is no worker {worker_id}: list what there is and try again.")
    worker = tables.workers[worker_id]
    return {worker_id} | {other.id for other in tables.workers.values() if succeeds(worker, other)}


def _end(attempt: AttemptRecord) -> float:
    return math.inf if attempt.ended_at is None else attempt.ended_at


def _run(attempt: AttemptRecord) -> DeviceRun:
    return DeviceRun(
        attempt.id,
        attempt.trial_id,
        attempt.study_id,
        attempt.state,
        attempt.started_at,
        attempt.ended_at,
        attempt.pack_id,
        attempt.engine,
    )


def failures(tables: Tables, worker_id: str, most: int) -> list[RunFailure]:
    ids = _lineage(tables, worker_id)
    own = [item for item in tables.attempts.values() if item.worker_id in ids and item.state in FAILED]
    own.sort(key=lambda attempt: (-_end(attempt), attempt.id))
    return [RunFailure(item.trial_id, item.device, item.state, item.reason, _end(item)) for item in own[:most]]


def faces(tables: Tables, trial_ids: Collection[str]) -> dict[str, TrialFace]:
    found = (tables.trials[trial_id] for trial_id in trial_ids if trial_id in tables.trials)
    return {
        trial.id: TrialFace(trial.study_id, tables.studies[trial.study_id].name, trial.number, dict(trial.params))
        for trial in found
    }
