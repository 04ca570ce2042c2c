"""Which devices are cleared for runs that must be alone and have waited long. Pure.

Such a run begins on an empty device, and while younger runs fill every gap none ever is. So one device is granted
nothing else until it has run empty: the able one on which the fewest run. Whichever server and worker ask, the choice
is the same, since it depends on what is stored alone; and it is stable, since a cleared device only gets emptier.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from studies.contract.base import Timestamp
from studies.contract.states import AttemptState
from studies.contract.study_file import Objective
from studies.storage.granting import Queued, Seats, by_worker, seats_of
from studies.storage.leasing import can_run
from studies.storage.records import AttemptRecord, WorkerRecord

PATIENCE_LEASES = 4
"""Lease times that such a run waits before a device is cleared for it. After one, whatever a silent worker held is free
again; emptying a device costs its throughput for as long as its longest run, so chance gets a few more."""

UNCOUNTED = (AttemptState.PREEMPTED,)
"""Ends of attempts that do not begin the wait anew: its worker had no place for it."""


@dataclass(frozen=True)
class Overdue:
    """A trial that must run alone and has waited longer than `PATIENCE_LEASES`."""

    trial: Queued
    objective: Objective


def overdue_before(now: Timestamp, lease_seconds: float) -> Timestamp:
    """Return the time since which a trial that must run alone has to have waited for a device to be cleared."""
    return now - PATIENCE_LEASES * lease_seconds


def first(overdue: Iterable[Overdue], queue: Iterable[Queued]) -> list[Queued]:
    """Return the queue with its overdue trials at its head: an empty device is theirs, whoever else idles."""
    ahead = {item.trial.trial_id: replace(item.trial, rivals=0) for item in overdue}
    return [*ahead.values(), *(trial for trial in queue if trial.trial_id not in ahead)]


def cleared(
    overdue: Iterable[Overdue], alive: Iterable[WorkerRecord], live: Collection[AttemptRecord]
) -> set[tuple[str, str]]:
    """Return (worker id, device) of the devices that are granted nothing but runs that must be alone.

    Args:
        overdue: the trials that wait.
        alive: the workers that have synced within a lease time.
        live: the running attempts of all workers.
    """
    own = by_worker(live)
    spots = [(worker, seats) for worker in alive for seats in seats_of(worker.devices, own[worker.id])]
    chosen = {
        min(
            ((seats.running, worker.id, seats.name) for worker, seats in spots if _able(worker, seats, item)),
            default=None,
        )
        for item in overdue
    }
    return {(worker_id, device) for _, worker_id, device in filter(None, chosen)}


def _able(worker: WorkerRecord, seats: Seats, item: Overdue) -> bool:
    """Say whether the device will take the run once it is empty. An empty one says so itself, by its room."""
    if not (seats.capacity and can_run(worker, item.objective)):
        return False
    return bool(seats.running or seats.left(item.trial.run_class, alone=True))
