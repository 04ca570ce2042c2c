"""Why a study's waiting trials wait: one sentence that says what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from studies.contract.states import StudyState
from studies.contract.study_file import FunctionObjective
from studies.storage.leasing import can_run, free_places
from studies.storage.records import AttemptRecord, StudyRecord, WorkerRecord


def waiting_because(
    study: StudyRecord, waiting: int, alive: Iterable[WorkerRecord], live: Iterable[AttemptRecord]
) -> str:
    """Say why `waiting` trials wait, "" where none waits or the next sync will start them.

    Args:
        study: the study.
        waiting: how many of its trials wait.
        alive: the workers that have synced within a lease time.
        live: the running attempts of all studies.
    """
    if study.state is StudyState.AWAITING_APPROVAL:
        return f"The next stage waits for a person: approve it with `stagetune approve {study.id}`."
    if waiting == 0 or study.state.ended:
        return ""
    if study.state is StudyState.PAUSED:
        return f"The study is paused: go on with `stagetune resume {study.id}`."
    return _no_worker(study, tuple(alive), tuple(live))


def _no_worker(study: StudyRecord, alive: tuple[WorkerRecord, ...], live: tuple[AttemptRecord, ...]) -> str:
    if not alive:
        return "No worker is connected: start one with `stagetune-worker --server URL`."
    able = [worker for worker in alive if can_run(worker, study.spec.objective)]
    if not able:
        return _nobody_able(study)
    if any(free_places(worker.devices, _of(worker, live)) for worker in able):
        return ""
    places = sum(device.capacity for worker in able for device in worker.devices)
    if not places:
        return "The workers that are connected take no new runs yet: they are still starting, or about to stop."
    return f"All {places} places on the workers' devices are taken: the next run that ends makes room."


def _of(worker: WorkerRecord, live: tuple[AttemptRecord, ...]) -> list[AttemptRecord]:
    return [attempt for attempt in live if attempt.worker_id == worker.id]


def _nobody_able(study: StudyRecord) -> str:
    objective = study.spec.objective
    if isinstance(objective, FunctionObjective):
        return (
            f"No worker allows {objective.target}: start one with "
            f"`stagetune-worker --server URL --allow '{objective.target}'`."
        )
    return f"No worker runs the objective {objective.name}: install stagetune[worker] on one and start it again."
