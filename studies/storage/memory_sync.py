"""The desk at which the memory store works on one worker's sync; `sql.desk` does it for many in SQL."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from studies.contract.packing import RunProfile
from studies.contract.states import AttemptState, WorkerHold
from studies.contract.study_file import Objective
from studies.contract.worker_protocol import AttemptReport, Lease, StopOrder, SyncAnswer, SyncRequest
from studies.core.curves import Ragged
from studies.core.lifecycle import is_failure
from studies.core.snapshot import Curve
from studies.storage import clearing, granting, leasing, quarantine, reporting
from studies.storage import memory_reading as reading
from studies.storage.assembly import points
from studies.storage.checkpoints import with_checkpoints
from studies.storage.codec import encode
from studies.storage.copies import copy_of, storable
from studies.storage.log_cap import kept
from studies.storage.memory_queue import Moment
from studies.storage.records import AttemptRecord, News, WorkerRecord
from studies.storage.summaries import extended, scored
from studies.storage.work_done import WorkDone, WorkLog


class Desk:
    """Changes attempts and trials, by the rules that both stores share.

    Args:
        moment: the tables that are worked on, and when.
        work: where what was done is counted.
    """

    def __init__(self, moment: Moment, work: WorkLog) -> None:
        self._moment = moment
        self._tables = moment.tables
        self._now = moment.now
        self._lease_seconds = moment.lease_seconds
        self._work = work

    def sync(self, worker_id: str, request: SyncRequest) -> SyncAnswer:
        """Take a worker's news and answer; see `StudyStore.sync`."""
        worker = self._heard_of(worker_id, request)
        self._note_packs(worker, request)
        acknowledged, lost = self._take_reports(worker, request)
        again = self._unheard(worker, {report.attempt_id for report in request.attempts})
        self._store_profiles(worker, request)
        leases = [*again, *self._grant(self._judged(worker_id), again)]
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
            server_time=self._now,
        )

    def expire(self) -> int:
        """End the attempts whose lease has run out; return how many."""
        overdue = [attempt for attempt in self._tables.live_attempts() if attempt.lease_expires_at < self._now]
        for attempt in overdue:
            self._end(attempt, reporting.Ending(AttemptState.EXPIRED, reporting.GONE_SILENT))
        return len(overdue)

    def review_quarantine(self) -> int:
        """Release nodes whose failures others share by now; return how many workers that were."""
        held = [item for item in self._tables.workers.values() if item.hold is WorkerHold.QUARANTINED]
        compared = [(worker, self._comparison(worker)) for worker in held]
        innocent = [(worker, known[0]) for worker, known in compared if quarantine.innocent(worker, *known)]
        self._tables.workers.update({item.id: quarantine.pardoned(item, shared) for item, shared in innocent})
        return len(innocent)

    def _publish(self, news: Iterable[News]) -> None:
        for item in news:
            self._tables.publish(item, self._now)

    # --- the worker ----------------------------------------------------------------------------------------------

    def _heard_of(self, worker_id: str, request: SyncRequest) -> WorkerRecord:
        worker = reading.found(self._tables.workers, worker_id, "worker")
        devices = leasing.updated_devices(worker.devices, request.devices)
        worker = replace(worker, last_sync_at=self._now, devices=devices)
        self._tables.workers[worker_id] = worker
        return worker

    def _note_packs(self, worker: WorkerRecord, request: SyncRequest) -> None:
        packs = leasing.packs_by_attempt(request.devices)
        for attempt in self._tables.live_attempts(worker.id):
            self._tables.attempts[attempt.id] = leasing.trained_in(attempt, packs.get(attempt.id))

    def _store_profiles(self, worker: WorkerRecord, request: SyncRequest) -> None:
        tables = self._tables
        reported = {report.attempt_id for report in request.attempts}
        attempts = [item for item in tables.attempts.values() if item.worker_id == worker.id]
        own = [item for item in attempts if item.state is AttemptState.RUNNING or item.id in reported]
        labels = granting.labels(
            (reading.study_of(tables, item.study_id).spec, reading.trial_of(tables, item.trial_id)) for item in own
        )
        for profile in leasing.own_profiles(request.profiles, worker):
            key = profile.run_class, profile.device_model
            before = tables.profiles.get(key, ("",))[0]
            tables.profiles[key] = (labels.get(profile.run_class) or before, profile, self._now)

    def _profiles(self) -> dict[leasing.ProfileKey, RunProfile]:
        return {key: profile for key, (_, profile, _) in self._tables.profiles.items()}

    def _judged(self, worker_id: str) -> WorkerRecord:
        """Return the worker, quarantined where what it has just reported asks for it."""
        worker = self._tables.workers[worker_id]
        because = quarantine.guilt(worker, *self._comparison(worker))
        if because:
            worker = quarantine.quarantined(worker, because, self._now)
            self._tables.workers[worker_id] = worker
            self._publish(quarantine.news(worker, self._failing_studies(worker)))
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
        studies = [reading.study_of(self._tables, study_id) for study_id in self._failing_studies(worker)]
        return shared, self._moment.alive_workers(), [study.spec.objective for study in studies]

    def _failing_studies(self, worker: WorkerRecord) -> set[str]:
        return {reading.trial_of(self._tables, trial_id).study_id for trial_id in worker.failing}

    # --- its runs ------------------------------------------------------------------------------------------------

    def _take_reports(self, worker: WorkerRecord, request: SyncRequest) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Store what counts; return the acknowledged and the lost attempts."""
        acknowledged: list[str] = []
        lost: list[str] = []
        told: list[AttemptRecord] = []
        for report in request.attempts:
            attempt = self._tables.attempts.get(report.attempt_id)
            standing = reporting.standing(report, attempt, worker.id)
            (lost if standing is reporting.Standing.LOST else acknowledged).append(report.attempt_id)
            if attempt is not None and standing is reporting.Standing.LIVE and self._take(attempt, report):
                told.append(attempt)
        self._tell_points(told)
        return tuple(acknowledged), tuple(lost)

    def _take(self, attempt: AttemptRecord, report: AttemptReport) -> bool:
        """Take one report; return whether there were new points in it."""
        fresh = self._store_points(attempt.id, report)
        log_bytes = self._store_log(attempt.id, report)
        self._grow(attempt.trial_id, fresh, log_bytes)
        self._work.add(WorkDone(points=sum(len(curve) for _, curve in fresh), log_bytes=log_bytes))
        expiry = self._now + self._lease_seconds
        after = reporting.resumed(attempt, report, expiry, chunks=len(fresh), printed=log_bytes)
        self._tables.attempts[attempt.id] = after
        self._summarise(after, fresh, anew=reporting.supersedes_anew(attempt, after))
        ending = reporting.ending_of(report, after)
        if ending is not None:
            self._end(after, ending)
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
        """Note how far a trial has come, and count what was stored of it."""
        trial = reading.trial_of(self._tables, trial_id)
        size = printed + sum(encode(Ragged.of([piece]))[0].size for _, piece in fresh)
        self._tables.trials[trial_id] = replace(
            trial,
            last_step=max([trial.last_step, *(int(piece.steps[-1]) for _, piece in fresh)]),
            points=trial.points + sum(len(piece) for _, piece in fresh),
            bytes=trial.bytes + size,
        )

    def _summarise(self, attempt: AttemptRecord, fresh: Sequence[tuple[str, Curve]], *, anew: bool) -> None:
        summaries = self._tables.summaries.setdefault(attempt.trial_id, {})
        if anew:
            names = {*summaries, *(name for name, _ in fresh)}
            curves = {name: reading.curve(self._tables, attempt.trial_id, name) for name in names}
            self._tables.summaries[attempt.trial_id] = {
                name: extended(None, curve) for name, curve in curves.items() if len(curve)
            }
            return
        for name, piece in fresh:
            summaries[name] = extended(summaries.get(name), piece)

    def _tell_points(self, attempts: Sequence[AttemptRecord]) -> None:
        """Say for each study of `attempts` that points have come, unless it has just been said."""
        told = self._tables.points_told
        for study_id, trials in Counter(attempt.study_id for attempt in attempts).items():
            if self._now - told.get(study_id, -math.inf) >= reporting.METRICS_EVENT_SECONDS:
                told[study_id] = self._now
                self._publish([reporting.metrics_news(study_id, trials)])

    def _end(self, attempt: AttemptRecord, ending: reporting.Ending) -> None:
        spec = reading.study_of(self._tables, attempt.study_id).spec
        names = reading.summaries(self._tables, attempt.trial_id)
        ended = reporting.end_attempt(
            reading.trial_of(self._tables, attempt.trial_id),
            attempt,
            ending,
            self._now,
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
            self._publish([ended.news])

    # --- leases --------------------------------------------------------------------------------------------------

    def _unheard(self, worker: WorkerRecord, listed: set[str]) -> list[Lease]:
        """Grant leases again that the worker did not list; those that were to stop anyway end at once."""
        again = []
        for attempt in self._tables.live_attempts(worker.id):
            if attempt.id in listed:
                continue
            if attempt.stop:
                self._end(attempt, reporting.Ending(AttemptState.STOPPED, reporting.NEVER_STARTED))
                continue
            self._tables.attempts[attempt.id] = replace(attempt, lease_expires_at=self._now + self._lease_seconds)
            again.append(self._lease(attempt))
        return again

    def _grant(self, worker: WorkerRecord, unheard: Sequence[Lease]) -> list[Lease]:
        if worker.hold is not None:
            return []
        tables, moment = self._tables, self._moment
        overdue = moment.overdue(worker)
        queue = clearing.first(overdue, moment.queue(worker))
        cleared = clearing.cleared(overdue, moment.open_workers(), tables.live_attempts())
        own = [device for worker_id, device in cleared if worker_id == worker.id]
        live = tables.live_attempts(worker.id)
        seats = granting.seats_of(worker.devices, live, granting.classes_by_device(unheard), own)
        leases = []
        for trial_id, device in granting.assign(queue, seats, granting.shares(queue, seats)):
            given = leasing.grant(reading.trial_of(tables, trial_id), worker, device, self._now, self._lease_seconds)
            tables.trials[trial_id] = given.trial
            tables.attempts[given.attempt.id] = given.attempt
            self._publish([given.news])
            leases.append(self._lease(given.attempt))
        return leases

    def _lease(self, attempt: AttemptRecord) -> Lease:
        spec = copy_of(reading.study_of(self._tables, attempt.study_id).spec)
        return leasing.lease(attempt, reading.trial_of(self._tables, attempt.trial_id), spec)
