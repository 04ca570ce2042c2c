"""What a worker and the server say to each other: register once, then one `sync` request a second per node.

Everything here may be sent twice, late or out of order with the same end state as once and in order:

- metric chunks and log chunks carry a sequence number per attempt (and metric): what is stored is not stored again;
- an attempt ends once: later ends are answered as the first was;
- leases that the server has granted but that the worker does not list among its attempts are granted again in the
  next answer, so a lost answer loses nothing;
- every write is fenced by ``(attempt_id, token)`` of a live lease: where there is none, the answer lists the attempt
  under ``lost`` and the worker stops that run.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from studies.contract.base import Message, NonNegative, Params, Scalar, Timestamp
from studies.contract.columns import MAX_COUNT, StepColumn, ValueColumn
from studies.contract.ids import ID_PATTERN
from studies.contract.packing import MAX_CLASSES_PER_SYNC, MAX_PACKS_PER_DEVICE, Bytes, PackReport, RunProfile
from studies.contract.packing import run_class as class_of
from studies.contract.schedule import Schedule
from studies.contract.study_file import Metric, Objective, OptimizerName, Precision

MAX_CHUNKS_PER_SYNC = 4096
MAX_LOG_CHARS = 65_536
MAX_ATTEMPTS_PER_SYNC = 1024
MAX_POINTS_PER_SYNC = 2**20
"""A quarter of the bytes of a worker's largest request: no worker of ours ever holds more in one."""

MAX_TOKEN_CHARS = 200

AttemptId = Annotated[str, Field(pattern=rf"^{ID_PATTERN}$")]
Step = Annotated[int, Field(ge=0, le=MAX_COUNT)]
MetricName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]


class Device(Message):
    """A device of a node. ``capacity`` is how many attempts it may hold at once (packing decides; 1 = alone)."""

    name: str = Field(pattern=r"^(cpu|cuda:[0-9]{1,3})$")
    model: str = Field(default="", max_length=200)
    memory_bytes: Bytes | None = None
    capacity: int = Field(default=1, ge=0, le=1024)


class RegisterWorker(Message):
    """A worker introduces itself. A fresh id is given at every start.

    Attributes:
        objectives: names of the registered objectives that it runs, e.g. ``("image_classification",)``.
        allow: its allow-list of users' code (`studies.contract.permission`).
    """

    name: str = Field(min_length=1, max_length=200)
    hostname: str = Field(default="", max_length=300)
    pid: int = Field(default=0, ge=0)
    version: str = Field(default="", max_length=50)
    devices: Annotated[tuple[Device, ...], Field(min_length=1, max_length=64)]
    objectives: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    allow: Annotated[tuple[str, ...], Field(max_length=1000)] = ()


class WorkerRegistered(Message):
    """The answer: who the worker is, how often it should sync, and for how long a lease holds without a sync.

    Attributes:
        max_checkpoint_bytes: largest checkpoint that the server keeps of a run; 0 for none at all.
        max_body_bytes: longest request that it takes.
        accepts: media types in which it takes a sync, the ones that it likes best first.
    """

    worker_id: str
    sync_seconds: float
    lease_seconds: float
    max_checkpoint_bytes: Bytes = 0
    max_body_bytes: Bytes = 8 * 2**20
    accepts: tuple[str, ...] = ("application/json",)


class CheckpointInfo(Message):
    """What the server keeps of a trial's checkpoint, an archive (``PUT`` and ``GET /attempts/{id}/checkpoint``).

    Attributes:
        attempt_id: whose it is.
        step: completed updates that it stands at.
        bytes: size of the archive.
        sha256: its digest, in hexadecimal.
    """

    attempt_id: str
    step: Step
    bytes: Bytes
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class RunSpec(Message):
    """Everything that a run has to know: the same for all kinds of objective.

    Attributes:
        params: hyperparameters by name; ``lr`` is the peak learning rate, to be multiplied by the schedule.
        num_steps: the run ends after this many optimiser updates, counted from the trial's first attempt.
        evaluate_every: steps between dev evaluations; the last step is evaluated too.
        stall_timeout: seconds of silence after which it is taken to hang; 0 for never.
    """

    trial_id: str
    trial_number: int
    study_id: str
    study_name: str
    stage: str
    objective: Objective
    metric: Metric
    optimizer: OptimizerName
    params: Params
    schedule: Schedule
    num_steps: int
    seed: int
    evaluate_every: int
    precision: Precision = "float32"
    stall_timeout: NonNegative = 0.0

    @property
    def run_class(self) -> str:
        """The class of runs that this one belongs to: they cost a device the same and can share a pack."""
        return class_of(self.objective, self.optimizer, self.precision, self.params)


class Lease(Message):
    """A time-limited right to run an attempt on one device of the worker.

    Attributes:
        alone: the trial was evicted from a pack before: nothing else may run on the device meanwhile.
        profile: what the server knows of this class of runs on this model of device, from any worker.
        checkpoint: what the server keeps of the trial; a worker that has a later one of its own goes on from that.
    """

    attempt_id: str
    token: str
    device: str
    run: RunSpec
    alone: bool = False
    profile: RunProfile | None = None
    checkpoint: CheckpointInfo | None = None


class MetricChunk(Message):
    """Consecutive points of one metric. ``sequence`` counts the chunks of (attempt, name) from 0.

    A point's step is the number of optimiser updates completed when it was measured: 1 after the first.
    """

    name: MetricName
    sequence: int = Field(ge=0, le=MAX_COUNT)
    steps: StepColumn
    values: ValueColumn

    @model_validator(mode="after")
    def _a_value_for_every_step(self) -> MetricChunk:
        if len(self.steps) != len(self.values):
            raise ValueError(f"has {len(self.steps)} steps and {len(self.values)} values: send one value for each step")
        return self


