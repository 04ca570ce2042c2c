"""Why a study's waiting trials wait: one sentence that says what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from studies.contract.permission import how_to_allow, in_words
from studies.contract.states import StudyState
from studies.contract.study_file import BuiltinObjective
from studies.storage.granting import Queued, Seats, seats_of
from studies.storage.leasing import can_run
from studies.storage.records import AttemptRecord, StudyRecord, WorkerRecord


def waiting_because(
    study: StudyRecord, waiting: Sequence[Queued], alive: Iterable[WorkerRecord], live: Iterable[AttemptRecord]
) -> str:
    """Say why the `waiting` trials wait, "" where none waits or the next sync will start them.

    Args:
        study: the study.
        waiting: those of its trials that wait.
        alive: the workers that have synced within a lease time.
        live: the running attempts of all studies.
    """
    if study.state is StudyState.AWAITING_APPROVAL:
        return f"The next stage waits for a person: approve it with `stagetune approve {study.id}`."
    if not waiting or study.state.ended:
        return ""
    if study.state is StudyState.PAUSED:
        return f"The study is paused: go on with `stagetune resume {study.id}`."
    workers = tuple(alive)
    able = [worker for worker in workers if can_run(worker, study.spec.objective)]
    return _no_worker(study, workers, able) or _no_device(waiting, able, tuple(live))


def _no_worker(study: StudyRecord, alive: Sequence[WorkerRecord], able: Sequence[WorkerRecord]) -> str:
    if not alive:
        return "No worker is connected: start one with `stagetune-worker --server URL`."
    if not able:
        return _nobody_able(study)
    if not any(device.capacity for worker in able for device in worker.devices):
        return "The workers that are connected take no new runs yet: they are still starting, or about to stop."
    return ""


def _no_device(waiting: Sequence[Queued], able: Iterable[WorkerRecord], live: Sequence[AttemptRecord]) -> str:
    seats = [seat for worker in able for seat in seats_of(worker.devices, _of(worker, live))]
    if any(seat.left(trial.run_class, alone=trial.alone) for trial in _kinds(waiting) for seat in seats):
        return ""
    if all(trial.alone for trial in waiting):
        return "What waits runs alone, since a pack could not go on with it: it waits for a device that is free."
    return _full(seats)


def _kinds(waiting: Iterable[Queued]) -> set[Queued]:
    """Return one trial of each kind, as far as devices tell them apart."""
    return {Queued("", "", trial.run_class, trial.alone) for trial in waiting}


def _full(seats: Sequence[Seats]) -> str:
    if any(seat.open for seat in seats):
        return (
            "No device has room for another run of this kind now: "
            "its worker is measuring what such a run takes, or its memory is full."
        )
    places = sum(seat.capacity for seat in seats)
    return f"All {places} places on the workers' devices are taken: the next run that ends makes room."


def _of(worker: WorkerRecord, live: Iterable[AttemptRecord]) -> list[AttemptRecord]:
    return [attempt for attempt in live if attempt.worker_id == worker.id]


def _nobody_able(study: StudyRecord) -> str:
    objective = study.spec.objective
    if isinstance(objective, BuiltinObjective):
        return f"No worker runs the objective {objective.name}: install stagetune[worker] on one and start it again."
    return (
        f"No worker allows {in_words(objective)}: start one with "
        f"`stagetune-worker --server URL {how_to_allow(objective)}`."
    )
