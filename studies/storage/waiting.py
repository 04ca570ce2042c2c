"""Why trials wait, all of a study or one: a sentence that says what to do. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from studies.contract.permission import how_to_allow, in_words
from studies.contract.states import StudyState, WorkerHold
from studies.contract.study_file import BuiltinObjective
from studies.storage.granting import Queued, Seats, by_worker, seats_of
from studies.storage.leasing import can_run
from studies.storage.records import AttemptRecord, StudyRecord, WorkerRecord

Spot = tuple[str, str]
"""A device: its worker's id and its name."""


def waiting_because(
    study: StudyRecord,
    waiting: Sequence[Queued],
    alive: Iterable[WorkerRecord],
    live: Iterable[AttemptRecord],
    cleared: Collection[Spot] = (),
) -> str:
    """Say why the `waiting` trials wait, "" where none waits or the next sync will start one of them.

    Args:
        study: the study.
        waiting: those of its trials that wait, or the one that is asked about.
        alive: the workers that have synced within a lease time.
        live: the running attempts of all studies.
        cleared: devices that are granted nothing but runs that must be alone.
    """
    if study.state is StudyState.AWAITING_APPROVAL:
        return f"The next stage waits for a person: approve it with `stagetune approve {study.id}`."
    if not waiting or study.state.ended:
        return ""
    if study.state is StudyState.PAUSED:
        return f"The study is paused: go on with `stagetune resume {study.id}`."
    workers = tuple(alive)
    able = [worker for worker in workers if can_run(worker, study.spec.objective)]
    given = [worker for worker in able if worker.hold is None]
    return _no_worker(study, workers, able, given) or _no_device(waiting, given, tuple(live), cleared)


def _no_worker(
    study: StudyRecord, alive: Sequence[WorkerRecord], able: Sequence[WorkerRecord], given: Sequence[WorkerRecord]
) -> str:
    if not alive:
        return "No worker is connected: start one with `stagetune-worker --server URL`."
    if not able:
        return _nobody_able(study)
    if not given:
        return _all_held(able)
    if not any(device.capacity for worker in given for device in worker.devices):
        return "The workers that are connected take no new runs yet: they are still starting, or about to stop."
    return ""


def _all_held(able: Sequence[WorkerRecord]) -> str:
    """Say that every worker that could run it is held back; the first quarantined one is the one to look at."""
    first = min(able, key=lambda worker: (worker.hold is not WorkerHold.QUARANTINED, worker.name))
    others = f", as are {len(able) - 1} more" if len(able) > 1 else ""
    return (
        f"No worker that could run it is given new runs: {first.name} is {first.hold}{others}. "
        f"See why with `stagetune workers`, then `stagetune workers release {first.name}`."
    )


def _no_device(
    waiting: Sequence[Queued],
    given: Iterable[WorkerRecord],
    live: Sequence[AttemptRecord],
    cleared: Collection[Spot],
) -> str:
    own = by_worker(live)
    places = [_Place(worker, seats, cleared) for worker in given for seats in seats_of(worker.devices, own[worker.id])]
    kinds = _kinds(waiting)
    if any(place.takes(trial) for trial in kinds for place in places):
        return ""
    if all(trial.alone for trial in waiting):
        return "What waits runs alone, since a pack could not go on with it: it waits for a device that is free."
    if any(place.has_room(trial) for trial in kinds for place in places):
        return (
            "The device that has room is kept free for a run that has to be alone and has waited long: it goes first."
        )
    return _full([place for place in places if place.seats.capacity])


@dataclass(frozen=True)
class _Place:
    """A device of a worker that is given leases."""

    worker: WorkerRecord
    seats: Seats
    cleared: Collection[Spot]

    def has_room(self, trial: Queued) -> bool:
        return bool(self.seats.left(trial.run_class, alone=trial.alone))

    def takes(self, trial: Queued) -> bool:
        kept = (self.worker.id, self.seats.name) in self.cleared and not trial.alone
        return not kept and self.has_room(trial)

    @property
    def empty(self) -> bool:
        """Whether nothing runs there, not even a measurement."""
        packs = {device.name: device.status.packs for device in self.worker.devices}
        return not self.seats.running and not packs[self.seats.name]


def _kinds(waiting: Iterable[Queued]) -> set[Queued]:
    """Return one trial of each kind, as far as devices tell them apart."""
    return {Queued("", "", trial.run_class, trial.alone) for trial in waiting}


def _full(places: Sequence[_Place]) -> str:
    if all(place.empty for place in places):
        return (
            "No device has enough free memory for such a run, even with nothing else on it: "
            "free some, start a worker with a larger device, or submit a study with smaller batches."
        )
    if any(place.seats.open for place in places):
        return (
            "No device has room for another run of this kind now: "
            "its worker is measuring what such a run takes, or its memory is full."
        )
    count = sum(place.seats.capacity for place in places)
    return f"All {count} places on the workers' devices are taken: the next run that ends makes room."


def _nobody_able(study: StudyRecord) -> str:
    objective = study.spec.objective
    if isinstance(objective, BuiltinObjective):
        return f"No worker runs the objective {objective.name}: install stagetune[worker] on one and start it again."
    return (
        f"No worker allows {in_words(objective)}: start one with "
        f"`stagetune-worker --server URL {how_to_allow(objective)}`."
    )
