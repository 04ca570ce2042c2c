"""When a node fails what others do not, it is quarantined: kept, but given nothing more to fail. Pure.

What counts is a row of distinct trials that failed on a node since a run there last went well. A trial that fails on
another node too is to blame itself and does not count. A node is only quarantined where another worker stands by that
could take its trials and is not failing like it: with nobody to compare with, or with everybody failing, the fault is
the study's. Since the first node to fail cannot know whether others will, quarantine ends by itself once they do.

An attempt whose lease ran out is no failure here: a node that is switched off, cut off or reclaimed is not a bad one,
and a trial that takes workers down is ended by `studies.core.lifecycle.MAX_EXPIRIES`.

The row belongs to the node (its host and its name), not to the process: who starts again takes it along, so that a
worker that crashes and is restarted for ever does not begin anew each time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from studies.contract.base import Timestamp
from studies.contract.states import AttemptState, WorkerHold
from studies.contract.study_file import Objective
from studies.core.lifecycle import is_failure
from studies.storage.leasing import can_run
from studies.storage.records import AttemptRecord, News, WorkerRecord

FAILURES_IN_A_ROW = 3
"""Distinct trials that fail on a node alone before it is quarantined."""

REMEMBERED = 32
"""Trials of a row that are remembered: more than are ever asked about, and bounded."""

WENT_WELL = (AttemptState.COMPLETED, AttemptState.DIVERGED)
"""Ends of runs that did what they should: a loss that diverges is the configuration's doing."""


def after_end(failing: tuple[str, ...], attempt: AttemptRecord) -> tuple[str, ...]:
    """Return a node's row of failing trials after an attempt ended there; a run given back or stopped says nothing."""
    if attempt.state in WENT_WELL:
        return ()
    if is_failure(attempt.state, alone=attempt.alone) and attempt.trial_id not in failing:
        return (*failing, attempt.trial_id)[-REMEMBERED:]
    return failing


def its_own(worker: WorkerRecord, shared: Collection[str]) -> list[str]:
    """Return the trials of the row that failed on no other node."""
    return [trial_id for trial_id in worker.failing if trial_id not in shared]


def guilt(
    worker: WorkerRecord, shared: Collection[str], peers: Iterable[WorkerRecord], objectives: Collection[Objective]
) -> str:
    """Say why a worker is to be quarantined, "" where it is not.

    Args:
        worker: the worker, an attempt of which has just failed.
        shared: trials of its row that failed on another node as well.
        peers: all workers that have been heard of within a lease time.
        objectives: what the trials of its row run.
    """
    own = its_own(worker, shared)
    if worker.hold is not None or len(own) < FAILURES_IN_A_ROW:
        return ""
    well = [peer for peer in _able_others(worker, peers, objectives) if not _fails(peer)]
    if not well:
        return ""
    return f"The last {len(own)} trials it was given failed on it and on no other node; {_names(well)} could take them."


def innocent(
    worker: WorkerRecord, shared: Collection[str], peers: Iterable[WorkerRecord], objectives: Collection[Objective]
) -> bool:
    """Return whether a worker's quarantine is over: a run of it went well after all, or others fail just as it did.

    That nobody is there to take its trials does not end it: they would go on failing. Arguments as for `guilt`.
    """
    if len(its_own(worker, shared)) < FAILURES_IN_A_ROW:
        return True
    others = _able_others(worker, peers, objectives)
    return bool(others) and all(map(_fails, others))


def quarantined(worker: WorkerRecord, because: str, now: Timestamp) -> WorkerRecord:
    return replace(worker, hold=WorkerHold.QUARANTINED, held_because=because, held_at=now)


def news(worker: WorkerRecord, study_ids: Collection[str]) -> list[News]:
    """Return what the studies whose trials failed are told of a worker that was quarantined."""
    message = f"worker {worker.name} was quarantined: {worker.held_because}"
    return [News(study_id, "worker", message) for study_id in sorted(study_ids)]


def drained(worker: WorkerRecord, now: Timestamp) -> WorkerRecord:
    """Return the worker taken out of service by a person; one that is held already stays as it is."""
    if worker.hold is not None:
        return worker
    because = "It was taken out of service: what runs goes on to its end, nothing new begins."
    return replace(worker, hold=WorkerHold.DRAINING, held_because=because, held_at=now)


def pardoned(worker: WorkerRecord, shared: Collection[str]) -> WorkerRecord:
    """Return a worker that is `innocent`; its row stays, so that it is no proof against others that fail like it."""
    return replace(released(worker), failing=tuple(its_own(worker, shared)))


def released(worker: WorkerRecord) -> WorkerRecord:
    """Return the worker with a clean record."""
    return replace(worker, hold=None, held_because="", held_at=None, failing=())


def inherited(worker: WorkerRecord, before: WorkerRecord | None) -> WorkerRecord:
    """Return a worker that has just started with what is held against its node; a drain ends with the process."""
    if before is None:
        return worker
    worker = replace(worker, failing=before.failing)
    if before.hold is not WorkerHold.QUARANTINED:
        return worker
    return replace(worker, hold=before.hold, held_because=before.held_because, held_at=before.held_at)


def _able_others(
    worker: WorkerRecord, peers: Iterable[WorkerRecord], objectives: Collection[Objective]
) -> list[WorkerRecord]:
    """Return the workers of other nodes that are given leases and could run what failed."""
    return [
        peer
        for peer in peers
        if peer.node != worker.node and peer.hold is None and all(can_run(peer, item) for item in objectives)
    ]


def _fails(worker: WorkerRecord) -> bool:
    return len(worker.failing) >= FAILURES_IN_A_ROW


def _names(workers: Sequence[WorkerRecord]) -> str:
    names = sorted({worker.name for worker in workers})
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
