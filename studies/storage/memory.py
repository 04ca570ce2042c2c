"""The store in memory: the model that the SQL store is held to, and the fast one for tests and simulations."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from studies.contract.ids import new_id
from studies.contract.states import StudyCommand, StudyState, TrialState
from studies.contract.study_file import StageKind, StudySpec
from studies.contract.study_query import StudyOrder, StudyPage, StudyQuery
from studies.contract.trial_query import TrialQuery
from studies.contract.views import (
    DecisionRecord,
    Event,
    LogPage,
    ProfileView,
    StudySummary,
    StudyView,
    TrialDetail,
    TrialPage,
    TrialView,
    WorkerView,
)
from studies.contract.worker_protocol import (
    CheckpointInfo,
    RegisterWorker,
    SyncAnswer,
    SyncRequest,
)
from studies.core import listing
from studies.core.actions import Action
from studies.core.lifecycle import is_active
from studies.core.snapshot import Curve, Snapshot
from studies.errors import IdempotencyConflict, NameTaken, NotFound
from studies.storage import memory_devices as devices
from studies.storage import memory_finding as finding
from studies.storage import memory_overview as overview
from studies.storage import memory_pruning, presenting, quarantine
from studies.storage import memory_reading as reading
from studies.storage.applying import apply_actions
from studies.storage.census import Census
from studies.storage.checkpoints import is_wanted
from studies.storage.commanding import apply_command
from studies.storage.copies import copy_of
from studies.storage.credentials import Credentials
from studies.storage.documents import document_hash
from studies.storage.memory_credentials import MemoryCredentials
from studies.storage.memory_queue import Moment
from studies.storage.memory_sync import Desk
from studies.storage.memory_tables import Tables
from studies.storage.picture import Picture
from studies.storage.port import (
    Created,
    DeviceRun,
    DeviceUse,
    Known,
    KnownParam,
    Pruned,
    Queues,
    RunFailure,
    Scores,
    SettledTrial,
    Span,
    StudyQueue,
    Thinned,
    TrialFace,
    TrialResult,
)
from studies.storage.records import News, StageRecord, StudyRecord, TrialRecord, WorkerRecord
from studies.storage.registration import worker_record
from studies.storage.work_done import WorkLog


class MemoryStore:
    """A `StudyStore` of dictionaries under one lock.

    Args:
        clock: seconds since 1970 UTC; a test may pass one that it moves by hand.
        lease_seconds: for how long a lease holds without a sync.
    """

    def __init__(self, clock: Callable[[], float] = time.time, lease_seconds: float = 30.0) -> None:
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._lock = threading.RLock()
        self._tables = Tables()
        self._credentials = MemoryCredentials(clock)
        self._work = WorkLog()

    @property
    def credentials(self) -> Credentials:
        return self._credentials

    # --- studies -------------------------------------------------------------------------------------------------

    def create_study(self, spec: StudySpec, idempotency_key: str | None = None, owner: str = "") -> Created:
        with self._lock:
            tables, fingerprint = self._tables, document_hash(spec)
            if idempotency_key is not None and idempotency_key in tables.idempotency:
                return _seen_before(tables.idempotency[idempotency_key], fingerprint)
            if self.find_study(spec.name) is not None:
                raise NameTaken(f"a study named {spec.name} exists: choose another name, or resume that study.")
            now = self._clock()
            study = StudyRecord(new_id("study"), spec.name, copy_of(spec), StudyState.QUEUED, now, now, owner=owner)
            tables.studies[study.id] = study
            tables.stages[study.id] = {
                stage.kind: StageRecord(study.id, stage.kind, position) for position, stage in enumerate(spec.stages)
            }
            if idempotency_key is not None:
                tables.idempotency[idempotency_key] = (study.id, fingerprint)
            tables.publish(News(study.id, "study", "queued"), now)
            return Created(study.id, fresh=True)

    def list_studies(self, limit: int | None = None, name: str | None = None) -> Sequence[StudySummary]:
        with self._lock:
            oldest_first = sorted(self._tables.studies.values(), key=_age)
            wanted = [study for study in oldest_first[::-1] if name in (None, study.name)]
            return [presenting.study_summary(self._picture_of(study)) for study in wanted[:limit]]

    def find_studies(self, query: StudyQuery) -> StudyPage:
        with self._lock:
            cards = [presenting.card(study) for study in self._tables.studies.values()]
            found = listing.found(cards, query)
            ordered = listing.in_order(found, query.sort, self._worth(found, query.sort))
            pictures = [self._picture_of(self._study(card.id)) for card in ordered[query.offset :][: query.limit]]
            return StudyPage(
                studies=tuple(map(presenting.study_summary, pictures)),
                total=len(found),
                facets=listing.facets(cards, archived=query.archived),
            )

    def _worth(self, found: Sequence[listing.Card], sort: StudyOrder) -> dict[str, float]:
        if sort == "best":
            best = {card.id: overview.best(self._tables, self._study(card.id), 1) for card in found}
            return {
                study_id: trials[0].score for study_id, trials in best.items() if trials and trials[0].score is not None
            }
        if sort == "device_time":
            now = self._clock()
            return {card.id: reading.device_seconds(self._tables, card.id, now) for card in found}
        return {}

    def get_study(self, study_id: str) -> StudyView:
        with self._lock:
            study = self._study(study_id)
            moment = self._moment()
            because = moment.why(study, moment.waiting(study))
            return presenting.study_view(self._picture_of(study), because)

    def find_study(self, name: str) -> str | None:
        with self._lock:
            return next((study.id for study in self._tables.studies.values() if study.name == name), None)

    def command(self, study_id: str, command: StudyCommand) -> StudyView:
        with self._lock:
            picture = reading.picture(self._tables, study_id, self._clock())
            apply_command(picture, command)
            self._write(picture)
            return self.get_study(study_id)

    # --- the engine's side ---------------------------------------------------------------------------------------

    def active_studies(self) -> Sequence[str]:
        with self._lock:
            return [study.id for study in sorted(self._tables.studies.values(), key=_age) if is_active(study.state)]

    def load(self, study_id: str) -> Known:
        with self._lock:
            study = self._study(study_id)
            snapshot = Snapshot(
                study_id=study.id,
                spec=copy_of(study.spec),
                state=study.state,
                stages=tuple(presenting.core_stage(stage) for stage in reading.stages(self._tables, study_id)),
                trials=tuple(reading.core_trial(self._tables, trial) for trial in self._tables.trials_of(study_id)),
            )
            return Known(snapshot, study.version)

    def apply(self, study_id: str, version: int, actions: Sequence[Action]) -> bool:
        with self._lock:
            picture = reading.picture(self._tables, study_id, self._clock())
            if picture.study.version != version or not is_active(picture.study.state):
                return False
            if actions:
                apply_actions(picture, actions)
                self._write(picture)
            return True

    def settled_trials(self, study_id: str, limit: int | None = None) -> Sequence[SettledTrial]:
        with self._lock:
            study = self._study(study_id)
            stages = self._tables.stages[study_id]
            trials = [
                trial
                for trial in self._tables.trials_of(study_id)
                if trial.id not in self._tables.mirrored
                and presenting.is_settled(trial.state, stages[trial.stage].state, study.state)
            ]
            trials.sort(key=lambda trial: (stages[trial.stage].position, trial.number))
            metric = study.spec.metric
            return [
                presenting.settled_trial(
                    trial,
                    reading.summaries(self._tables, trial.id),
                    reading.curve(self._tables, trial.id, metric.name),
                    metric,
                )
                for trial in trials[:limit]
            ]

    def mark_mirrored(self, numbers: Mapping[str, int]) -> None:
        with self._lock:
            self._tables.mirrored.update(numbers)

    def expire_leases(self) -> int:
        with self._lock:
            return self._desk().expire()

    def isolate(self) -> int:
        """Return 0: what is in memory was never written down."""
        return 0

    def extend_leases(self) -> None:
        with self._lock:
            expiry = self._clock() + self._lease_seconds
            extended = [replace(attempt, lease_expires_at=expiry) for attempt in self._tables.live_attempts()]
            self._tables.attempts.update({attempt.id: attempt for attempt in extended})

    # --- trials --------------------------------------------------------------------------------------------------

    def list_trials(self, study_id: str, after: int | None = None, limit: int = 100) -> TrialPage:
        with self._lock:
            self._study(study_id)
            first = -1 if after is None else after
            later = [trial for trial in self._tables.trials_of(study_id) if trial.number > first]
            views = self._views(later[:limit])
            return TrialPage(trials=tuple(views), next_after=views[-1].number if len(later) > limit else None)

    def find_trials(self, study_id: str, query: TrialQuery) -> TrialPage:
        with self._lock:
            found = finding.found(self._views(self._tables.trials_of(self._study(study_id).id)), query, self._clock())
            return TrialPage(trials=tuple(found[query.offset :][: query.limit]), total=len(found))

    def find_numbers(self, study_id: str, query: TrialQuery) -> Sequence[int]:
        with self._lock:
            views = self._views(self._tables.trials_of(self._study(study_id).id))
            return [trial.number for trial in finding.found(views, query, self._clock())]

    def get_trial(self, trial_id: str) -> TrialDetail:
        with self._lock:
            tables, moment = self._tables, self._moment()
            names = {worker.id: worker.name for worker in tables.workers.values()}
            trial = reading.trial_of(tables, trial_id)
            study = self._study(trial.study_id)
            because = moment.why(study, [item for item in moment.waiting(study) if item.trial_id == trial_id])
            known, attempts = reading.summaries(tables, trial_id), tables.attempts_of(trial_id)
            return presenting.trial_detail(trial, known, attempts, names, because)

    def curve(self, trial_id: str, name: str) -> Curve:
        with self._lock:
            reading.trial_of(self._tables, trial_id)
            return reading.curve(self._tables, trial_id, name)

    def curves(self, study_id: str, name: str, only: Collection[str] | None = None) -> Mapping[str, Curve]:
        with self._lock:
            self._study(study_id)
            ids = [trial.id for trial in self._tables.trials_of(study_id) if only is None or trial.id in only]
            found = {trial_id: reading.curve(self._tables, trial_id, name) for trial_id in ids}
            return {trial_id: curve for trial_id, curve in found.items() if len(curve)}

    def log(self, trial_id: str, offset: int = 0, limit: int = 65_536) -> LogPage:
        with self._lock:
            reading.trial_of(self._tables, trial_id)
            pieces = [self._tables.logs.get(attempt.id, {}) for attempt in self._tables.attempts_of(trial_id)]
            whole = "".join(chunks[sequence] for chunks in pieces for sequence in sorted(chunks))
            begin = offset if offset >= 0 else max(0, len(whole) + offset)
            text = whole[begin : begin + limit]
            return LogPage(text=text, next_offset=begin + len(text))

    def decisions(self, study_id: str) -> Sequence[DecisionRecord]:
        with self._lock:
            self._study(study_id)
            return [copy_of(record) for record in self._tables.decisions if record.study_id == study_id]

    # --- what a page shows of a study of any size ----------------------------------------------------------------

    def trial_numbers(self, trial_ids: Collection[str]) -> Mapping[str, int]:
        with self._lock:
            return overview.numbers(self._tables, trial_ids)

    def trials_numbered(self, study_id: str, numbers: Collection[int]) -> Sequence[TrialView]:
        with self._lock:
            own = self._tables.trials_of(self._study(study_id).id)
            return self._views(trial for trial in own if trial.number in numbers)

    def same_configuration(self, trial_id: str, limit: int) -> Sequence[TrialView]:
        with self._lock:
            return self._views(
                overview.same_configuration(self._tables, reading.trial_of(self._tables, trial_id), limit)
            )

    def metric_names(self, study_id: str) -> Sequence[str]:
        with self._lock:
            return overview.metric_names(self._tables, self._study(study_id).id)

    def known_params(self, study_id: str) -> Sequence[KnownParam]:
        with self._lock:
            return presenting.known_params(finding.configurations(self._tables.trials_of(self._study(study_id).id)))

    def best_trials(self, study_id: str, limit: int) -> Sequence[TrialView]:
        with self._lock:
            return self._views(overview.best(self._tables, self._study(study_id), limit))

    def running_trials(self, study_id: str, limit: int) -> Sequence[TrialView]:
        with self._lock:
            return self._views(overview.running(self._tables, self._study(study_id).id, limit))

    def sample_trials(self, study_id: str, stage: StageKind, most: int) -> Sequence[TrialView]:
        with self._lock:
            return self._views(overview.sample(self._tables, self._study(study_id).id, stage, most))

    def scores(self, study_id: str, stage: StageKind) -> Scores:
        with self._lock:
            return overview.scores(self._tables, self._study(study_id).id, stage)

    def results(self, study_id: str, most: int, stage: StageKind | None = None) -> Sequence[TrialResult]:
        with self._lock:
            return overview.results(self._tables, self._study(study_id).id, most, stage)

    def thinned_curves(self, study_id: str, name: str, most: int) -> Sequence[Thinned]:
        with self._lock:
            return overview.thinned(self._tables, self._study(study_id).id, name, most)

    def trial_states(self, study_id: str) -> Mapping[TrialState, int]:
        with self._lock:
            return Counter(trial.state for trial in self._tables.trials_of(self._study(study_id).id))

    # --- what a page shows of devices ----------------------------------------------------------------------------

    def runs_on(self, worker_id: str, device: str, within: Span, most: int) -> Sequence[DeviceRun]:
        with self._lock:
            return devices.runs(self._tables, worker_id, device, within, most)

    def failures_on(self, worker_id: str, most: int) -> Sequence[RunFailure]:
        with self._lock:
            return devices.failures(self._tables, worker_id, most)

    def trial_faces(self, trial_ids: Collection[str]) -> Mapping[str, TrialFace]:
        with self._lock:
            return devices.faces(self._tables, trial_ids)

    def queues(self, most: int) -> Queues:
        with self._lock:
            moment = self._moment()
            known = [(study, moment.waiting(study)) for study in sorted(self._tables.studies.values(), key=_age)]
            found = [
                (study, waiting)
                for study, waiting in known
                if (waiting or study.state is StudyState.AWAITING_APPROVAL) and not study.state.ended
            ]
            oldest = (
                StudyQueue(study.id, study.name, study.state, len(waiting), moment.why(study, waiting))
                for study, waiting in found[:most]
            )
            return Queues(tuple(oldest), len(found))

    def device_use(self, study_id: str) -> Sequence[DeviceUse]:
        with self._lock:
            return overview.device_use(self._tables, self._study(study_id).id, self._clock())

    # --- workers -------------------------------------------------------------------------------------------------

    def register_worker(self, worker: RegisterWorker) -> str:
        with self._lock:
            record = worker_record(worker, self._clock())
            earlier = [item for item in self._tables.workers.values() if item.node == record.node]
            self._tables.workers[record.id] = quarantine.inherited(record, earlier[-1] if earlier else None)
            return record.id

    def sync(self, worker_id: str, request: SyncRequest) -> SyncAnswer:
        with self._lock:
            return self._desk().sync(worker_id, request)

    def sync_all(self, news: Sequence[tuple[str, SyncRequest]]) -> Sequence[SyncAnswer | Exception]:
        with self._lock:
            known = self._tables.workers
            return [
                self.sync(worker_id, request) if worker_id in known else NotFound(f"there is no worker {worker_id}.")
                for worker_id, request in news
            ]

    def keep_checkpoint(self, attempt_id: str, token: str, info: CheckpointInfo) -> CheckpointInfo | None:
        with self._lock:
            trial_id = reading.trial_of_lease(self._tables, attempt_id, token)
            before = self._tables.checkpoints.get(trial_id)
            self._tables.checkpoints[trial_id] = info
            return before

    def kept_checkpoint(self, attempt_id: str, token: str) -> CheckpointInfo | None:
        with self._lock:
            return self._tables.checkpoints.get(reading.trial_of_lease(self._tables, attempt_id, token))

    def retire_checkpoints(self) -> Mapping[str, CheckpointInfo]:
        with self._lock:
            for trial_id in list(self._tables.checkpoints):
                trial = reading.trial_of(self._tables, trial_id)
                if not is_wanted(trial.state, self._study(trial.study_id).state):
                    del self._tables.checkpoints[trial_id]
            return dict(self._tables.checkpoints)

    def list_workers(self) -> Sequence[WorkerView]:
        with self._lock:
            last_seen_first = sorted(self._tables.workers.values(), key=_last_seen, reverse=True)
            return [self._worker_view(worker) for worker in last_seen_first]

    def drain_worker(self, worker_id: str) -> WorkerView:
        with self._lock:
            worker = reading.found(self._tables.workers, worker_id, "worker")
            self._tables.workers[worker_id] = quarantine.drained(worker, self._clock())
            return self._worker_view(self._tables.workers[worker_id])

    def release_worker(self, worker_id: str) -> WorkerView:
        with self._lock:
            node = reading.found(self._tables.workers, worker_id, "worker").node
            held = [worker for worker in self._tables.workers.values() if worker.node == node]
            self._tables.workers.update({worker.id: quarantine.released(worker) for worker in held})
            return self._worker_view(self._tables.workers[worker_id])

    def review_quarantine(self) -> int:
        with self._lock:
            return self._desk().review_quarantine()

    def list_profiles(self) -> Sequence[ProfileView]:
        with self._lock:
            known = sorted(self._tables.profiles.items(), key=lambda item: (-item[1][2], item[0]))
            return [presenting.profile_view(*stored) for _, stored in known]

    # --- events --------------------------------------------------------------------------------------------------

    def events(self, study_id: str | None, after: int, limit: int = 500) -> Sequence[Event]:
        with self._lock:
            first = bisect_right(self._tables.events, after, key=lambda event: event.id)
            later = self._tables.events[first:]
            return [event for event in later if study_id in (None, event.study_id)][:limit]

    def last_event_id(self) -> int:
        with self._lock:
            return self._tables.events[-1].id if self._tables.events else 0

    # --- what is old ---------------------------------------------------------------------------------------------

    def prune(self, older_than: float, *, dry_run: bool = False) -> Pruned:
        with self._lock:
            return memory_pruning.prune(self._tables, self._clock() - older_than, dry_run=dry_run)

    def compact(self) -> int:
        """There is no file."""
        return 0

    # --- operations ----------------------------------------------------------------------------------------------

    @property
    def work(self) -> WorkLog:
        return self._work

    def census(self) -> Census:
        with self._lock:
            return self._moment().census()

    def check(self) -> None:
        """Memory can always be used."""

    def close(self) -> None:
        """There is nothing to give back."""

    # --- within --------------------------------------------------------------------------------------------------

    def _moment(self) -> Moment:
        return Moment(self._tables, self._clock(), self._lease_seconds)

    def _desk(self) -> Desk:
        return Desk(self._moment(), self._work)

    def _study(self, study_id: str) -> StudyRecord:
        return reading.study_of(self._tables, study_id)

    def _picture_of(self, study: StudyRecord) -> presenting.StudyPicture:
        return reading.study_picture(self._tables, study, self._clock())

    def _views(self, trials: Iterable[TrialRecord]) -> list[TrialView]:
        return reading.views(self._tables, trials)

    def _worker_view(self, worker: WorkerRecord) -> WorkerView:
        return presenting.worker_view(worker, self._tables.live_attempts(worker.id), self._clock(), self._lease_seconds)

    def _write(self, picture: Picture) -> None:
        tables, study_id = self._tables, picture.study.id
        tables.studies[study_id] = picture.study
        tables.stages[study_id] = picture.stages
        tables.trials.update(picture.trials)
        tables.attempts.update(picture.changed_attempts)
        tables.decisions.extend(picture.decisions)
        for item in picture.news:
            tables.publish(item, picture.now)


def _seen_before(seen: tuple[str, str], fingerprint: str) -> Created:
    study_id, earlier = seen
    if earlier != fingerprint:
        raise IdempotencyConflict
    return Created(study_id, fresh=False)


def _age(study: StudyRecord) -> float:
    return study.created_at


def _last_seen(worker: WorkerRecord) -> tuple[float, str]:
    return worker.last_sync_at, worker.id
