"""One sync of a worker: its news stored and answered, in a number of statements that does not grow with its runs.

The worker's row is locked first, so that two copies of one request are taken one after the other; then the trials of
its attempts, by id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Connection, or_, select, update

from studies.contract.states import AttemptState
from studies.contract.worker_protocol import AttemptReport, Lease, StopOrder, SyncAnswer, SyncRequest
from studies.storage import granting, leasing, quarantine, reporting
from studies.storage.checkpoints import with_checkpoints
from studies.storage.records import AttemptRecord, News, StudyRecord, TrialRecord, WorkerRecord
from studies.storage.reporting import Standing
from studies.storage.sql import checkpoints, events, leases, logs, metrics, profiles, tables, workers
from studies.storage.sql import quarantine as verdicts
from studies.storage.sql.rows import records, update_all
from studies.storage.summaries import Running, extended, scored
from studies.storage.work_done import WorkDone


def sync(
    connection: Connection, worker_id: str, request: SyncRequest, lease_seconds: float, done: WorkDone
) -> SyncAnswer:
    """Take a worker's news, count them in `done` and answer; see `studies.storage.port.StudyStore.sync`."""
    worker = workers.heard_of(connection, worker_id, request.devices)
    desk = Desk(connection, worker, request, lease_seconds, done)
    desk.note_packs()
    desk.take_points()
    desk.take_outcomes()
    again = desk.renew()
    desk.write()
    profiles.store(connection, leasing.own_profiles(request.profiles, worker), desk.labels(), desk.time)
    worker, told = desk.judge()
    held = leases.Held(desk.live(), granting.classes_by_device(again))
    fresh, news = leases.grant(connection, worker, held, desk.time, lease_seconds)
    known = profiles.of(connection, leasing.profile_keys([*again, *fresh], worker))
    events.publish(connection, [*desk.news, *told, *news], desk.time)
    granted = leasing.with_profiles([*again, *fresh], worker, known)
    return desk.answer(with_checkpoints(granted, checkpoints.of(connection, [each.run.trial_id for each in granted])))


