"""Who waits in the memory store, who could take it, and why nobody does: all at one moment."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from studies.contract.states import StudyState, TrialState
from studies.storage import clearing, leasing, presenting
from studies.storage.census import Census
from studies.storage.granting import Asker, Enqueued, Queued, elsewhere_first
from studies.storage.memory_tables import Tables
from studies.storage.records import StudyRecord, TrialRecord, WorkerRecord
from studies.storage.waiting import waiting_because


@dataclass(frozen=True)
class Moment:
    """The tables as they are now.

    Attributes:
        now: seconds since 1970 UTC.
        lease_seconds: for how long a lease holds without a sync, and a worker counts as alive.
    """

    tables: Tables
    now: float
    lease_seconds: float

    # --- workers -------------------------------------------------------------------------------------------------

    def alive_workers(self) -> list[WorkerRecord]:
        workers = self.tables.workers.values()
        return [worker for worker in workers if presenting.is_alive(worker, self.now, self.lease_seconds)]

    def open_workers(self) -> list[WorkerRecord]:
        """Return the workers that are given leases."""
        return [worker for worker in self.alive_workers() if worker.hold is None]

    def idle_elsewhere(self, worker: WorkerRecord) -> list[leasing.Idle]:
        """Return the devices of other workers on which nothing runs."""
        busy = {(attempt.worker_id, attempt.device) for attempt in self.tables.live_attempts()}
        return [
            leasing.Idle(other.objectives, other.allow, 1)
            for other in self.open_workers()
            if other.id != worker.id
            for device in other.devices
            if device.capacity and (other.id, device.name) not in busy
        ]

    # --- trials --------------------------------------------------------------------------------------------------

    def queue(self, worker: WorkerRecord) -> list[Queued]:
        """Return the waiting trials that the worker can run, in the order in which it is given them."""
        idle = self.idle_elsewhere(worker)
        own = frozenset(item.id for item in self.tables.workers.values() if item.node == worker.node)
        asker = Asker(own, self.now - self.lease_seconds)
        return elsewhere_first(
            trial
            for study in self._running_studies()
            if leasing.can_run(worker, study.spec.objective)
            for trial in self.waiting(study, leasing.rivals(idle, study.spec.objective), asker)
        )

    def waiting(self, study: StudyRecord, rivals: int = 0, asker: Asker | None = None) -> list[Queued]:
        """Return a study's waiting trials, those that run alone at the end."""
        waiting = [trial for trial in self.tables.trials_of(study.id) if trial.state is TrialState.WAITING]
        return list(map(Enqueued(study.spec, rivals, asker), sorted(waiting, key=lambda trial: trial.alone)))

    def overdue(self, worker: WorkerRecord | None = None) -> list[clearing.Overdue]:
        """Return the trials that must run alone and have waited long, of those that the worker could run if named."""
        before = clearing.overdue_before(self.now, self.lease_seconds)
        return [
            clearing.Overdue(trial, study.spec.objective)
            for study in self._running_studies()
            if worker is None or leasing.can_run(worker, study.spec.objective)
            for trial in self.waiting(study)
            if trial.alone and self._alone_since(trial.trial_id) < before
        ]

    def why(self, study: StudyRecord, waiting: Sequence[Queued]) -> str:
        """Say why trials of a study wait, "" where none does."""
        if not waiting:
            return waiting_because(study, (), (), ())
        alive, live = self.alive_workers(), self.tables.live_attempts()
        cleared = clearing.cleared(self.overdue(), self.open_workers(), live)
        return waiting_because(study, waiting, alive, live, cleared)

    def census(self) -> Census:
        running = {study.id for study in self._running_studies()}
        waiting = [item for item in self.tables.trials.values() if item.state is TrialState.WAITING]
        since = [self._waiting_since(item) for item in waiting if item.study_id in running]
        alive = self.alive_workers()
        return Census(
            studies=Counter(study.state for study in self.tables.studies.values()),
            trials=Counter(trial.state for trial in self.tables.trials.values()),
            queue_seconds=self.now - min(since, default=self.now),
            workers_alive=len(alive),
            workers_held=Counter(worker.hold for worker in alive if worker.hold is not None),
        )

    def _running_studies(self) -> list[StudyRecord]:
        """Return the studies whose trials may run, oldest first."""
        running = [study for study in self.tables.studies.values() if study.state is StudyState.RUNNING]
        return sorted(running, key=lambda study: study.created_at)

    def _alone_since(self, trial_id: str) -> float:
        ended = [item for item in self.tables.attempts_of(trial_id) if item.state not in clearing.UNCOUNTED]
        return max(item.ended_at or math.inf for item in ended)

    def _waiting_since(self, trial: TrialRecord) -> float:
        ends = [item.ended_at for item in self.tables.attempts_of(trial.id) if item.ended_at is not None]
        return max(ends, default=trial.created_at)
