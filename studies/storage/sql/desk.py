"""The desk at which syncs are worked on: the workers' attempts, loaded once and written once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from sqlalchemy import ColumnElement, Connection, or_, select

from studies.contract.states import AttemptState
from studies.contract.worker_protocol import AttemptReport, Lease, StopOrder, SyncAnswer, SyncRequest
from studies.storage import granting, leasing, quarantine, reporting
from studies.storage.records import AttemptRecord, News, StudyRecord, TrialRecord, WorkerRecord
from studies.storage.reporting import Standing
from studies.storage.sql import arrays, events, logs, metrics, tables
from studies.storage.sql import quarantine as verdicts
from studies.storage.sql.among import among
from studies.storage.sql.rows import records, update_all
from studies.storage.summaries import scored
from studies.storage.work_done import WorkDone


@dataclass(frozen=True)
class Call:
    """What a worker says, and the worker as it stands after it."""

    worker: WorkerRecord
    request: SyncRequest


class Desk:
    """What the syncs of some workers work on.

    Args:
        calls: each worker at most once.

    Attributes:
        time: the database's clock, the same for all of them.
        news: what is to be published.
    """

    def __init__(self, connection: Connection, calls: Sequence[Call], lease_seconds: float, done: WorkDone) -> None:
        self._connection = connection
        self._calls = calls
        self._done = done
        self._lease_seconds = lease_seconds
        self._failing = {call.worker.id: call.worker.failing for call in calls}
        self.time = max(call.worker.last_sync_at for call in calls)
        self.news: list[News] = []
        self._expiry = self.time + lease_seconds
        self._attempts = self._load()
        self._stored = dict(self._attempts)
        self._trials: dict[str, TrialRecord] = {}
        self._trials_stored: dict[str, TrialRecord] = {}
        self._studies: dict[str, StudyRecord] = {}
        self._by_worker = _by_worker(self._attempts.values())
        self._standing = {
            (call.worker.id, report.attempt_id): self._stand(call, report)
            for call in calls
            for report in call.request.attempts
        }

    def _load(self) -> dict[str, AttemptRecord]:
        """Lock the trials that will change, and load the attempts of these workers that run or are reported."""
        attempt = tables.attempt.c
        reports = [report for call in self._calls for report in call.request.attempts]
        listed = among(attempt.id, [report.attempt_id for report in reports])
        telling = among(attempt.id, [report.attempt_id for report in reports if _tells(report)])
        own = among(attempt.worker_id, [call.worker.id for call in self._calls])
        running = attempt.state == AttemptState.RUNNING
        self._lock(own & or_(telling, running & ~listed))
        query = select(tables.attempt).where(own & or_(running, listed)).order_by(attempt.started_at, attempt.id)
        return {item.id: item for item in records(self._connection, AttemptRecord, query)}

    def _lock(self, attempts: ColumnElement[bool]) -> None:
        trial = tables.trial.c
        its_attempts = select(tables.attempt.c.trial_id).where(attempts)
        query = select(trial.id).where(trial.id.in_(its_attempts)).order_by(trial.id).with_for_update(key_share=True)
        self._connection.execute(query).all()

    def _stand(self, call: Call, report: AttemptReport) -> Standing:
        return reporting.standing(report, self._attempts.get(report.attempt_id), call.worker.id)

    def _live_reports(self) -> list[AttemptReport]:
        return [
            report
            for call in self._calls
            for report in call.request.attempts
            if self._standing[call.worker.id, report.attempt_id] is Standing.LIVE
        ]

    def live(self, call: Call) -> list[AttemptRecord]:
        """Return the worker's running attempts."""
        own = (self._attempts[attempt_id] for attempt_id in self._by_worker.get(call.worker.id, ()))
        return [attempt for attempt in own if attempt.state is AttemptState.RUNNING]

    # --- news ----------------------------------------------------------------------------------------------------

    def note_packs(self) -> None:
        """Keep with each running attempt how its pack trains it."""
        for call in self._calls:
            packs = leasing.packs_by_attempt(call.request.devices)
            for attempt in self.live(call) if packs else ():
                self._attempts[attempt.id] = leasing.trained_in(attempt, packs.get(attempt.id))

    def take_points(self) -> None:
        """Store chunks and logs of live attempts, and bring summaries up to date from what was really new."""
        reports = self._live_reports()
        fresh = metrics.store(self._connection, reports)
        before = {attempt.id: attempt.printed for attempt in self._attempts.values()}
        printed = logs.store(self._connection, reports, before)
        chunks = Counter(attempt_id for attempt_id, _ in fresh.keys)
        anew = {
            after.trial_id
            for report in reports
            for old, after in (self._resume(report, chunks[report.attempt_id], printed[report.attempt_id]),)
            if reporting.supersedes_anew(old, after)
        }
        self._add_to_summaries(fresh, anew)
        self._grow_trials(fresh, printed)
        self._write_attempts()
        metrics.renew_summaries(self._connection, anew)
        self._tell_points(chunks)

    def _resume(self, report: AttemptReport, chunks: int, printed: int) -> tuple[AttemptRecord, AttemptRecord]:
        before = self._attempts[report.attempt_id]
        after = reporting.resumed(before, report, self._expiry, chunks=chunks, printed=printed)
        self._attempts[before.id] = after
        return before, after

    def _add_to_summaries(self, fresh: metrics.Fresh, anew: Collection[str]) -> None:
        keys = [(self._attempts[attempt_id].trial_id, name) for attempt_id, name in fresh.keys]
        wanted = [trial_id not in anew for trial_id, _ in keys]
        if fresh.curves is not None and any(wanted):
            metrics.add_to_summaries(
                self._connection, list(compress(keys, wanted)), fresh.curves.take(np.array(wanted))
            )

    def _grow_trials(self, fresh: metrics.Fresh, printed: Counter[str]) -> None:
        """Note how far trials have come and what is stored of them; one changes, too, where its attempt began anew."""
        told = [new for new in self._attempts.values() if reporting.tells_more(self._stored[new.id], new)]
        grown = {self._attempts[attempt_id].trial_id: _Growth() for attempt_id in printed}
        grown |= {attempt.trial_id: _Growth() for attempt in told}
        for attempt_id, size in printed.items():
            grown[self._attempts[attempt_id].trial_id].bytes += size
        if fresh.curves is not None:
            last = fresh.curves.steps[fresh.curves.ends - 1].tolist()
            rows = zip(fresh.keys, last, fresh.curves.lengths.tolist(), fresh.sizes, strict=True)
            for (attempt_id, _), last_step, points, size in rows:
                grown[self._attempts[attempt_id].trial_id].add(last_step, points, size)
        columns: arrays.Columns = {
            "id": [*grown],
            "last_step": [growth.last_step for growth in grown.values()],
            "points": [growth.points for growth in grown.values()],
            "bytes": [growth.bytes for growth in grown.values()],
        }
        arrays.update_rows(self._connection, tables.trial, columns, _grown)
        self._done.points += sum(growth.points for growth in grown.values())
        self._done.log_bytes += printed.total()

    def _tell_points(self, attempt_ids: Iterable[str]) -> None:
        trials = Counter(self._attempts[attempt_id].study_id for attempt_id in attempt_ids)
        due = events.metrics_due(self._connection, trials.keys(), self.time)
        self.news += [reporting.metrics_news(study_id, trials[study_id]) for study_id in due]

    def take_outcomes(self) -> None:
        """End the attempts that their workers say have ended."""
        ended = [
            (self._attempts[report.attempt_id], ending)
            for report in self._live_reports()
            if report.outcome is not None
            for ending in (reporting.ending_of(report, self._attempts[report.attempt_id]),)
            if ending is not None
        ]
        self._know([attempt for attempt, _ in ended])
        summaries = metrics.summaries(self._connection, {attempt.trial_id for attempt, _ in ended})
        for attempt, ending in ended:
            names = summaries.get(attempt.trial_id, {})
            metric = self._studies[attempt.study_id].spec.metric
            self._end(attempt, ending, measured=reporting.is_measured(names, metric.name))
            self._trials[attempt.trial_id] = scored(self._trials[attempt.trial_id], names, metric)

    def _know(self, attempts: Collection[AttemptRecord]) -> None:
        """Load the trials and studies of `attempts` that are not known yet."""
        trials = {attempt.trial_id for attempt in attempts} - self._trials.keys()
        studies = {attempt.study_id for attempt in attempts} - self._studies.keys()
        if trials:
            query = select(tables.trial).where(among(tables.trial.c.id, trials))
            found = {item.id: item for item in records(self._connection, TrialRecord, query)}
            self._trials |= found
            self._trials_stored |= found
        if studies:
            query = select(tables.study).where(tables.study.c.id.in_(studies))
            self._studies |= {item.id: item for item in records(self._connection, StudyRecord, query)}

    def _end(self, attempt: AttemptRecord, ending: reporting.Ending, *, measured: bool = True) -> None:
        ended = reporting.end_attempt(
            self._trials[attempt.trial_id],
            attempt,
            ending,
            self.time,
            max_attempts=self._studies[attempt.study_id].spec.max_attempts,
            measured=measured,
        )
        self._done.note(ended)
        self._attempts[attempt.id] = ended.attempt
        self._failing[attempt.worker_id] = quarantine.after_end(self._failing[attempt.worker_id], ended.attempt)
        self._trials[attempt.trial_id] = ended.trial
        if ended.news is not None:
            self.news.append(ended.news)

    def labels(self) -> dict[str, str]:
        """Return classes in words, of the runs that these workers have or report."""
        self._know(self._attempts.values())
        of_workers = {attempt.trial_id for attempt in self._attempts.values()}
        runs = [(self._studies[trial.study_id].spec, trial) for trial in map(self._trials.__getitem__, of_workers)]
        return granting.labels(runs)

    # --- leases --------------------------------------------------------------------------------------------------

    def renew(self, call: Call) -> list[Lease]:
        """Grant leases again that the worker did not list; those that were to stop anyway end at once."""
        unheard = [attempt for attempt in self.live(call) if (call.worker.id, attempt.id) not in self._standing]
        self._know(unheard)
        again = []
        for attempt in unheard:
            if attempt.stop:
                self._end(attempt, reporting.Ending(AttemptState.STOPPED, reporting.NEVER_STARTED))
                continue
            self._attempts[attempt.id] = replace(attempt, lease_expires_at=self._expiry)
            spec = self._studies[attempt.study_id].spec
            again.append(leasing.lease(attempt, self._trials[attempt.trial_id], spec))
        return again

    def judge(self, call: Call) -> WorkerRecord:
        """Return the worker with its row of failures as it is now, quarantined where that asks for it."""
        failing = self._failing[call.worker.id]
        if failing == call.worker.failing:
            return call.worker
        worker = replace(call.worker, failing=failing)
        judged, news = verdicts.judge(self._connection, worker, self.time - self._lease_seconds)
        verdicts.write(self._connection, judged)
        self.news += news
        return judged

    # --- the end -------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write the attempts and trials that have changed and are not written yet."""
        self._write_attempts()
        before = self._trials_stored
        update_all(self._connection, tables.trial, [new for new in self._trials.values() if new != before[new.id]])
        self._trials_stored = dict(self._trials)

    def _write_attempts(self) -> None:
        """Write what changed of attempts; of those that run, only what a sync changes: a stop order may just arrive."""
        changed = [new for new in self._attempts.values() if new is not self._stored[new.id]]
        running = [attempt for attempt in changed if attempt.state is AttemptState.RUNNING]
        columns = {name: [getattr(attempt, name) for attempt in running] for name in ("id", *_PROGRESS)}
        arrays.update_rows(self._connection, tables.attempt, columns)
        update_all(
            self._connection, tables.attempt, [item for item in changed if item.state is not AttemptState.RUNNING]
        )
        self._stored = dict(self._attempts)

    def answer(self, call: Call, granted: Sequence[Lease]) -> SyncAnswer:
        standing = {
            report.attempt_id: self._standing[call.worker.id, report.attempt_id] for report in call.request.attempts
        }
        return SyncAnswer(
            acknowledged=tuple(name for name, stands in standing.items() if stands is not Standing.LOST),
            lost=tuple(name for name, stands in standing.items() if stands is Standing.LOST),
            stop=tuple(StopOrder(attempt_id=item.id, reason=item.stop) for item in self.live(call) if item.stop),
            leases=tuple(granted),
            server_time=self.time,
        )


_PROGRESS = (
    "lease_expires_at",
    "started_from",
    "chunks",
    "printed",
    "engine",
    "width",
    "pack_id",
    "peak_memory_bytes",
    "samples_per_second",
)
"""What a sync may change of an attempt that runs on."""


def _by_worker(attempts: Iterable[AttemptRecord]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for attempt in attempts:
        found.setdefault(attempt.worker_id, []).append(attempt.id)
    return found


def _tells(report: AttemptReport) -> bool:
    """Return whether a report may change its trial; one that does not only renews a lease."""
    return bool(report.metrics or report.logs or report.outcome or report.started_from)


@dataclass
class _Growth:
    """What is new of a trial."""

    last_step: int = 0
    points: int = 0
    bytes: int = 0

    def add(self, last_step: int, points: int, size: int) -> None:
        self.last_step = max(self.last_step, last_step)
        self.points += points
        self.bytes += size


def _grown(stored: arrays.Row, given: arrays.Row) -> dict[str, ColumnElement[int]]:
    return {
        "last_step": arrays.larger(stored["last_step"], given["last_step"]),
        "points": stored["points"] + given["points"],
        "bytes": stored["bytes"] + given["bytes"],
    }
