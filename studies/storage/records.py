"""What both stores hold: one frozen record a row, without behaviour. A change is a new record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studies.contract.base import Params, Timestamp
from studies.contract.decision import Decision
from studies.contract.packing import Engine
from studies.contract.schedule import Schedule
from studies.contract.states import AttemptState, StageState, StudyState, TrialState, WorkerHold
from studies.contract.study_file import StageKind, StudySpec
from studies.contract.worker_protocol import DeviceStatus


@dataclass(frozen=True)
class StudyRecord:
    """A study. ``version`` moves with every change that the engine or a person makes."""

    id: str
    name: str
    spec: StudySpec
    state: StudyState
    created_at: Timestamp
    updated_at: Timestamp
    reason: str = ""
    version: int = 0
    best_trial_id: str | None = None
    owner: str = ""
    archived_at: Timestamp | None = None


@dataclass(frozen=True)
class StageRecord:
    """A stage of a study, named by its kind (each kind stands once in a study)."""

    study_id: str
    kind: StageKind
    position: int
    state: StageState = StageState.PENDING
    approved: bool = False
    decision: Decision | None = None
    opened_at: Timestamp | None = None
    closed_at: Timestamp | None = None


@dataclass(frozen=True)
class TrialRecord:
    """A trial.

    Attributes:
        last_step: the largest step reported.
        alone: it was evicted from a pack, so nothing may run beside its next attempt.
        failed_on: worker on which an attempt last failed or fell silent, "" where none has; failed_at: when.
        score: best value of the study's metric; only of a completed trial, None of all others.
        points: metric points stored, of all attempts; bytes: what they and the output take up.
    """

    id: str
    study_id: str
    number: int
    key: str
    stage: StageKind
    params: Params
    schedule: Schedule
    num_steps: int
    seed: int
    created_at: Timestamp
    state: TrialState = TrialState.WAITING
    reason: str = ""
    ended_because: str = ""
    parent_id: str | None = None
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    attempts: int = 0
    failures: int = 0
    expiries: int = 0
    last_step: int = 0
    alone: bool = False
    failed_on: str = ""
    failed_at: Timestamp | None = None
    score: float | None = None
    points: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class AttemptRecord:
    """An attempt. ``ordinal`` counts the attempts of its trial from 0.

    Attributes:
        chunks: metric chunks stored; 0 says that nothing was reported yet, so that it supersedes nothing.
        stop: why it should stop; empty while it may run.
        lease_expires_at: until when its worker must have been heard of.
        alone: nothing else may run on its device.
        engine: how its pack trains it, as last heard of; None until then.
        width: most members that its pack had under this engine; 0 until heard of.
        printed: bytes of output stored.
        pack_id: the process that trains it, as last heard of; "" until then.
        peak_memory_bytes: the most that this process was seen with; None until told.
        samples_per_second: at which it trains, on the mean; None until told.
    """

    id: str
    trial_id: str
    study_id: str
    ordinal: int
    worker_id: str
    device: str
    token: str
    started_at: Timestamp
    lease_expires_at: Timestamp
    state: AttemptState = AttemptState.RUNNING
    reason: str = ""
    error: Mapping[str, Any] | None = None
    started_from: int = 0
    chunks: int = 0
    stop: str = ""
    ended_at: Timestamp | None = None
    alone: bool = False
    engine: Engine | None = None
    width: int = 0
    printed: int = 0
    pack_id: str = ""
    peak_memory_bytes: int | None = None
    samples_per_second: float | None = None


@dataclass(frozen=True)
class DeviceRecord:
    """A device of a worker. ``capacity`` is how many attempts it may hold at once, ``status`` what its worker said."""

    name: str
    model: str = ""
    memory_bytes: int | None = None
    memory_used_bytes: int | None = None
    capacity: int = 1
    status: DeviceStatus = field(default_factory=DeviceStatus)


@dataclass(frozen=True)
class WorkerRecord:
    """A worker as it introduced itself, with its devices in the order in which it named them.

    Attributes:
        hold: why it is given no new leases, None where it is; ``held_because`` and ``held_at`` say more.
        failing: trials that failed on its node in a row, since a run there last went well (`quarantine`).
    """

    id: str
    name: str
    hostname: str
    version: str
    objectives: tuple[str, ...]
    allow: tuple[str, ...]
    registered_at: Timestamp
    last_sync_at: Timestamp
    devices: tuple[DeviceRecord, ...] = field(default=())
    hold: WorkerHold | None = None
    held_because: str = ""
    held_at: Timestamp | None = None
    failing: tuple[str, ...] = ()

    @property
    def node(self) -> tuple[str, str]:
        """What stays when the worker starts again: its host and its name."""
        return self.hostname, self.name


@dataclass(frozen=True)
class News:
    """An event before the store has numbered it."""

    study_id: str
    kind: str
    message: str
    trial_id: str | None = None
