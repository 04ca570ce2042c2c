"""Which of the waiting trials go to which device of a worker now. Pure: stores read, `assign` decides, stores write.

The queue is in order of study age, then number. Its head is always served first, and trials of its class follow it, so
that one sync fills a pack; the emptiest device is filled first, so that two waiting devices split a class evenly; and
nothing waits for stragglers.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from studies.contract.base import Params, Timestamp
from studies.contract.packing import STACKABLE, class_label, run_class
from studies.contract.study_file import StudySpec
from studies.contract.worker_protocol import Lease
from studies.storage.copies import storable
from studies.storage.records import AttemptRecord, DeviceRecord, TrialRecord

QUEUE = 256
"""Trials at the head of the queue that one sync looks at: a device with no room for some class finds another there."""

_KINDS = {"builtin", "function", "command"}
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Queued:
    """A trial that waits.

    Attributes:
        run_class: `RunSpec.run_class` of its run.
        alone: it was evicted from a pack, so it needs a device to itself.
        rivals: devices of other workers that could take it and on which nothing runs.
        shunned: it has just failed on the node that asks.
    """

    trial_id: str
    study_id: str
    run_class: str
    alone: bool = False
    rivals: int = 0
    shunned: bool = False

    @property
    def group(self) -> tuple[str, str, bool]:
        """What it goes out together with."""
        return self.study_id, self.run_class, self.alone


class _Asking(Protocol):
    """What the queue has to know of a trial: a record, or a row with these columns."""

    @property
    def id(self) -> str: ...
    @property
    def study_id(self) -> str: ...
    @property
    def params(self) -> Params: ...
    @property
    def alone(self) -> bool: ...
    @property
    def failed_on(self) -> str: ...
    @property
    def failed_at(self) -> Timestamp | None: ...


@dataclass(frozen=True)
class Asker:
    """The node that asks for trials, by the ids that its worker has had; what failed on it before `since` is given to
    it as to any other.
    """

    worker_ids: Collection[str]
    since: Timestamp

    def shuns(self, trial: TrialRecord | _Asking) -> bool:
        """Return whether the trial has just failed on this node, or taken its worker down."""
        return trial.failed_on in self.worker_ids and (trial.failed_at or 0.0) >= self.since


class Enqueued:
    """Makes queue entries of one study's trials; the few classes that they are of are named once each."""

    def __init__(self, spec: StudySpec, rivals: int = 0, asker: Asker | None = None) -> None:
        self._spec = spec
        self._rivals = rivals
        self._asker = asker
        self._classes: dict[str, str] = {}

    def __call__(self, trial: TrialRecord | _Asking) -> Queued:
        """Return a waiting trial as it stands in the queue."""
        shunned = self._asker is not None and self._asker.shuns(trial)
        return Queued(trial.id, trial.study_id, self._class_of(trial.params), trial.alone, self._rivals, shunned)

    def _class_of(self, params: Params) -> str:
        fixed = repr(sorted((name, value) for name, value in params.items() if name not in STACKABLE))
        if fixed not in self._classes:
            self._classes[fixed] = class_of(self._spec, params)
        return self._classes[fixed]


def elsewhere_first(queue: Iterable[Queued]) -> list[Queued]:
    """Return the queue without what has just failed on this node and an idle device elsewhere would take at once.

    Where there is none such trials stand at the end: what has not been tried yet says more of both.
    """
    ordered = sorted(queue, key=lambda trial: trial.shunned)
    return [trial for trial in ordered if not (trial.shunned and trial.rivals)]


def class_of(spec: StudySpec, params: Params) -> str:
    """Return the class of a run of this study."""
    return run_class(spec.objective, spec.optimizer, spec.precision, params)


def labels(runs: Iterable[tuple[StudySpec, TrialRecord]]) -> dict[str, str]:
    """Return the classes of these runs in words, by class."""
    return {
        class_of(spec, trial.params): storable(
            class_label(spec.objective, spec.optimizer, spec.precision, trial.params)
        )
        for spec, trial in runs
    }


class Seats:
    """What is left of a device while trials are given to it; ``running`` counts those that run there.

    Room is of one memory, whatever the classes: a run of a class of which n more would fit takes 1/n of it.

    Args:
        device: as its worker last described it.
        live: the attempts that run on it.
        unheard: classes of those among them that the worker did not count when it said how much room there is.
        cleared: it takes nothing but runs that must be alone (`studies.storage.clearing`).
    """

    def __init__(
        self,
        device: DeviceRecord,
        live: Collection[AttemptRecord],
        unheard: Iterable[str] = (),
        *,
        cleared: bool = False,
    ) -> None:
        self.name = device.name
        self.capacity = device.capacity
        self.running = len(live)
        self._cleared = cleared
        self._room = device.status.room
        self._free = device.capacity - len(live)
        self._closed = any(attempt.alone for attempt in live)
        self._spent = sum(self._cost(name) for name in unheard)

    @property
    def open(self) -> bool:
        """Whether its capacity allows one more run, of whatever class."""
        return self._free > 0 and not self._closed

    @property
    def hungry(self) -> bool:
        """Whether there may be a class of which it would take one more run."""
        return self.open and (any(self._room.values()) or not self._room.keys() >= _KINDS)

    def _limit(self, name: str) -> int | None:
        """Return how many runs of a class the device would start; None where only its capacity bounds them."""
        return self._room.get(name, self._room.get(name.partition("/")[0]))

    def _cost(self, name: str) -> float:
        limit = self._limit(name)
        return 1 / limit if limit else 0.0

    def left(self, name: str, *, alone: bool = False) -> int:
        """Return how many more runs of class `name` may begin here."""
        if not self.open or (self.running if alone else self._cleared):
            return 0
        limit = self._limit(name)
        fits = self._free if limit is None else int(limit * (1 - self._spent) + _ROUNDING)
        return max(0, min(self._free, fits, 1 if alone else self._free))

    def take(self, name: str, *, alone: bool = False) -> None:
        """Count one more run of class `name`; nothing joins one that is alone."""
        self._free -= 1
        self.running += 1
        self._spent += self._cost(name)
        self._closed = alone


