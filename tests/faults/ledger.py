"""What workers said to a server and what it acknowledged, written down between them: the other side's word."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from studies.contract.worker_protocol import AttemptReport, SyncAnswer, SyncRequest

ChunkKey = tuple[str, str, int]
"""Attempt, metric, sequence number."""

Points = tuple[tuple[int, ...], tuple[float, ...]]
"""Steps and values."""


@dataclass
class Ledger:
    """Everything of one test, however many workers and servers there are.

    Attributes:
        sent: every chunk of points that a server may have heard.
        acknowledged: those of which a server said that it has them.
        outcomes: by attempt, how it ended, for outcomes that were acknowledged.
        started_from: by attempt, the greatest step that it said it began from.
        leases: how often each attempt was granted (again); trials: the trial of each attempt.
        lost: attempts that a worker was told it had lost.
        faults: breaches of the protocol itself.
    """

    sent: dict[ChunkKey, Points] = field(default_factory=dict)
    acknowledged: set[ChunkKey] = field(default_factory=set)
    outcomes: dict[str, str] = field(default_factory=dict)
    started_from: dict[str, int] = field(default_factory=dict)
    leases: Counter[str] = field(default_factory=Counter)
    trials: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def note_request(self, request: SyncRequest) -> None:
        """Write down a request before it goes to a server."""
        with self._lock:
            for report in request.attempts:
                self._note_report(report)

    def _note_report(self, report: AttemptReport) -> None:
        begun = self.started_from.get(report.attempt_id, 0)
        self.started_from[report.attempt_id] = max(begun, report.started_from)
        for key, points in _chunks(report):
            before = self.sent.setdefault(key, points)
            if not _alike(before, points):
                self.faults.append(f"chunk {key} was sent with other points than before")

    def note_answer(self, request: SyncRequest, answer: SyncAnswer) -> None:
        """Write down what a server said to it, whether or not the worker hears that."""
        reports = {report.attempt_id: report for report in request.attempts}
        with self._lock:
            for lease in answer.leases:
                self.leases[lease.attempt_id] += 1
                self.trials[lease.attempt_id] = lease.run.trial_id
            for attempt_id in answer.acknowledged:
                self._note_acknowledged(reports[attempt_id])
            self.lost.update(answer.lost)

    def _note_acknowledged(self, report: AttemptReport) -> None:
        live = report.attempt_id not in self.outcomes
        if live:  # the repetition of an outcome is acknowledged for the outcome's sake
            self.acknowledged.update(key for key, _ in _chunks(report))
        if report.outcome is not None:
            first = self.outcomes.setdefault(report.attempt_id, report.outcome.state)
            if first != report.outcome.state:
                self.faults.append(f"attempt {report.attempt_id} ended as {first}, then as {report.outcome.state}")


def _chunks(report: AttemptReport) -> Iterator[tuple[ChunkKey, Points]]:
    for chunk in report.metrics:
        points = tuple(map(int, chunk.steps)), tuple(map(float, chunk.values))
        yield (report.attempt_id, chunk.name, chunk.sequence), points


def _alike(first: Points, second: Points) -> bool:
    return repr(first) == repr(second)  # a NaN is like itself
