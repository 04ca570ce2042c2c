"""The tables of the memory store: dictionaries by id, in the order of insertion."""

from __future__ import annotations

from dataclasses import dataclass, field

from studies.contract.packing import RunProfile
from studies.contract.states import AttemptState
from studies.contract.study_file import StageKind
from studies.contract.views import DecisionRecord, Event
from studies.contract.worker_protocol import CheckpointInfo
from studies.core.snapshot import Curve
from studies.storage.leasing import ProfileKey
from studies.storage.records import AttemptRecord, News, StageRecord, StudyRecord, TrialRecord, WorkerRecord
from studies.storage.summaries import Running


@dataclass
class Tables:
    """What the memory store holds.

    Attributes:
        chunks: by (attempt, metric) and sequence; logs: by attempt and sequence.
        points_told: when readers of a study were last told that points have come.
        checkpoints: by trial.
        told: events ever published; the last one may be gone.
        profiles: label, profile and when it was told, by class and model of device.
    """

    studies: dict[str, StudyRecord] = field(default_factory=dict)
    stages: dict[str, dict[StageKind, StageRecord]] = field(default_factory=dict)
    trials: dict[str, TrialRecord] = field(default_factory=dict)
    attempts: dict[str, AttemptRecord] = field(default_factory=dict)
    decisions: list[DecisionRecord] = field(default_factory=list)
    workers: dict[str, WorkerRecord] = field(default_factory=dict)
    chunks: dict[tuple[str, str], dict[int, Curve]] = field(default_factory=dict)
    logs: dict[str, dict[int, str]] = field(default_factory=dict)
    summaries: dict[str, dict[str, Running]] = field(default_factory=dict)
    mirrored: dict[str, int] = field(default_factory=dict)
    idempotency: dict[str, tuple[str, str]] = field(default_factory=dict)
    profiles: dict[ProfileKey, tuple[str, RunProfile, float]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    points_told: dict[str, float] = field(default_factory=dict)
    told: int = 0
    checkpoints: dict[str, CheckpointInfo] = field(default_factory=dict)

    def trials_of(self, study_id: str) -> list[TrialRecord]:
        """Return a study's trials, by number."""
        return [trial for trial in self.trials.values() if trial.study_id == study_id]

    def attempts_of(self, trial_id: str) -> list[AttemptRecord]:
        """Return a trial's attempts, oldest first."""
        return [attempt for attempt in self.attempts.values() if attempt.trial_id == trial_id]

    def latest_workers(self) -> dict[str, str]:
        """Return the name of the worker of each trial's latest attempt, by trial."""
        return {attempt.trial_id: self.workers[attempt.worker_id].name for attempt in self.attempts.values()}

    def live_attempts(self, worker_id: str | None = None) -> list[AttemptRecord]:
        """Return the running attempts, of one worker where it is named."""
        return [
            attempt
            for attempt in self.attempts.values()
            if attempt.state is AttemptState.RUNNING and worker_id in (None, attempt.worker_id)
        ]

    def live_attempts_of(self, study_id: str) -> list[AttemptRecord]:
        return [attempt for attempt in self.live_attempts() if attempt.study_id == study_id]

    def publish(self, news: News, now: float) -> None:
        """Number an event and keep it."""
        number = self.told = self.told + 1
        self.events.append(
            Event(
                id=number,
                study_id=news.study_id,
                kind=news.kind,
                trial_id=news.trial_id,
                message=news.message,
                at=now,
            )
        )
