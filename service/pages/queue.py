"""Why the queue waits, study by study, and what would help. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.format import count
from studies.contract.states import StudyState
from studies.contract.views import DeviceView, WorkerView
from studies.storage.port import Queues, StudyQueue

STUDIES_SHOWN = 20
"""Studies of the queue that are listed, the oldest first."""

STARTING = "The next of them start within a second."


@dataclass(frozen=True)
class QueueRow:
    """A study that could go on: what of it waits, why, and what would help where the reason does not say so itself."""

    study_id: str
    name: str
    waiting: str
    because: str
    help: str


@dataclass(frozen=True)
class Queue:
    """The studies that wait; ``more`` are not listed."""

    rows: tuple[QueueRow, ...]
    more: int


def queue_of(found: Queues, workers: Iterable[WorkerView]) -> Queue:
    """Return the queue in words."""
    places = _places(workers)
    return Queue(tuple(_row(study, places) for study in found.oldest), found.total - len(found.oldest))


def _row(study: StudyQueue, places: Sequence[tuple[WorkerView, DeviceView]]) -> QueueRow:
    waiting = f"{count(study.waiting, 'trial')} {'waits' if study.waiting == 1 else 'wait'}" if study.waiting else ""
    return QueueRow(study.study_id, study.name, waiting, study.because or STARTING, _what_helps(study, places))


def _places(workers: Iterable[WorkerView]) -> list[tuple[WorkerView, DeviceView]]:
    """Return the devices that are given runs, each with its worker."""
    given = (worker for worker in workers if worker.alive and worker.hold is None)
    return [(worker, device) for worker in given for device in worker.devices if device.capacity]


def _what_helps(study: StudyQueue, places: Sequence[tuple[WorkerView, DeviceView]]) -> str:
    """Say what one more device would do where every place is taken; the other reasons say themselves what helps."""
    taken = places and all(len(device.running) >= device.capacity for _, device in places)
    if study.state is not StudyState.RUNNING or not study.because or not taken:
        return ""
    worker, device = max(places, key=lambda place: place[1].capacity)
    started = min(study.waiting, device.capacity)
    return f"One more device like {device.name} of {worker.name} would start {started:,} of them at once."
