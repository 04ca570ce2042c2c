"""A worker that trains in a synthetic world and speaks the real protocol: leases, chunks, stop orders, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from studies.contract.worker_protocol import (
    AttemptReport,
    DeviceReport,
    Lease,
    MetricChunk,
    Outcome,
    SyncRequest,
)
from studies.core.snapshot import LOSS, Curve
from studies.storage.port import StudyStore
from tests import builders
from tests.simulation.simulator import World


@dataclass
class Attempt:
    """A lease being worked on: steps done, chunks sent, and how it ended."""

    lease: Lease
    started_from: int
    step: int
    sequence: int = 0
    outcome: Outcome | None = None


@dataclass
class ScriptedWorker:
    """Trains every leased trial by `stride` steps a turn. Checkpoints are kept by trial, at every stop and end."""

    store: StudyStore
    world: World
    capacity: int = 4
    stride: int = 20
    checkpoints: dict[str, int] = field(default_factory=dict)
    resumed_from: list[int] = field(default_factory=list)
    leased: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._id = self.store.register_worker(builders.worker(capacity=self.capacity))
        self._attempts: dict[str, Attempt] = {}

    def turn(self) -> None:
        """Train for a while, sync once, and do as the answer says."""
        reports = tuple(self._report(attempt) for attempt in self._attempts.values())
        devices = (DeviceReport(name="cpu", capacity=self.capacity),)
        answer = self.store.sync(self._id, SyncRequest(attempts=reports, devices=devices))
        ended = {
            id_ for id_ in answer.acknowledged if id_ in self._attempts and self._attempts[id_].outcome is not None
        }
        for attempt_id in ended | set(answer.lost):
            self._attempts.pop(attempt_id, None)
        for order in answer.stop:
            self._stop(self._attempts.get(order.attempt_id))
        for lease in answer.leases:
            self._begin(lease)

    def _begin(self, lease: Lease) -> None:
        start = self.checkpoints.get(lease.run.trial_id, 0)
        self.leased.append(lease.run.trial_id)
        if start:
            self.resumed_from.append(start)
        self._attempts[lease.attempt_id] = Attempt(lease, start, start)

    def _stop(self, attempt: Attempt | None) -> None:
        if attempt is not None and attempt.outcome is None:
            self.checkpoints[attempt.lease.run.trial_id] = attempt.step
            attempt.outcome = Outcome(state="stopped")

    def _report(self, attempt: Attempt) -> AttemptReport:
        chunks = () if attempt.outcome is not None else tuple(self._train(attempt))
        lease = attempt.lease
        return AttemptReport(
            attempt_id=lease.attempt_id,
            token=lease.token,
            started_from=attempt.started_from,
            metrics=chunks,
            outcome=attempt.outcome,
        )

    def _train(self, attempt: Attempt) -> Iterator[MetricChunk]:
        run = attempt.lease.run
        first, attempt.step = attempt.step, min(attempt.step + self.stride, run.num_steps)
        curves = self.world(run.params, run.schedule, run.num_steps, run.seed).curves
        for name, curve in curves.items():
            piece = _between(curve, first, attempt.step)
            if len(piece):
                yield MetricChunk(
                    name=name,
                    sequence=attempt.sequence,
                    steps=tuple(piece.steps.tolist()),
                    values=tuple(piece.values.tolist()),
                )
        attempt.sequence += 1
        attempt.outcome = _outcome(_between(curves[LOSS], first, attempt.step), attempt.step == run.num_steps)
        if attempt.outcome is not None:
            self.checkpoints[run.trial_id] = attempt.step


def _between(curve: Curve, first: int, end: int) -> Curve:
    inside = (curve.steps > first) & (curve.steps <= end)
    return Curve(curve.steps[inside], curve.values[inside])


def _outcome(loss: Curve, at_the_end: bool) -> Outcome | None:
    if not np.isfinite(loss.values).all():
        return Outcome(state="diverged", reason="the loss is NaN")
    return Outcome(state="completed") if at_the_end else None
