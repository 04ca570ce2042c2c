"""What the API answers with: studies, trials, curves, workers, events. Times are seconds since 1970 UTC."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from studies.contract.base import Measured, Message, Params, Timestamp
from studies.contract.decision import Decision
from studies.contract.packing import Engine, RunProfile
from studies.contract.schedule import Schedule
from studies.contract.states import AttemptState, StageState, StudyState, TrialState, WorkerHold
from studies.contract.study_file import StageKind, StudySpec


class StageView(Message):
    kind: StageKind
    state: StageState
    decision: Decision | None = None
    trials: int = 0
    """Trials that the stage has asked for."""
    trials_ended: int = 0
    steps: int = 0
    """Steps that its trials have trained so far."""
    optuna_study: str = ""
    """Name for ``optuna.load_study``."""
    opened_at: Timestamp | None = None
    closed_at: Timestamp | None = None


class BestTrial(Message):
    """The best trial so far. ``metrics`` begins with the study's own metric at its best, then the others' last."""

    trial_id: str
    params: Params
    metrics: dict[str, Measured]


class Progress(Message):
    """How far a study is: trials asked, ended and allowed, and steps trained so far.

    ``steps_budget`` is what a guided search may train in all: it counts steps, and has more trials than
    ``trials_budget`` full runs. None for the guide, which counts trials.
    """

    trials: int
    trials_ended: int
    trials_budget: int
    steps: int
    steps_budget: int | None = None


class StudySize(Message):
    """What a study has left behind: its trials, their metric points, and the bytes of these and of their output."""

    trials: int = 0
    points: int = 0
    bytes: int = 0


class StudySummary(Message):
    id: str
    name: str
    state: StudyState
    reason: str = ""
    """Why it is in this state, where that needs saying (failed, waiting for approval)."""
    stages: tuple[StageView, ...]
    best: BestTrial | None = None
    progress: Progress
    size: StudySize = StudySize()
    owner: str = ""
    """Name of the token that it was submitted with; empty where nobody had to say who they are."""
    tags: tuple[str, ...] = ()
    created_at: Timestamp
    updated_at: Timestamp
    archived_at: Timestamp | None = None
    device_seconds: float = 0.0
    """How long devices were busy with it: a card that trains eight of its trials for an hour counts as an hour."""
    eta_seconds: float | None = None
    """How long the rest of its budget takes at the pace of its latest trials; None where it does not run, or where
    it is too early to tell. A study may be done with less than its budget."""
    best_so_far: tuple[float, ...] = ()
    """The best value of its metric after the first, ..., the last completed trial, evenly chosen."""


class StudyView(StudySummary):
    spec: StudySpec
    waiting_because: str = ""
    """Why waiting trials wait, in one sentence; empty when none waits or they are just about to start."""


class AttemptView(Message):
    id: str
    worker_id: str
    worker_name: str
    device: str
    state: AttemptState
    reason: str = ""
    error: dict[str, Any] | None = None
    started_from: int = 0
    started_at: Timestamp
    ended_at: Timestamp | None = None
    alone: bool = False
    """Nothing else ran on its device: an earlier attempt had to leave its pack."""
    engine: Engine | None = None
    """How its pack trained it, None where that is not known."""
    width: int = 0
    """Most members that its pack had; 0 where that is not known."""
    peak_memory_bytes: int | None = None
    """The most that its process was seen with, shared by all members of its pack; None where that is not known."""
    samples_per_second: float | None = None
    """At which it trained by itself, on the mean; None where that is not known."""


class MetricSummary(Message):
    """A metric of a trial at a glance; ``best`` is by the study's direction for its own metric, the minimum else."""

    last_step: int
    last: Measured
    minimum: Measured
    maximum: Measured
    count: int


