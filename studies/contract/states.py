"""The states of a study, its stages, trials and attempts, as they stand in the API and in the database."""

from __future__ import annotations

from enum import StrEnum


class StudyState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (StudyState.COMPLETED, StudyState.FAILED, StudyState.CANCELLED)


class StageState(StrEnum):
    PENDING = "pending"
    AWAITING_APPROVAL = "awaiting_approval"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TrialState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    DIVERGED = "diverged"
    PRUNED = "pruned"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in (TrialState.WAITING, TrialState.RUNNING)


class AttemptState(StrEnum):
    """How one execution of a trial stands. Every state but ``running`` is final."""

    RUNNING = "running"
    COMPLETED = "completed"
    DIVERGED = "diverged"
    STOPPED = "stopped"
    """Ended on a stop order from the server."""
    PREEMPTED = "preempted"
    """Given back by its worker (drain); not counted as a failure."""
    EVICTED = "evicted"
    """Its pack could not go on with it; not counted as a failure, the next attempt runs alone."""
    FAILED = "failed"
    EXPIRED = "expired"
    """The lease ran out: the worker is gone or cut off."""


class WorkerHold(StrEnum):
    """Why a worker is given no new leases, though it may run on and is heard of."""

    QUARANTINED = "quarantined"
    """It fails what other nodes do not. Its node stays so whatever restarts there, until it is released."""
    DRAINING = "draining"
    """A person takes it out of service: its runs go on to their end."""
    DRAINED = "drained"
    """Draining, and nothing runs on it any more."""


class StudyCommand(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    APPROVE = "approve"
    ARCHIVE = "archive"
    """Put a study that has ended out of sight: lists leave it out unless they are asked for it."""
    UNARCHIVE = "unarchive"
