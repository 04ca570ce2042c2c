"""The store as a port. One contract suite (`tests/contract`) holds every implementation to it.

Concurrency: every method is one transaction and may be called from any thread. Two servers may share one SQL
database; what they race for is guarded there (`apply` by the study's version, leases by a partial unique index), and
the loser sees nothing happen. Copies: what is returned is immutable and the caller's own; it never changes later.
Time: the store's clock alone decides (the database's for SQL, an injected one for memory).

Errors: `NotFound` for an unknown id, `StorageUnavailable` when the database cannot be reached, `StorageFull` when its
disk has no room for a write, `SchemaMismatch` when it has another schema than this program.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from studies.contract.base import Params
from studies.contract.packing import Engine
from studies.contract.schedule import Schedule
from studies.contract.states import AttemptState, StudyCommand, StudyState, TrialState
from studies.contract.study_file import StageKind, StudySpec
from studies.contract.study_query import StudyPage, StudyQuery
from studies.contract.trial_query import TrialQuery
from studies.contract.views import (
    DecisionRecord,
    Event,
    LogPage,
    ProfileView,
    StudySize,
    StudySummary,
    StudyView,
    TrialDetail,
    TrialPage,
    TrialView,
    WorkerView,
)
from studies.contract.worker_protocol import CheckpointInfo, RegisterWorker, SyncAnswer, SyncRequest
from studies.core.actions import Action
from studies.core.snapshot import Curve, Snapshot
from studies.storage.census import Census
from studies.storage.credentials import Credentials
from studies.storage.work_done import WorkLog


@dataclass(frozen=True)
class Created:
    """``fresh`` is False when an idempotency key was seen before and the study of then is returned."""

    study_id: str
    fresh: bool


@dataclass(frozen=True)
class Known:
    """A snapshot with the version that it was read at; `StudyStore.apply` succeeds only at that version."""

    snapshot: Snapshot
    version: int


@dataclass(frozen=True)
class SettledTrial:
    """A trial whose result will not change any more and that Optuna's record does not have yet."""

    trial_id: str
    stage: str
    params: Mapping[str, object]
    state: TrialState
    score: float | None
    curve: Curve
    attributes: Mapping[str, object]


NAMED_BY = 100
"""Trials at either end of a study whose metrics are taken for all that it has: any more would say the same."""


SAMPLED_PARAMS = 10
"""Trials at either end of each stage whose hyperparameters are taken for all that it has."""


@dataclass(frozen=True)
class KnownParam:
    """A hyperparameter of a study; ``varies`` where not all trials that were looked at have the same."""

    name: str
    varies: bool


@dataclass(frozen=True)
class PrunedStudy:
    """A study that was forgotten, or would be; ``optuna`` names its studies in Optuna's record."""

    id: str
    name: str
    optuna: tuple[str, ...]
    size: StudySize


@dataclass(frozen=True)
class Pruned:
    """What was forgotten, or would be: studies the oldest first, and how many workers and events."""

    studies: tuple[PrunedStudy, ...]
    workers: int
    events: int


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of completed trials. ``numbers`` int64 [n], increasing; ``scores`` float64 [n], all finite."""

    numbers: NDArray[np.int64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Thinned:
    """A trial's thinned curve; ``state`` says whether it diverged."""

    trial_id: str
    state: TrialState
    curve: Curve


@dataclass(frozen=True)
class TrialResult:
    """A trial that has ended, with what it tried and what came of it: nothing that was measured on the way.

    ``score`` is the best value of the study's metric; only of a completed trial, None of all others.
    """

    id: str
    number: int
    stage: StageKind
    state: TrialState
    params: Params
    schedule: Schedule
    num_steps: int
    score: float | None


class Span(NamedTuple):
    """A length of time, in seconds since 1970 UTC; its end does not belong to it."""

    since: float
    until: float


class DeviceRun(NamedTuple):
    """An attempt on a device: as little as a timeline of thousands needs.

    Attributes:
        pack_id: the process that trained it; "" where that is not known.
        engine: how; None where that is not known.
    """

    attempt_id: str
    trial_id: str
    study_id: str
    state: AttemptState
    started_at: float
    ended_at: float | None
    pack_id: str
    engine: Engine | None


class RunFailure(NamedTuple):
    """An attempt that failed, left its pack or fell silent; `ended_at` says when, ``reason`` why."""

    trial_id: str
    device: str
    state: AttemptState
    reason: str
    ended_at: float


