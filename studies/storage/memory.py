"""The store in memory: the model that the SQL store is held to, and the fast one for tests and simulations."""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from studies.contract.ids import new_id
from studies.contract.packing import RunProfile
from studies.contract.states import AttemptState, StudyCommand, StudyState, TrialState, WorkerHold
from studies.contract.study_file import Objective, StageKind, StudySpec
from studies.contract.study_query import StudyOrder, StudyPage, StudyQuery
from studies.contract.trial_query import TrialQuery
from studies.contract.views import (
    BestTrial,
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
    AttemptReport,
    CheckpointInfo,
    Lease,
    RegisterWorker,
    StopOrder,
    SyncAnswer,
    SyncRequest,
)
from studies.core import listing
from studies.core.actions import Action
from studies.core.curves import Ragged
from studies.core.device_time import Ran, busy_seconds, spans
from studies.core.lifecycle import is_active, is_failure
from studies.core.snapshot import Curve, Snapshot, Trial
from studies.core.trial_columns import TrialColumns
from studies.errors import IdempotencyConflict, LeaseLost, NameTaken, NotFound
from studies.storage import clearing, granting, leasing, memory_pruning, presenting, quarantine, reporting
from studies.storage import memory_devices as devices
from studies.storage import memory_finding as finding
from studies.storage import memory_overview as overview
from studies.storage.applying import apply_actions
from studies.storage.assembly import Part, joined, merged, points
from studies.storage.census import Census
from studies.storage.checkpoints import is_wanted, with_checkpoints
from studies.storage.codec import encode
from studies.storage.commanding import apply_command
from studies.storage.copies import copy_of, storable
from studies.storage.credentials import Credentials
from studies.storage.documents import document_hash
from studies.storage.granting import (
    Asker,
    Enqueued,
    Queued,
    assign,
    classes_by_device,
    elsewhere_first,
    seats_of,
    shares,
)
from studies.storage.log_cap import kept
from studies.storage.memory_credentials import MemoryCredentials
from studies.storage.memory_tables import Tables
from studies.storage.picture import Picture
from studies.storage.port import (
    Created,
    DeviceRun,
    DeviceUse,
    Known,
    KnownParam,
    Pruned,
    RunFailure,
    Scores,
    SettledTrial,
    Span,
    StudyQueue,
    Thinned,
    TrialFace,
    TrialResult,
)
from studies.storage.records import AttemptRecord, News, StageRecord, StudyRecord, TrialRecord, WorkerRecord
from studies.storage.registration import worker_record
from studies.storage.summaries import extended, scored
from studies.storage.waiting import waiting_because
from studies.storage.work_done import WorkDone, WorkLog