class LogChunk(Message):
    """A piece of the run's output. ``sequence`` counts the pieces of the attempt from 0."""

    sequence: int = Field(ge=0, le=MAX_COUNT)
    text: str = Field(max_length=MAX_LOG_CHARS)


class Outcome(Message):
    """How an attempt ended, as the worker saw it.

    Attributes:
        state: ``preempted`` gives the attempt back uncounted; ``stopped`` answers a stop order; ``evicted`` says that
            its pack could not go on with it (out of memory, or the pack's process died): given back uncounted, its
            next attempt runs alone. An attempt that ran alone is never evicted: what befell it is its own doing.
        reason: for people: the exception, the decoded signal, why it was given back.
        error: the child's own error record (exception type, message, traceback), if it wrote one.
    """

    state: Literal["completed", "diverged", "stopped", "preempted", "evicted", "failed"]
    reason: str = Field(default="", max_length=10_000)
    error: dict[str, Scalar] | None = None


class AttemptReport(Message):
    """News of one attempt: also its heartbeat, so a report without news is normal.

    Attributes:
        started_from: steps completed when the attempt resumed, 0 for a fresh start (or not known yet). Points of
            earlier attempts beyond it are superseded; where both have a point for one step, the later attempt's counts.
        outcome: None while it runs. The worker repeats it until the answer acknowledges the attempt.
        peak_memory_bytes: the most that its process was seen with on the device while it was in it; the members of a
            fused pack share one process. None where it cannot be told, or has not been looked at yet.
        samples_per_second: at which the attempt itself has trained so far, on the mean; None where it is not known.
    """

    attempt_id: AttemptId
    token: Annotated[str, Field(max_length=MAX_TOKEN_CHARS)]
    started_from: Step = 0
    metrics: Annotated[tuple[MetricChunk, ...], Field(max_length=MAX_CHUNKS_PER_SYNC)] = ()
    logs: Annotated[tuple[LogChunk, ...], Field(max_length=256)] = ()
    outcome: Outcome | None = None
    peak_memory_bytes: Bytes | None = None
    samples_per_second: NonNegative | None = None


class DeviceStatus(Message):
    """What happens on a device.

    Attributes:
        room: how many more attempts the device would start now, by class of runs. A class not named has the room
            of its kind (``builtin``, ``function`` or ``command``), and where that is not named either all of the
            capacity.
        packs: what runs on it, one entry a process.
        mps: whether NVIDIA's multi-process service runs there; None where there is none to run (a CPU).
        utilization: share of the time that it computes, 0 to 1; None where that cannot be told.
    """

    utilization: NonNegative | None = None
    room: Annotated[dict[str, Annotated[int, Field(ge=0, le=1024)]], Field(max_length=MAX_CLASSES_PER_SYNC)] = Field(
        default_factory=dict
    )
    packs: Annotated[tuple[PackReport, ...], Field(max_length=MAX_PACKS_PER_DEVICE)] = ()
    mps: bool | None = None


class DeviceReport(DeviceStatus):
    """How a device stands now. ``capacity`` as in `Device`; 0 asks for nothing (draining)."""

    name: str = Field(pattern=r"^(cpu|cuda:[0-9]{1,3})$")
    capacity: int = Field(ge=0, le=1024)
    memory_used_bytes: Bytes | None = None


class SyncRequest(Message):
    """All the news of a node. An attempt, and a device, stands in it at most once.

    ``profiles`` are what was measured or corrected since the last sync that was answered; the latest word counts.
    """

    attempts: Annotated[tuple[AttemptReport, ...], Field(max_length=MAX_ATTEMPTS_PER_SYNC)] = ()
    devices: Annotated[tuple[DeviceReport, ...], Field(max_length=64)] = ()
    profiles: Annotated[tuple[RunProfile, ...], Field(max_length=MAX_CLASSES_PER_SYNC)] = ()

    @property
    def points(self) -> int:
        """How many metric points it carries."""
        return sum(len(chunk.steps) for report in self.attempts for chunk in report.metrics)

    @model_validator(mode="after")
    def _within_bounds(self) -> SyncRequest:
        points = sum(len(chunk.values) for report in self.attempts for chunk in report.metrics)
        if points > MAX_POINTS_PER_SYNC:
            raise ValueError(f"holds {points:,} points: send at most {MAX_POINTS_PER_SYNC:,} in one request")
        return self

    @model_validator(mode="after")
    def _each_once(self) -> SyncRequest:
        attempts = {report.attempt_id for report in self.attempts}
        devices = {report.name for report in self.devices}
        if len(attempts) < len(self.attempts) or len(devices) < len(self.devices):
            raise ValueError("names an attempt or a device twice: put all news of each into one report")
        return self


class StopOrder(Message):
    """Stop this run now; ``reason`` is shown to people."""

    attempt_id: str
    reason: str


class SyncAnswer(Message):
    """The server's answer to one sync.

    Attributes:
        acknowledged: attempts whose report, outcome included, is stored (or was before).
        lost: attempts without a live lease: code ``lease-lost``; stop the run, discard what it still says.
        stop: runs to stop; the worker answers with an outcome ``stopped``.
        leases: new attempts, and earlier ones that the request did not list.
    """

    acknowledged: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    stop: tuple[StopOrder, ...] = ()
    leases: tuple[Lease, ...] = ()
    server_time: Timestamp = 0.0