def by_worker(live: Iterable[AttemptRecord]) -> defaultdict[str, list[AttemptRecord]]:
    """Return the attempts of each worker; of one that has none, none."""
    found: defaultdict[str, list[AttemptRecord]] = defaultdict(list)
    for attempt in live:
        found[attempt.worker_id].append(attempt)
    return found


def seats_of(
    devices: Iterable[DeviceRecord],
    live: Iterable[AttemptRecord],
    unheard: Mapping[str, Sequence[str]] | None = None,
    cleared: Collection[str] = (),
) -> list[Seats]:
    """Return the seats of a worker's devices.

    Args:
        devices: the devices.
        live: the worker's running attempts.
        unheard: classes of live attempts that the worker does not know of yet, by device.
        cleared: devices that take nothing but runs that must be alone.
    """
    by_device: dict[str, list[AttemptRecord]] = {}
    for attempt in live:
        by_device.setdefault(attempt.device, []).append(attempt)
    return [
        Seats(
            device,
            by_device.get(device.name, []),
            (unheard or {}).get(device.name, ()),
            cleared=device.name in cleared,
        )
        for device in devices
    ]


def classes_by_device(unheard: Iterable[Lease]) -> dict[str, list[str]]:
    """Return the classes of leases that a worker is told of once more, by device."""
    classes: dict[str, list[str]] = {}
    for lease in unheard:
        classes.setdefault(lease.device, []).append(lease.run.run_class)
    return classes


def share(waiting: int, own: int, every: int) -> int:
    """Return how many of the waiting trials a worker with `own` of `every` free device takes in one sync.

    Rounded up: a worker with a free device always gets one, so nothing waits for a worker that does not come.
    """
    return -(-waiting * own // every) if own else 0


def shares(queue: Sequence[Queued], seats: Sequence[Seats], waiting: int | None = None) -> dict[int, int]:
    """Return this worker's share of the trials with each number of rivals: who idles elsewhere gets some too.

    Args:
        queue: the head of the queue.
        seats: of the worker's devices.
        waiting: length of the whole queue, where `queue` is not all of it; what follows is taken to be like its head.
    """
    more = 1 if waiting is None or not queue else waiting / len(queue)
    counts = Counter(trial.rivals for trial in queue)
    return {
        rivals: share(math.ceil(count * more), own := _free_for(queue, seats, rivals), own + rivals)
        for rivals, count in counts.items()
    }


def _free_for(queue: Sequence[Queued], seats: Sequence[Seats], rivals: int) -> int:
    wanted = {(trial.run_class, trial.alone) for trial in queue if trial.rivals == rivals}
    return sum(any(seat.left(name, alone=alone) for name, alone in wanted) for seat in seats)


def assign(queue: Sequence[Queued], seats: Sequence[Seats], allowed: Mapping[int, int]) -> list[tuple[str, str]]:
    """Give trials to devices, as many as `allowed` (by their number of rivals, from `shares`).

    Returns (trial id, device) in the order in which they are given. `seats` are counted down.
    """
    left = dict(allowed)
    given = []
    for trial in _together(queue):
        seat = _emptiest(seats, trial) if left.get(trial.rivals, 0) > 0 else None
        if seat is not None:
            seat.take(trial.run_class, alone=trial.alone)
            left[trial.rivals] -= 1
            given.append((trial.trial_id, seat.name))
    return given


def _together(queue: Sequence[Queued]) -> list[Queued]:
    """Return the queue with the trials of each group behind its first one."""
    groups: dict[tuple[str, str, bool], list[Queued]] = {}
    for trial in queue:
        groups.setdefault(trial.group, []).append(trial)
    return [trial for group in groups.values() for trial in group]


def _emptiest(seats: Sequence[Seats], trial: Queued) -> Seats | None:
    """Return the device with the most places for such a run, the first of equals; None where there is none."""
    best = max(seats, key=lambda seat: seat.left(trial.run_class, alone=trial.alone), default=None)
    return best if best is not None and best.left(trial.run_class, alone=trial.alone) else None