Record = TypeVar("Record")


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
            self._publish([News(study.id, "study", "queued")], now)
            return Created(study.id, fresh=True)

    def list_studies(self, limit: int | None = None, name: str | None = None) -> Sequence[StudySummary]:
        with self._lock:
            oldest_first = sorted(self._tables.studies.values(), key=_age)
            wanted = [study for study in oldest_first[::-1] if name in (None, study.name)]
            return [presenting.study_summary(self._study_picture(study)) for study in wanted[:limit]]

    def find_studies(self, query: StudyQuery) -> StudyPage:
        with self._lock:
            cards = [presenting.card(study) for study in self._tables.studies.values()]
            found = listing.found(cards, query)
            ordered = listing.in_order(found, query.sort, self._worth(found, query.sort))
            pictures = [self._study_picture(self._study(card.id)) for card in ordered[query.offset :][: query.limit]]
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
        return {card.id: self._device_seconds(card.id) for card in found} if sort == "device_time" else {}

    def get_study(self, study_id: str) -> StudyView:
        with self._lock:
            study = self._study(study_id)
            because = self._waiting_because(study, self._waiting(study))
            return presenting.study_view(self._study_picture(study), because)

    def find_study(self, name: str) -> str | None:
        with self._lock:
            return next((study.id for study in self._tables.studies.values() if study.name == name), None)

    def command(self, study_id: str, command: StudyCommand) -> StudyView:
        with self._lock:
            picture = self._picture(study_id)
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
                stages=tuple(presenting.core_stage(stage) for stage in self._stages(study_id)),
                trials=tuple(self._core_trial(trial) for trial in self._tables.trials_of(study_id)),
            )
            return Known(snapshot, study.version)

    def apply(self, study_id: str, version: int, actions: Sequence[Action]) -> bool:
        with self._lock:
            picture = self._picture(study_id)
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
                presenting.settled_trial(trial, self._summaries(trial.id), self.curve(trial.id, metric.name), metric)
                for trial in trials[:limit]
            ]

    def mark_mirrored(self, numbers: Mapping[str, int]) -> None:
        with self._lock:
            self._tables.mirrored.update(numbers)

    def expire_leases(self) -> int:
        with self._lock:
            now = self._clock()
            overdue = [attempt for attempt in self._tables.live_attempts() if attempt.lease_expires_at < now]
            ending = reporting.Ending(AttemptState.EXPIRED, reporting.GONE_SILENT)
            for attempt in overdue:
                self._end(attempt, ending, now)
            return len(overdue)

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
            names = {worker.id: worker.name for worker in self._tables.workers.values()}
            trial = self._trial(trial_id)
            study = self._study(trial.study_id)
            because = self._waiting_because(study, [item for item in self._waiting(study) if item.trial_id == trial_id])
            attempts = self._tables.attempts_of(trial_id)
            return presenting.trial_detail(trial, self._summaries(trial_id), attempts, names, because)

    def curve(self, trial_id: str, name: str) -> Curve:
        with self._lock:
            self._trial(trial_id)
            reporters = [attempt for attempt in self._tables.attempts_of(trial_id) if attempt.chunks]
            return merged([Part(attempt.started_from, self._piece(attempt.id, name)) for attempt in reporters])

    def curves(self, study_id: str, name: str, only: Collection[str] | None = None) -> Mapping[str, Curve]:
        with self._lock:
            self._study(study_id)
            ids = [trial.id for trial in self._tables.trials_of(study_id) if only is None or trial.id in only]
            found = {trial_id: self.curve(trial_id, name) for trial_id in ids}
            return {trial_id: curve for trial_id, curve in found.items() if len(curve)}

    def log(self, trial_id: str, offset: int = 0, limit: int = 65_536) -> LogPage:
        with self._lock:
            self._trial(trial_id)
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
            return self._views(overview.same_configuration(self._tables, self._trial(trial_id), limit))

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

    def queues(self) -> Sequence[StudyQueue]:
        with self._lock:
            queued = [(study, self._waiting(study)) for study in sorted(self._tables.studies.values(), key=_age)]
            return [
                StudyQueue(study.id, study.name, study.state, len(waiting), self._waiting_because(study, waiting))
                for study, waiting in queued
                if (waiting or study.state is StudyState.AWAITING_APPROVAL) and not study.state.ended
            ]

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
            now = self._clock()
            worker = self._heard_of(worker_id, request, now)
            self._note_packs(worker, request)
            acknowledged, lost = self._take_reports(worker, request, now)
            again = self._unheard(worker, {report.attempt_id for report in request.attempts}, now)
            self._store_profiles(worker, request, now)
            leases = [*again, *self._grant(self._judged(worker_id, now), again, now)]
            profiled = leasing.with_profiles(leases, worker, self._profiles())
            return SyncAnswer(
                acknowledged=acknowledged,
                lost=lost,
                stop=tuple(
                    StopOrder(attempt_id=attempt.id, reason=attempt.stop)
                    for attempt in self._tables.live_attempts(worker.id)
                    if attempt.stop
                ),
                leases=tuple(with_checkpoints(profiled, self._tables.checkpoints)),
                server_time=now,
            )

    def sync_all(self, news: Sequence[tuple[str, SyncRequest]]) -> Sequence[SyncAnswer | Exception]:
        with self._lock:
            known = self._tables.workers
            return [
                self.sync(worker_id, request) if worker_id in known else NotFound(f"there is no worker {worker_id}.")
                for worker_id, request in news
            ]

    def keep_checkpoint(self, attempt_id: str, token: str, info: CheckpointInfo) -> CheckpointInfo | None:
        with self._lock:
            trial_id = self._fenced(attempt_id, token)
            before = self._tables.checkpoints.get(trial_id)
            self._tables.checkpoints[trial_id] = info
            return before

    def kept_checkpoint(self, attempt_id: str, token: str) -> CheckpointInfo | None:
        with self._lock:
            return self._tables.checkpoints.get(self._fenced(attempt_id, token))

    def retire_checkpoints(self) -> Mapping[str, CheckpointInfo]:
        with self._lock:
            for trial_id in list(self._tables.checkpoints):
                trial = self._trial(trial_id)
                if not is_wanted(trial.state, self._study(trial.study_id).state):
                    del self._tables.checkpoints[trial_id]
            return dict(self._tables.checkpoints)

    def list_workers(self) -> Sequence[WorkerView]:
        with self._lock:
            last_seen_first = sorted(self._tables.workers.values(), key=_last_seen, reverse=True)
            return [self._worker_view(worker) for worker in last_seen_first]

    def drain_worker(self, worker_id: str) -> WorkerView:
        with self._lock:
            worker = _found(self._tables.workers, worker_id, "worker")
            self._tables.workers[worker_id] = quarantine.drained(worker, self._clock())
            return self._worker_view(self._tables.workers[worker_id])

    def release_worker(self, worker_id: str) -> WorkerView:
        with self._lock:
            node = _found(self._tables.workers, worker_id, "worker").node
            held = [worker for worker in self._tables.workers.values() if worker.node == node]
            self._tables.workers.update({worker.id: quarantine.released(worker) for worker in held})
            return self._worker_view(self._tables.workers[worker_id])

    def review_quarantine(self) -> int:
        with self._lock:
            held = [item for item in self._tables.workers.values() if item.hold is WorkerHold.QUARANTINED]
            compared = [(worker, self._comparison(worker)) for worker in held]
            innocent = [(worker, known[0]) for worker, known in compared if quarantine.innocent(worker, *known)]
            self._tables.workers.update({item.id: quarantine.pardoned(item, shared) for item, shared in innocent})
            return len(innocent)

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
            now, running = (
                self._clock(),
                [item.id for item in self._tables.studies.values() if item.state is StudyState.RUNNING],
            )
            waiting = [item for item in self._tables.trials.values() if item.state is TrialState.WAITING]
            since = [self._waiting_since(item) for item in waiting if item.study_id in running]
            return Census(
                studies=Counter(study.state for study in self._tables.studies.values()),
                trials=Counter(trial.state for trial in self._tables.trials.values()),
                queue_seconds=now - min(since, default=now),
                workers_alive=len(self._alive_workers()),
                workers_held=Counter(worker.hold for worker in self._alive_workers() if worker.hold is not None),
            )

    def check(self) -> None:
        """Memory can always be used."""

    def close(self) -> None:
        """There is nothing to give back."""

    # --- reading -------------------------------------------------------------------------------------------------

    def _study(self, study_id: str) -> StudyRecord:
        return _found(self._tables.studies, study_id, "study")

    def _trial(self, trial_id: str) -> TrialRecord:
        return _found(self._tables.trials, trial_id, "trial")

    def _fenced(self, attempt_id: str, token: str) -> str:
        """Return the trial of a running attempt."""
        attempt = self._tables.attempts.get(attempt_id)
        if attempt is None or attempt.token != token or attempt.state is not AttemptState.RUNNING:
            raise LeaseLost
        return attempt.trial_id

    def _stages(self, study_id: str) -> list[StageRecord]:
        stages = self._tables.stages[study_id].values()
        return [replace(stage, decision=stage.decision and copy_of(stage.decision)) for stage in stages]

    def _views(self, trials: Iterable[TrialRecord]) -> list[TrialView]:
        names = self._tables.latest_workers()
        return [presenting.trial_view(trial, self._summaries(trial.id), names.get(trial.id, "")) for trial in trials]

    def _summaries(self, trial_id: str) -> presenting.Summaries:
        return {name: known.summary for name, known in self._tables.summaries.get(trial_id, {}).items()}

    def _piece(self, attempt_id: str, name: str) -> Curve:
        chunks = self._tables.chunks.get((attempt_id, name), {})
        return joined([chunks[sequence] for sequence in sorted(chunks)])

    def _core_trial(self, trial: TrialRecord) -> Trial:
        names = self._summaries(trial.id)
        return presenting.core_trial(trial, {name: self.curve(trial.id, name) for name in names})

    def _study_picture(self, study: StudyRecord) -> presenting.StudyPicture:
        trials = self._tables.trials_of(study.id)
        tallies = {kind: _tally(trials, kind) for kind in self._tables.stages[study.id]}
        study = replace(study, spec=copy_of(study.spec))
        return presenting.StudyPicture(
            study,
            self._stages(study.id),
            tallies,
            _columns(trials),
            self._best(study, trials),
            self._device_seconds(study.id),
            self._clock(),
        )

    def _device_seconds(self, study_id: str) -> float:
        own = [item for item in self._tables.attempts.values() if item.study_id == study_id]
        ran = [Ran((item.worker_id, item.device), item.started_at, item.ended_at) for item in own]
        return busy_seconds(spans(ran, self._clock()))

    def _best(self, study: StudyRecord, trials: Sequence[TrialRecord]) -> BestTrial | None:
        scores = {trial.id: trial.score for trial in trials}
        best = study.best_trial_id or presenting.leader(scores, study.spec.metric.direction)
        if best is None:
            return None
        return presenting.best_trial(self._trial(best), self._summaries(best), study.spec.metric)

    def _waiting_because(self, study: StudyRecord, waiting: Sequence[Queued]) -> str:
        if not waiting:
            return waiting_because(study, (), (), ())
        alive, live = self._alive_workers(), self._tables.live_attempts()
        cleared = clearing.cleared(self._overdue(self._clock()), self._open_workers(), live)
        return waiting_because(study, waiting, alive, live, cleared)

    def _alive_workers(self) -> list[WorkerRecord]:
        now = self._clock()
        workers = self._tables.workers.values()
        return [worker for worker in workers if presenting.is_alive(worker, now, self._lease_seconds)]

    def _open_workers(self) -> list[WorkerRecord]:
        return [worker for worker in self._alive_workers() if worker.hold is None]

    def _picture(self, study_id: str) -> Picture:
        trials = self._tables.trials_of(study_id)
        return Picture(
            study=self._study(study_id),
            now=self._clock(),
            stages=dict(self._tables.stages[study_id]),
            trials={trial.id: trial for trial in trials},
            live={attempt.trial_id: attempt for attempt in self._tables.live_attempts_of(study_id)},
            next_number=len(trials),
            next_decision=sum(record.study_id == study_id for record in self._tables.decisions),
        )

    # --- writing -------------------------------------------------------------------------------------------------

    def _write(self, picture: Picture) -> None:
        tables, study_id = self._tables, picture.study.id
        tables.studies[study_id] = picture.study
        tables.stages[study_id] = picture.stages
        tables.trials.update(picture.trials)
        tables.attempts.update(picture.changed_attempts)
        tables.decisions.extend(picture.decisions)
        self._publish(picture.news, picture.now)

    def _publish(self, news: Iterable[News], now: float) -> None:
        for item in news:
            self._tables.publish(item, now)

    def _heard_of(self, worker_id: str, request: SyncRequest, now: float) -> WorkerRecord:
        worker = _found(self._tables.workers, worker_id, "worker")
        devices = leasing.updated_devices(worker.devices, request.devices)
        worker = replace(worker, last_sync_at=now, devices=devices)
        self._tables.workers[worker_id] = worker
        return worker

    def _take_reports(
        self, worker: WorkerRecord, request: SyncRequest, now: float
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Store what counts; return the acknowledged and the lost attempts."""
        acknowledged: list[str] = []
        lost: list[str] = []
        told: list[AttemptRecord] = []
        for report in request.attempts:
            attempt = self._tables.attempts.get(report.attempt_id)
            standing = reporting.standing(report, attempt, worker.id)
            (lost if standing is reporting.Standing.LOST else acknowledged).append(report.attempt_id)
            if attempt is not None and standing is reporting.Standing.LIVE and self._take(attempt, report, now):
                told.append(attempt)
        self._tell_points(told, now)
        return tuple(acknowledged), tuple(lost)

    def _take(self, attempt: AttemptRecord, report: AttemptReport, now: float) -> bool:
        """Take one report; return whether there were new points in it."""
        fresh = self._store_points(attempt.id, report)
        log_bytes = self._store_log(attempt.id, report)
        self._grow(attempt.trial_id, fresh, log_bytes)
        self._work.add(WorkDone(points=sum(len(curve) for _, curve in fresh), log_bytes=log_bytes))
        after = reporting.resumed(attempt, report, now + self._lease_seconds, chunks=len(fresh), printed=log_bytes)
        self._tables.attempts[attempt.id] = after
        self._summarise(after, fresh, anew=reporting.supersedes_anew(attempt, after))
        trial = self._trial(after.trial_id)
        last_step = max([trial.last_step, *(int(piece.steps[-1]) for _, piece in fresh)])
        self._tables.trials[trial.id] = replace(trial, last_step=last_step)
        ending = reporting.ending_of(report, after)
        if ending is not None:
            self._end(after, ending, now)
        return bool(fresh)

    def _store_points(self, attempt_id: str, report: AttemptReport) -> list[tuple[str, Curve]]:
        fresh = []
        for chunk in report.metrics:
            chunks = self._tables.chunks.setdefault((attempt_id, chunk.name), {})
            if chunk.sequence not in chunks:
                chunks[chunk.sequence] = points([chunk]).curves()[0]
                fresh.append((chunk.name, chunks[chunk.sequence]))
        return fresh

    def _store_log(self, attempt_id: str, report: AttemptReport) -> int:
        """Store the pieces that are new; return their bytes as UTF-8."""
        pieces = self._tables.logs.setdefault(attempt_id, {})
        fresh = {chunk.sequence: storable(chunk.text) for chunk in report.logs if chunk.sequence not in pieces}
        fresh = kept(fresh, self._tables.attempts[attempt_id].printed)
        pieces.update(fresh)
        return sum(len(text.encode()) for text in fresh.values())

    def _grow(self, trial_id: str, fresh: Sequence[tuple[str, Curve]], printed: int) -> None:
        """Count what was stored of a trial."""
        trial = self._trial(trial_id)
        size = printed + sum(encode(Ragged.of([piece]))[0].size for _, piece in fresh)
        points = trial.points + sum(len(piece) for _, piece in fresh)
        self._tables.trials[trial_id] = replace(trial, points=points, bytes=trial.bytes + size)

    def _summarise(self, attempt: AttemptRecord, fresh: Sequence[tuple[str, Curve]], *, anew: bool) -> None:
        summaries = self._tables.summaries.setdefault(attempt.trial_id, {})
        if anew:
            names = {*summaries, *(name for name, _ in fresh)}
            curves = {name: self.curve(attempt.trial_id, name) for name in names}
            self._tables.summaries[attempt.trial_id] = {
                name: extended(None, curve) for name, curve in curves.items() if len(curve)
            }
            return
        for name, piece in fresh:
            summaries[name] = extended(summaries.get(name), piece)

    def _tell_points(self, attempts: Sequence[AttemptRecord], now: float) -> None:
        """Say for each study of `attempts` that points have come, unless it has just been said."""
        told = self._tables.points_told
        for study_id, trials in Counter(attempt.study_id for attempt in attempts).items():
            if now - told.get(study_id, -math.inf) >= reporting.METRICS_EVENT_SECONDS:
                told[study_id] = now
                self._publish([reporting.metrics_news(study_id, trials)], now)

    def _end(self, attempt: AttemptRecord, ending: reporting.Ending, now: float) -> None:
        spec = self._study(attempt.study_id).spec
        names = self._summaries(attempt.trial_id)
        ended = reporting.end_attempt(
            self._trial(attempt.trial_id),
            attempt,
            ending,
            now,
            max_attempts=spec.max_attempts,
            measured=reporting.is_measured(names, spec.metric.name),
        )
        done = WorkDone()
        done.note(ended)
        self._work.add(done)
        self._tables.attempts[attempt.id] = ended.attempt
        worker = self._tables.workers[attempt.worker_id]
        failing = quarantine.after_end(worker.failing, ended.attempt)
        self._tables.workers[worker.id] = replace(worker, failing=failing)
        self._tables.trials[attempt.trial_id] = scored(ended.trial, names, spec.metric)
        if ended.news is not None:
            self._publish([ended.news], now)

    def _unheard(self, worker: WorkerRecord, listed: set[str], now: float) -> list[Lease]:
        """Grant leases again that the worker did not list; those that were to stop anyway end at once."""
        again = []
        for attempt in self._tables.live_attempts(worker.id):
            if attempt.id in listed:
                continue
            if attempt.stop:
                self._end(attempt, reporting.Ending(AttemptState.STOPPED, reporting.NEVER_STARTED), now)
                continue
            self._tables.attempts[attempt.id] = replace(attempt, lease_expires_at=now + self._lease_seconds)
            again.append(self._lease(attempt))
        return again

    def _note_packs(self, worker: WorkerRecord, request: SyncRequest) -> None:
        packs = leasing.packs_by_attempt(request.devices)
        for attempt in self._tables.live_attempts(worker.id):
            self._tables.attempts[attempt.id] = leasing.trained_in(attempt, packs.get(attempt.id))

    def _store_profiles(self, worker: WorkerRecord, request: SyncRequest, now: float) -> None:
        reported = {report.attempt_id for report in request.attempts}
        attempts = [item for item in self._tables.attempts.values() if item.worker_id == worker.id]
        own = [item for item in attempts if item.state is AttemptState.RUNNING or item.id in reported]
        labels = granting.labels((self._study(item.study_id).spec, self._trial(item.trial_id)) for item in own)
        for profile in leasing.own_profiles(request.profiles, worker):
            key = profile.run_class, profile.device_model
            before = self._tables.profiles.get(key, ("",))[0]
            self._tables.profiles[key] = (labels.get(profile.run_class) or before, profile, now)

    def _profiles(self) -> dict[leasing.ProfileKey, RunProfile]:
        return {key: profile for key, (_, profile, _) in self._tables.profiles.items()}

    def _judged(self, worker_id: str, now: float) -> WorkerRecord:
        """Return the worker, quarantined where what it has just reported asks for it."""
        worker = self._tables.workers[worker_id]
        because = quarantine.guilt(worker, *self._comparison(worker))
        if because:
            worker = quarantine.quarantined(worker, because, now)
            self._tables.workers[worker_id] = worker
            studies = {self._trial(trial_id).study_id for trial_id in worker.failing}
            self._publish(quarantine.news(worker, studies), now)
        return worker

    def _comparison(self, worker: WorkerRecord) -> tuple[set[str], list[WorkerRecord], list[Objective]]:
        """Return what a worker's failures are held against; see `quarantine.guilt`."""
        workers = self._tables.workers
        shared = {
            trial_id
            for trial_id in worker.failing
            for attempt in self._tables.attempts_of(trial_id)
            if is_failure(attempt.state, alone=attempt.alone) and workers[attempt.worker_id].node != worker.node
        }
        studies = {self._trial(trial_id).study_id for trial_id in worker.failing}
        return shared, self._alive_workers(), [self._study(study_id).spec.objective for study_id in studies]

    def _worker_view(self, worker: WorkerRecord) -> WorkerView:
        return presenting.worker_view(worker, self._tables.live_attempts(worker.id), self._clock(), self._lease_seconds)

    def _grant(self, worker: WorkerRecord, unheard: Sequence[Lease], now: float) -> list[Lease]:
        if worker.hold is not None:
            return []
        overdue = self._overdue(now, worker)
        queue = clearing.first(overdue, self._queue(worker))
        cleared = clearing.cleared(overdue, self._open_workers(), self._tables.live_attempts())
        own = [device for worker_id, device in cleared if worker_id == worker.id]
        seats = seats_of(worker.devices, self._tables.live_attempts(worker.id), classes_by_device(unheard), own)
        leases = []
        for trial_id, device in assign(queue, seats, shares(queue, seats)):
            given = leasing.grant(self._trial(trial_id), worker, device, now, self._lease_seconds)
            self._tables.trials[trial_id] = given.trial
            self._tables.attempts[given.attempt.id] = given.attempt
            self._publish([given.news], now)
            leases.append(self._lease(given.attempt))
        return leases

    def _overdue(self, now: float, worker: WorkerRecord | None = None) -> list[clearing.Overdue]:
        """Return the trials that must run alone and have waited long, of those that the worker could run if named."""
        before = clearing.overdue_before(now, self._lease_seconds)
        return [
            clearing.Overdue(trial, study.spec.objective)
            for study in sorted(self._tables.studies.values(), key=_age)
            if study.state is StudyState.RUNNING and (worker is None or leasing.can_run(worker, study.spec.objective))
            for trial in self._waiting(study)
            if trial.alone and self._waits_since(trial.trial_id) < before
        ]

    def _waits_since(self, trial_id: str) -> float:
        ended = [item for item in self._tables.attempts_of(trial_id) if item.state not in clearing.UNCOUNTED]
        return max(item.ended_at or math.inf for item in ended)

    def _waiting_since(self, trial: TrialRecord) -> float:
        ends = [item.ended_at for item in self._tables.attempts_of(trial.id) if item.ended_at is not None]
        return max(ends, default=trial.created_at)

    def _queue(self, worker: WorkerRecord) -> list[Queued]:
        idle = self._idle_elsewhere(worker)
        own = frozenset(item.id for item in self._tables.workers.values() if item.node == worker.node)
        asker = Asker(own, self._clock() - self._lease_seconds)
        return elsewhere_first(
            trial
            for study in sorted(self._tables.studies.values(), key=_age)
            if study.state is StudyState.RUNNING and leasing.can_run(worker, study.spec.objective)
            for trial in self._waiting(study, leasing.rivals(idle, study.spec.objective), asker)
        )

    def _waiting(self, study: StudyRecord, rivals: int = 0, asker: Asker | None = None) -> list[Queued]:
        waiting = [trial for trial in self._tables.trials_of(study.id) if trial.state is TrialState.WAITING]
        return list(map(Enqueued(study.spec, rivals, asker), sorted(waiting, key=lambda trial: trial.alone)))

    def _idle_elsewhere(self, worker: WorkerRecord) -> list[leasing.Idle]:
        busy = {(attempt.worker_id, attempt.device) for attempt in self._tables.live_attempts()}
        return [
            leasing.Idle(other.objectives, other.allow, 1)
            for other in self._open_workers()
            if other.id != worker.id
            for device in other.devices
            if device.capacity and (other.id, device.name) not in busy
        ]

    def _lease(self, attempt: AttemptRecord) -> Lease:
        return leasing.lease(attempt, self._trial(attempt.trial_id), copy_of(self._study(attempt.study_id).spec))


def _found(table: Mapping[str, Record], key: str, what: str) -> Record:
    if key not in table:
        raise NotFound(f"there is no {what} {key}: list what there is and try again.")
    return table[key]


def _seen_before(seen: tuple[str, str], fingerprint: str) -> Created:
    study_id, earlier = seen
    if earlier != fingerprint:
        raise IdempotencyConflict
    return Created(study_id, fresh=False)


def _age(study: StudyRecord) -> float:
    return study.created_at


def _last_seen(worker: WorkerRecord) -> tuple[float, str]:
    return worker.last_sync_at, worker.id


def _columns(trials: Sequence[TrialRecord]) -> TrialColumns:
    rows = [(trial.started_at, trial.ended_at, trial.last_step, trial.score) for trial in trials]
    return TrialColumns(*np.array(rows, np.float64).reshape(-1, 4).T)


def _tally(trials: Sequence[TrialRecord], kind: StageKind) -> presenting.Tally:
    own = [trial for trial in trials if trial.stage == kind]
    return presenting.Tally(
        trials=len(own),
        ended=sum(trial.state.ended for trial in own),
        steps=sum(trial.last_step for trial in own),
        points=sum(trial.points for trial in own),
        bytes=sum(trial.bytes for trial in own),
    )