class Desk:
    """What one sync works on: the worker's attempts with their trials and studies, loaded once and written once."""

    def __init__(
        self,
        connection: Connection,
        worker: WorkerRecord,
        request: SyncRequest,
        lease_seconds: float,
        done: WorkDone,
    ) -> None:
        self._done = done
        self._connection = connection
        self._worker = worker
        self._request = request
        self._lease_seconds = lease_seconds
        self._expiry = worker.last_sync_at + lease_seconds
        self.time = worker.last_sync_at
        self.news: list[News] = []
        self._failing = worker.failing
        self._load([report.attempt_id for report in request.attempts])
        self._standing = {
            report.attempt_id: reporting.standing(report, self._attempts.get(report.attempt_id), worker.id)
            for report in request.attempts
        }

    def _load(self, listed: Collection[str]) -> None:
        attempt, trial = tables.attempt.c, tables.trial.c
        mine = (attempt.worker_id == self._worker.id) & or_(
            attempt.state == AttemptState.RUNNING, attempt.id.in_(listed)
        )
        locked = (
            select(tables.trial)
            .where(trial.id.in_(select(attempt.trial_id).where(mine)))
            .order_by(trial.id)
            .with_for_update(key_share=True)
        )
        self._trials = {item.id: item for item in records(self._connection, TrialRecord, locked)}
        found = records(
            self._connection, AttemptRecord, select(tables.attempt).where(mine).order_by(attempt.started_at, attempt.id)
        )
        self._attempts = {item.id: item for item in found}
        self._before = dict(self._attempts), dict(self._trials)
        ids = {item.study_id for item in found}
        query = select(tables.study).where(tables.study.c.id.in_(ids))
        self._studies = {item.id: item for item in records(self._connection, StudyRecord, query)} if ids else {}

    def _reports(self, standing: Standing) -> list[AttemptReport]:
        return [report for report in self._request.attempts if self._standing[report.attempt_id] is standing]

    def live(self) -> list[AttemptRecord]:
        """Return the worker's running attempts."""
        return [attempt for attempt in self._attempts.values() if attempt.state is AttemptState.RUNNING]

    # --- news ----------------------------------------------------------------------------------------------------

    def note_packs(self) -> None:
        """Keep with each running attempt how its pack trains it."""
        packs = leasing.packs_by_attempt(self._request.devices)
        for attempt in self.live():
            self._attempts[attempt.id] = leasing.trained_in(attempt, packs.get(attempt.id))

    def labels(self) -> dict[str, str]:
        """Return classes in words, of the runs that the worker has or reports, where profiles ask for them."""
        if not self._request.profiles:
            return {}
        runs = [(self._studies[trial.study_id].spec, trial) for trial in self._trials.values()]
        return granting.labels(runs)

    def take_points(self) -> None:
        """Store chunks and logs of live attempts, and bring summaries up to date from what was really new."""
        reports = self._reports(Standing.LIVE)
        fresh = metrics.store(self._connection, reports)
        printed = logs.store(self._connection, reports, {each.id: each.printed for each in self._attempts.values()})
        self._done.points += sum(len(item.curve) for item in fresh)
        self._done.log_bytes += printed.total()
        anew = set()
        for report in reports:
            before = self._attempts[report.attempt_id]
            count = sum(item.attempt_id == before.id for item in fresh)
            after = reporting.resumed(before, report, count)
            after = replace(after, lease_expires_at=self._expiry, printed=before.printed + printed[before.id])
            self._attempts[before.id] = after
            if reporting.supersedes_anew(before, after):
                anew.add(after.trial_id)
        self._summarise([item for item in fresh if self._attempts[item.attempt_id].trial_id not in anew])
        self._summarise_anew(anew)
        self._tell_points(fresh)
        self._grow(fresh, printed)

    def _summarise(self, fresh: Sequence[metrics.FreshPoints]) -> None:
        trial_ids = {self._attempts[item.attempt_id].trial_id for item in fresh}
        before = metrics.running(self._connection, trial_ids)
        changed: dict[str, dict[str, Running]] = {trial_id: {} for trial_id in trial_ids}
        for item in fresh:
            trial_id = self._attempts[item.attempt_id].trial_id
            own = changed[trial_id]
            known = own.get(item.name) or before.get(trial_id, {}).get(item.name)
            own[item.name] = extended(known, item.curve)
        metrics.store_summaries(self._connection, changed)

    def _summarise_anew(self, trial_ids: Collection[str]) -> None:
        """Compute summaries from the curves: an attempt that resumed has just begun to replace earlier points."""
        if not trial_ids:
            return
        changed = [attempt for attempt in self._attempts.values() if attempt.trial_id in trial_ids]
        update_all(self._connection, tables.attempt, changed)
        for trial_id, curves in metrics.curves(self._connection, list(trial_ids)).items():
            anew = {name: extended(None, curve) for name, curve in curves.items()}
            gone = metrics.summaries(self._connection, [trial_id]).get(trial_id, {}).keys() - anew.keys()
            metrics.forget_summaries(self._connection, trial_id, gone)
            metrics.store_summaries(self._connection, {trial_id: anew})

    def _tell_points(self, fresh: Sequence[metrics.FreshPoints]) -> None:
        reached: dict[str, int] = {}
        for item in fresh:
            trial_id = self._attempts[item.attempt_id].trial_id
            reached[trial_id] = max(reached.get(trial_id, 0), int(item.curve.steps[-1]))
        for trial_id, step in reached.items():
            trial = self._trials[trial_id]
            trial = replace(trial, last_step=max(trial.last_step, step))
            if reporting.metrics_event_due(trial, self.time):
                trial = replace(trial, told_at=self.time)
                self.news.append(reporting.metrics_news(trial))
            self._trials[trial_id] = trial

    def _grow(self, fresh: Sequence[metrics.FreshPoints], printed: Counter[str]) -> None:
        """Count what was stored of each trial."""
        points: Counter[str] = Counter()
        for item in fresh:
            points[item.attempt_id] += len(item.curve)
            printed[item.attempt_id] += item.size
        for attempt_id, size in printed.items():
            trial = self._trials[self._attempts[attempt_id].trial_id]
            self._trials[trial.id] = replace(trial, points=trial.points + points[attempt_id], bytes=trial.bytes + size)

    def take_outcomes(self) -> None:
        """End the attempts that the worker says have ended."""
        ended = [
            (self._attempts[report.attempt_id], ending)
            for report in self._reports(Standing.LIVE)
            for ending in (reporting.ending_of(report, self._attempts[report.attempt_id]),)
            if ending is not None
        ]
        summaries = metrics.summaries(self._connection, {attempt.trial_id for attempt, _ in ended})
        for attempt, ending in ended:
            names = summaries.get(attempt.trial_id, {})
            metric = self._studies[attempt.study_id].spec.metric
            self._end(attempt, ending, measured=reporting.is_measured(names, metric.name))
            self._trials[attempt.trial_id] = scored(self._trials[attempt.trial_id], names, metric)

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
        self._failing = quarantine.after_end(self._failing, ended.attempt)
        self._trials[attempt.trial_id] = ended.trial
        if ended.news is not None:
            self.news.append(ended.news)

    # --- leases --------------------------------------------------------------------------------------------------

    def renew(self) -> list[Lease]:
        """Grant leases again that the worker did not list; those that were to stop anyway end at once."""
        again = []
        for attempt in [attempt for attempt in self.live() if attempt.id not in self._standing]:
            if attempt.stop:
                self._end(attempt, reporting.Ending(AttemptState.STOPPED, reporting.NEVER_STARTED))
                continue
            self._attempts[attempt.id] = replace(attempt, lease_expires_at=self._expiry)
            spec = self._studies[attempt.study_id].spec
            again.append(leasing.lease(attempt, self._trials[attempt.trial_id], spec))
        return again

    def judge(self) -> tuple[WorkerRecord, list[News]]:
        """Return the worker with its row of failures as it is now, quarantined where that asks for it."""
        if self._failing == self._worker.failing:
            return self._worker, []
        worker = replace(self._worker, failing=self._failing)
        judged, news = verdicts.judge(self._connection, worker, self.time - self._lease_seconds)
        verdicts.write(self._connection, judged)
        return judged, news

    # --- the end -------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write the attempts and trials that changed; those that only live on are renewed in one statement.

        A trial has changed, too, when more was reported for it: by its row's mark others see that.
        """
        attempts, trials = self._before
        changed = [new for new in self._attempts.values() if new != attempts[new.id]]
        renewed = [new.id for new in changed if new == replace(attempts[new.id], lease_expires_at=self._expiry)]
        if renewed:
            statement = update(tables.attempt).where(tables.attempt.c.id.in_(renewed))
            self._connection.execute(statement.values(lease_expires_at=self._expiry))
        update_all(self._connection, tables.attempt, [new for new in changed if new.id not in renewed])
        told = {new.trial_id for new in changed if reporting.tells_more(attempts[new.id], new)}
        rewritten = [new for new in self._trials.values() if new != trials[new.id] or new.id in told]
        update_all(self._connection, tables.trial, rewritten)

    def answer(self, granted: Sequence[Lease]) -> SyncAnswer:
        kept = [name for name, standing in self._standing.items() if standing is not Standing.LOST]
        return SyncAnswer(
            acknowledged=tuple(kept),
            lost=tuple(name for name, standing in self._standing.items() if standing is Standing.LOST),
            stop=tuple(StopOrder(attempt_id=item.id, reason=item.stop) for item in self.live() if item.stop),
            leases=tuple(granted),
            server_time=self.time,
        )
