"""Simulated nodes with runs on them: leased beforehand, so that what is measured is reporting alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from studies.contract.worker_protocol import Lease, SyncAnswer
from studies.core.actions import OpenStage
from studies.storage import StudyStore, open_store, upgrade_database
from tests import builders as build

STAGE = "lr_sweep"
AT_ONCE = 1_000
"""Trials of one transaction."""

LEASE_SECONDS = 3_600.0
"""No lease runs out while others are being granted."""


@dataclass(frozen=True)
class Node:
    """A worker and its runs."""

    worker_id: str
    leases: tuple[Lease, ...]


@contextmanager
def fleet(url: str, nodes: int, runs: int, others: int = 0) -> Iterator[list[Node]]:
    """Yield nodes with so many runs each, in a new database.

    Args:
        url: its address.
        nodes: how many there are.
        runs: of each.
        others: trials that the study has beside these; they wait.
    """
    upgrade_database(url)
    store = open_store(url, LEASE_SECONDS)
    try:
        _add_trials(store, nodes * runs + others)
        ids = [store.register_worker(build.worker(f"n{number}", capacity=runs)) for number in range(nodes)]
        yield [Node(worker_id, _leases(store, worker_id, runs)) for worker_id in ids]
    finally:
        store.close()


def _add_trials(store: StudyStore, count: int) -> None:
    study_id = store.create_study(build.spec("bench", budget={"steps": 100, "trials": 1})).study_id
    store.apply(study_id, store.load(study_id).version, [OpenStage(STAGE)])
    for start in range(0, count, AT_ONCE):
        keys = [f"t{number}" for number in range(start, min(start + AT_ONCE, count))]
        if not store.apply(study_id, store.load(study_id).version, [build.add_trials(*keys, stage=STAGE)]):
            raise RuntimeError("the bench's study has moved on by itself")


def _leases(store: StudyStore, worker_id: str, runs: int) -> tuple[Lease, ...]:
    leases: tuple[Lease, ...] = ()
    while len(leases) < runs:
        news = build.sync(*map(build.report, leases), capacity=runs)
        answer: SyncAnswer = store.sync(worker_id, news)
        if not answer.leases:
            raise RuntimeError(f"{len(leases)} of {runs} runs were leased")
        leases += answer.leases
    return leases


def json_body(leases: Sequence[Lease], sequence: int, points: int) -> bytes:
    """Return a sync in which every run tells its next `points` losses; 0 for heartbeats alone."""
    steps = ",".join(str(sequence * points + index + 1) for index in range(points))
    values = ",".join(f"{2.3 / (1 + 0.01 * (sequence * points + index)):.17g}" for index in range(points))
    chunk = f'{{"name":"loss","sequence":{sequence},"steps":[{steps}],"values":[{values}]}}' if points else ""
    reports = [f'{{"attempt_id":"{lease.attempt_id}","token":"{lease.token}","metrics":[{chunk}]}}' for lease in leases]
    return f'{{"attempts":[{",".join(reports)}]}}'.encode()