class TrialView(Message):
    """A trial of a study.

    Attributes:
        number: counts the study's trials from 0, in the order in which they were asked for.
        key: names the trial within its stage, e.g. ``lr=0.01`` or ``lr=0.01/seed=1``.
        reason: why the trial was asked for.
        ended_because: why it ended where that needs saying (diverged, pruned, failed).
        parent_id: the trial whose configuration it varies, if any.
        last_step: the largest step that it has reported, 0 before the first.
        worker: name of the worker of its latest attempt, "" before the first.
    """

    id: str
    study_id: str
    number: int
    key: str
    stage: StageKind
    state: TrialState
    params: Params
    schedule: Schedule
    num_steps: int
    seed: int
    reason: str = ""
    ended_because: str = ""
    parent_id: str | None = None
    metrics: dict[str, MetricSummary] = Field(default_factory=dict)
    last_step: int = 0
    worker: str = ""
    created_at: Timestamp
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None


class TrialDetail(TrialView):
    attempts: tuple[AttemptView, ...] = ()
    waiting_because: str = ""
    """Why it waits, in one sentence; empty where it does not, or is just about to start."""


class TrialPage(Message):
    """Some of a study's trials.

    Attributes:
        next_after: where pages go by number, ``after`` of the next request; None on the last page.
        total: where a filter or an order was asked for, how many trials there are in all; None otherwise.
    """

    trials: tuple[TrialView, ...]
    next_after: int | None = None
    total: int | None = None


class CurveView(Message):
    """A metric's points, thinned to at most the asked number; minimum and maximum are always kept."""

    trial_id: str
    name: str
    steps: tuple[int, ...]
    values: tuple[Measured, ...]
    total_points: int


class LogPage(Message):
    text: str
    next_offset: int


class DecisionRecord(Message):
    """A decision as stored: when, by which stage, and in which order."""

    id: str
    study_id: str
    sequence: int
    stage: StageKind
    decided_at: Timestamp
    decision: Decision


class PackView(Message):
    """A process on a device as its worker last described it.

    Attributes:
        engine: how it trains; with a fused engine all its trials are one program.
        trials: ids of its members that still run.
        samples_per_second: samples times members; None until measured.
        alone_rate: samples per second of one such run alone; None until measured.
        reserved_bytes: memory that was set aside for it, None where nothing is.
        note: why it is as it is, or what it is doing.
    """

    run_class: str
    engine: Engine
    trials: tuple[str, ...] = ()
    samples_per_second: float | None = None
    alone_rate: float | None = None
    memory_bytes: int | None = None
    reserved_bytes: int | None = None
    note: str = ""


class DeviceView(Message):
    """A device of a worker.

    Attributes:
        running: ids of the trials that run on it now.
        utilization: share of the time that it computes, 0 to 1.
        mps: whether NVIDIA's multi-process service runs there, None where there is none to run.
        packs: its processes; empty where the worker is silent.
    """

    name: str
    model: str
    memory_bytes: int | None
    memory_used_bytes: int | None
    capacity: int
    running: tuple[str, ...] = ()
    utilization: float | None = None
    mps: bool | None = None
    packs: tuple[PackView, ...] = ()


class ProfileView(Message):
    """What was measured of a class of runs on a model of device; ``label`` is the class in words, "" if not known."""

    label: str
    measured_at: Timestamp
    profile: RunProfile


class WorkerView(Message):
    id: str
    name: str
    hostname: str
    version: str
    alive: bool
    """Synced within one lease time."""
    objectives: tuple[str, ...]
    allow: tuple[str, ...]
    devices: tuple[DeviceView, ...]
    registered_at: Timestamp
    last_sync_at: Timestamp
    hold: WorkerHold | None = None
    """Why it is given no new leases; None where it is."""
    held_because: str = ""
    held_at: Timestamp | None = None


class Event(Message):
    """Something that happened, for people and for pages: append-only, ids grow.

    Kinds: ``study`` (state changed), ``stage`` (opened, closed), ``decision``, ``trial`` (added, started, ended),
    ``metrics`` (new points; at most about one a second and trial), ``worker`` (one was quarantined over its trials).
    """

    id: int
    study_id: str
    kind: str
    trial_id: str | None = None
    message: str = ""
    at: Timestamp


class Problem(Message):
    """An error as RFC 9457 problem details (``application/problem+json``).

    ``type`` ends in the problem's code, e.g. ``/problems/invalid-study``; ``detail`` says what to do;
    ``faults`` names every fault of a document by its path.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    faults: tuple[str, ...] | None = None