class TrialFace(NamedTuple):
    """What stands for a trial where many are shown."""

    study_id: str
    study_name: str
    number: int
    params: Params


@dataclass(frozen=True)
class StudyQueue:
    """A study that could go on and does not: how many of its trials wait, and why in one sentence.

    Attributes:
        because: "" where the next sync of a worker starts one of them.
    """

    study_id: str
    name: str
    state: StudyState
    waiting: int
    because: str


@dataclass(frozen=True)
class Queues:
    """The oldest of the studies that could go on and do not, and how many there are in all."""

    oldest: tuple[StudyQueue, ...] = ()
    total: int = 0


@dataclass(frozen=True)
class DeviceUse:
    """The runs of one stage on one device of a node.

    Attributes:
        worker: the node's name; every start of its worker counts as the same.
        version: of Stagetune there, "" where the worker did not say.
        model: the device's, "" where that is not known.
        runs: attempts, however they ended.
        seconds: how long they took, added up: of runs that shared the device each counts.
    """

    stage: StageKind
    worker: str
    version: str
    device: str
    model: str
    runs: int
    seconds: float


class StudyStore(Protocol):
    """Everything that the service and the engine know about studies."""

    @property
    def credentials(self) -> Credentials:
        """Tokens and browser sessions, kept beside the studies."""

    # --- studies -------------------------------------------------------------------------------------------------

    def create_study(self, spec: StudySpec, idempotency_key: str | None = None, owner: str = "") -> Created:
        """Store a study in state ``queued`` with its stages pending; `owner` is the name of whoever submits it.

        Raises:
            NameTaken: another study has this name.
            IdempotencyConflict: the key was used for another document.
        """

    def list_studies(self, limit: int | None = None, name: str | None = None) -> Sequence[StudySummary]:
        """Return studies, newest first: at most `limit` of them, all where it is None; only that of `name` if given.

        Archived ones too.
        """

    def find_studies(self, query: StudyQuery) -> StudyPage:
        """Return a page of the studies that answer `query`, in its order, by `studies.core.listing`."""

    def get_study(self, study_id: str) -> StudyView: ...

    def find_study(self, name: str) -> str | None:
        """Return the id of the study of that name, None if there is none."""

    def command(self, study_id: str, command: StudyCommand) -> StudyView:
        """Pause, resume, cancel, approve, archive or unarchive, by `studies.core.lifecycle.after_command`.

        Pausing stops granting leases and gives running attempts a stop order: their trials go back to waiting and
        resume from their checkpoints. Cancelling ends waiting and running trials as cancelled. Approving lets the
        stage that waits begin. Archiving puts a study that has ended out of sight of `find_studies`.

        Raises:
            NotAllowedNow: the study's state does not allow it; the message says which commands are.
        """

    # --- the engine's side ---------------------------------------------------------------------------------------

    def active_studies(self) -> Sequence[str]:
        """Return the ids of studies in state queued or running, oldest first."""

    def load(self, study_id: str) -> Known:
        """Return all that is known of a study, curves included."""

    def apply(self, study_id: str, version: int, actions: Sequence[Action]) -> bool:
        """Do all of `actions` in one transaction if the study is still at `version`.

        Returns False, and does nothing, where the study has moved on: load it and decide again. The version moves
        with `apply` and `command` only; results that arrive meanwhile do not move it. A queued study becomes running
        with its first action. Ending a running trial ends its attempt with a stop order. An action on a trial that
        meanwhile ended otherwise changes nothing. A study that is neither queued nor running is not changed: False.
        """

    def settled_trials(self, study_id: str, limit: int | None = None) -> Sequence[SettledTrial]:
        """Return trials of closed stages (or of an ended study) that Optuna's record lacks.

        Stage by stage, by number within each; at most `limit` of them, all where it is None.
        """

    def mark_mirrored(self, numbers: Mapping[str, int]) -> None:
        """Remember the Optuna trial number of each trial id."""

    def expire_leases(self) -> int:
        """End attempts whose lease has run out, by `after_attempt`; return how many."""

    def isolate(self) -> int:
        """Move documents that cannot be read out of the way; return how many there were.

        For whoever met an error that should not be: what such a document belongs to (a trial, or a study) has failed
        afterwards, with the reason, and everything else goes on.
        """

    def extend_leases(self) -> None:
        """Give every running attempt a whole lease from now.

        For a server that comes (back) to its database: while it was away, no worker could be heard of.
        """

    # --- trials --------------------------------------------------------------------------------------------------

    def list_trials(self, study_id: str, after: int | None = None, limit: int = 100) -> TrialPage:
        """Return trials with a number greater than `after`, in order of number."""

    def find_trials(self, study_id: str, query: TrialQuery) -> TrialPage:
        """Return the trials that `query` asks for, and how many there are in all; `studies.core.query` says which."""

    def find_numbers(self, study_id: str, query: TrialQuery) -> Sequence[int]:
        """Return the numbers of all trials that `query` asks for, in its order, whatever its window."""

    def get_trial(self, trial_id: str) -> TrialDetail: ...

    def curve(self, trial_id: str, name: str) -> Curve:
        """Return the whole curve of a metric; empty where nothing was reported under that name.

        Where a later attempt resumed from step s (s updates were complete), its points supersede those of earlier
        attempts at steps > s; at a step that both have, the later attempt's point counts.
        """

    def curves(self, study_id: str, name: str, only: Collection[str] | None = None) -> Mapping[str, Curve]:
        """Return that metric's whole curve for every trial of a study that has one, by trial id.

        Only of the trials with these ids where `only` is given: what a whole study has reported may be large.
        """

    def log(self, trial_id: str, offset: int = 0, limit: int = 65_536) -> LogPage:
        """Return the trial's output (all attempts, in order) from character `offset` on.

        A negative offset counts from the end: the page that it begins is the first of the last characters.
        """

    def decisions(self, study_id: str) -> Sequence[DecisionRecord]:
        """Return the decisions in the order in which they were taken."""

    # --- what a page shows of a study of any size ----------------------------------------------------------------

    def trial_numbers(self, trial_ids: Collection[str]) -> Mapping[str, int]:
        """Return the numbers of those trials that there are, by id."""

    def trials_numbered(self, study_id: str, numbers: Collection[int]) -> Sequence[TrialView]:
        """Return the study's trials with these numbers, by number."""

    def same_configuration(self, trial_id: str, limit: int) -> Sequence[TrialView]:
        """Return the first trials of the trial's study that differ from it in their seed at most, itself among them.

        They were asked for with the same hyperparameters, schedule and steps; by number.
        """

    def metric_names(self, study_id: str) -> Sequence[str]:
        """Return the metrics, by name, that the study's first and latest `NAMED_BY` trials have reported."""

    def known_params(self, study_id: str) -> Sequence[KnownParam]:
        """Return the hyperparameters that the first and latest `SAMPLED_PARAMS` trials of each stage have.

        Those that vary come first.
        """

    def best_trials(self, study_id: str, limit: int) -> Sequence[TrialView]:
        """Return the completed trials with the best scores of the study's metric, best first, then by number."""

    def running_trials(self, study_id: str, limit: int) -> Sequence[TrialView]:
        """Return the first trials that run now, by number."""

    def sample_trials(self, study_id: str, stage: StageKind, most: int) -> Sequence[TrialView]:
        """Return at most `most` of a stage's trials, evenly chosen by number; all where there are no more."""

    def scores(self, study_id: str, stage: StageKind) -> Scores:
        """Return the scores of all completed trials of a stage that have one, by number."""

    def results(self, study_id: str, most: int, stage: StageKind | None = None) -> Sequence[TrialResult]:
        """Return ended trials of a study, or of one stage of it, by number.

        They are those that have ended of at most `most` trials, evenly chosen by number; of all where there are no
        more.
        """

    def thinned_curves(self, study_id: str, name: str, most: int) -> Sequence[Thinned]:
        """Return a metric's curve, thinned by `studies.core.curves.sketch`, of at most about `most` trials.

        They are evenly chosen by number; all that have one where the study has no more trials than `most`.
        """

    def trial_states(self, study_id: str) -> Mapping[TrialState, int]:
        """Return how many of a study's trials are in which state; states without any are left out."""

    # --- what a page shows of devices ----------------------------------------------------------------------------

    def runs_on(self, worker_id: str, device: str, within: Span, most: int) -> Sequence[DeviceRun]:
        """Return the attempts on a device at some time within a time, by start and then by id.

        Args:
            worker_id: a worker; what it was registered as before it was started again counts as well.
            device: its name there.
            within: the time.
            most: attempts to return: those that run, then those that ended last.
        """

    def failures_on(self, worker_id: str, most: int) -> Sequence[RunFailure]:
        """Return the attempts that did not go well on a worker, and before it was started again, the latest first."""

    def trial_faces(self, trial_ids: Collection[str]) -> Mapping[str, TrialFace]:
        """Return those of these trials that there are, by id."""

    def queues(self, most: int) -> Queues:
        """Return the `most` (1 at least) oldest studies with trials that wait, or that wait for a person."""

    def device_use(self, study_id: str) -> Sequence[DeviceUse]:
        """Return where a study's runs took place and for how long, by stage in order, then by worker and device."""

    # --- workers -------------------------------------------------------------------------------------------------

    def register_worker(self, worker: RegisterWorker) -> str:
        """Store a worker under a fresh id, with what is held against its node (see `studies.storage.quarantine`)."""

    def sync(self, worker_id: str, request: SyncRequest) -> SyncAnswer:
        """Take a worker's news and answer with renewals, stop orders and leases, as `worker_protocol` promises.

        A device gets new leases up to its capacity and its room, the worker's live attempts on it counted; trials of
        running studies that the worker can run (objective registered or allowed) go out by `studies.storage.granting`.
        What was measured of classes of runs is stored, the latest word counts, and comes with leases as it is known.
        """

    def sync_all(self, news: Sequence[tuple[str, SyncRequest]]) -> Sequence[SyncAnswer | Exception]:
        """Do `sync` for several workers, each named once, in one transaction.

        An error that is one worker's own, as `NotFound`, stands in place of its answer; any other is raised for all.
        """

    def keep_checkpoint(self, attempt_id: str, token: str, info: CheckpointInfo) -> CheckpointInfo | None:
        """Remember the checkpoint of a running attempt's trial instead of an earlier one, which is returned.

        Raises:
            LeaseLost: no attempt of this id and token is running.
        """

    def kept_checkpoint(self, attempt_id: str, token: str) -> CheckpointInfo | None:
        """Return what is kept of a running attempt's trial, whichever attempt it is from; raises likewise."""

    def retire_checkpoints(self) -> Mapping[str, CheckpointInfo]:
        """Forget the checkpoints that no attempt will resume from; return the others, by trial id."""

    def list_workers(self) -> Sequence[WorkerView]:
        """Return workers, last seen first."""

    def drain_worker(self, worker_id: str) -> WorkerView:
        """Give a worker no new leases; what runs on it goes on to its end. One that is held already stays so.

        To have its runs given back at once, with their checkpoints, stop the worker instead (SIGTERM).
        """

    def release_worker(self, worker_id: str) -> WorkerView:
        """End a drain or the quarantine of a worker's node, with a clean record; one that is not held stays so."""

    def review_quarantine(self) -> int:
        """Release nodes whose failures others turn out to share, by `studies.storage.quarantine`; return how many."""

    def list_profiles(self) -> Sequence[ProfileView]:
        """Return what was measured of classes of runs, the latest first."""

    # --- events --------------------------------------------------------------------------------------------------

    def events(self, study_id: str | None, after: int, limit: int = 500) -> Sequence[Event]:
        """Return events with an id greater than `after` in order of id; of all studies when `study_id` is None."""

    def last_event_id(self) -> int: ...

    # --- what is old ---------------------------------------------------------------------------------------------

    def prune(self, older_than: float, *, dry_run: bool = False) -> Pruned:
        """Forget studies that ended more than `older_than` seconds ago, with everything that belongs to them.

        Also workers that have not been heard of for as long and have no run in a study that stays, and events as old.
        A study that has not ended is not touched. With `dry_run` nothing is: the answer says what would be.
        Optuna's record is not kept here; `studies.storage.optuna_bridge.forgetting` removes it.
        """

    def compact(self) -> int:
        """Give room that is free inside the database back to the file system; return by how many bytes it shrank.

        SQLite rewrites its file: that takes as much room again meanwhile, and writers wait. PostgreSQL uses the room
        for what comes, by itself: 0.
        """

    # --- operations ----------------------------------------------------------------------------------------------

    @property
    def work(self) -> WorkLog:
        """What was done through this object since it was opened: each server tells of its own."""

    def census(self) -> Census:
        """Count what there is: studies and trials by state, the age of the queue, workers that are alive."""

    def check(self) -> None:
        """Return when the store can be used.

        Raises:
            StorageUnavailable, SchemaMismatch
        """

    def close(self) -> None: ...
