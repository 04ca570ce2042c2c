"""Granting leases and ending those that have run out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, not_, select, update

from studies.contract.states import AttemptState, StudyState, TrialState
from studies.contract.study_file import StudySpec
from studies.contract.worker_protocol import Lease
from studies.storage import clearing, leasing, reporting
from studies.storage.granting import Asker, Enqueued, Queued, Seats, assign, elsewhere_first, seats_of, shares
from studies.storage.records import AttemptRecord, News, StudyRecord, TrialRecord, WorkerRecord
from studies.storage.sql import events, queue, tables, workers
from studies.storage.sql.among import among
from studies.storage.sql.engine import clock, now
from studies.storage.sql.rows import insert_all, records, update_all
from studies.storage.work_done import WorkDone

STAND_INS = 8
"""Trials that are asked for beside each chosen one, since so many servers may be claiming the same at this moment."""


@dataclass(frozen=True)
class Held:
    """What a worker holds: its running attempts, classes that it has not yet heard of, by device, and its devices that
    are cleared for runs that must be alone.
    """

    live: Collection[AttemptRecord]
    unheard: Mapping[str, Sequence[str]]
    cleared: Collection[str] = ()

    def seats(self, worker: WorkerRecord) -> list[Seats]:
        """Return the seats of the worker's devices, to be counted down."""
        return seats_of(worker.devices, self.live, self.unheard, self.cleared)


def grant(
    connection: Connection, worker: WorkerRecord, held: Held, time: float, lease_seconds: float
) -> tuple[list[Lease], list[News]]:
    """Give waiting trials to the devices of a worker, by `studies.storage.granting`.

    What goes together is chosen from the head of the queue, unlocked. As many of these trials are then locked, those
    that another server is claiming skipped. Their studies are locked against a pause, and skipped where a pause is
    just being written: a lease granted now is one that the pause will see.
    """
    if worker.hold is not None or not any(seat.hungry for seat in held.seats(worker)):
        return [], []
    specs = queue.runnable(connection, worker)
    waiting = _head(connection, worker, specs, time - lease_seconds)
    if not waiting:
        return [], []
    length = queue.length(connection, specs, waiting)
    overdue = queue.overdue(connection, specs, clearing.overdue_before(time, lease_seconds))
    if overdue:
        waiting = clearing.first(overdue, waiting)
        held = replace(held, cleared=_cleared(connection, worker, overdue, time - lease_seconds))
    allowed = shares(waiting, held.seats(worker), length)
    chosen = [trial_id for trial_id, _ in assign(waiting, held.seats(worker), allowed)]
    if not chosen:
        return [], []
    trials = {trial.id: trial for trial in _claim(connection, chosen, _like(waiting, chosen))}
    running = _still_running(connection, {trial.study_id for trial in trials.values()})
    claimed = [item for item in waiting if item.trial_id in trials and item.study_id in running]
    begins = now(connection)  # `time` may be earlier than the end of a trial's last attempt, written meanwhile
    given = [
        leasing.grant(trials[trial_id], worker, device, begins, lease_seconds)
        for trial_id, device in assign(claimed, held.seats(worker), allowed)
    ]
    update_all(connection, tables.trial, [item.trial for item in given])
    insert_all(connection, tables.attempt, [item.attempt for item in given])
    leases = [leasing.lease(item.attempt, item.trial, running[item.trial.study_id].spec) for item in given]
    return leases, [item.news for item in given]


def _head(connection: Connection, worker: WorkerRecord, specs: Mapping[str, StudySpec], since: float) -> list[Queued]:
    """Return the head of the queue of what the worker can run, with the devices that idle elsewhere."""
    rows = queue.head(connection, specs)
    idle = workers.idle_elsewhere(connection, worker, since) if rows else ()
    asker = Asker(workers.of_same_node(connection, worker, {row.failed_on for row in rows} - {""}), since)
    entry = {study_id: Enqueued(spec, leasing.rivals(idle, spec.objective), asker) for study_id, spec in specs.items()}
    return elsewhere_first(entry[row.study_id](row) for row in rows)


def _cleared(
    connection: Connection, worker: WorkerRecord, overdue: Sequence[clearing.Overdue], since: float
) -> list[str]:
    """Return those of the worker's devices that are cleared for runs that must be alone."""
    alive = [other for other in workers.last_seen_first(connection, since) if other.hold is None]
    live = workers.live_attempts(connection)
    return [device for worker_id, device in clearing.cleared(overdue, alive, live) if worker_id == worker.id]


def _like(waiting: Sequence[Queued], chosen: Sequence[str]) -> list[str]:
    """Return the chosen trials, and some that may stand in for them: they go out together with one of them."""
    taken = {*chosen}
    groups = {item.group for item in waiting if item.trial_id in taken}
    others = [item.trial_id for item in waiting if item.group in groups and item.trial_id not in taken]
    return [*chosen, *others[: STAND_INS * len(chosen)]]


_CLAIM = (
    select(tables.trial)
    .where(tables.trial.c.state == TrialState.WAITING, among(tables.trial.c.id, "stand_ins"))
    .order_by(not_(among(tables.trial.c.id, "chosen")), tables.trial.c.number)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True, key_share=True)
)

_STILL_RUNNING = (
    select(tables.study)
    .where(among(tables.study.c.id, "studies"), tables.study.c.state == StudyState.RUNNING)
    .with_for_update(read=True, skip_locked=True)
)


def _claim(connection: Connection, chosen: Sequence[str], stand_ins: Collection[str]) -> list[TrialRecord]:
    """Lock the chosen trials, and a stand-in for each that another server is claiming."""
    given = {"chosen": chosen, "stand_ins": stand_ins, "count": len(chosen)}
    return records(connection, TrialRecord, _CLAIM, given)


def _still_running(connection: Connection, study_ids: Collection[str]) -> dict[str, StudyRecord]:
    found = records(connection, StudyRecord, _STILL_RUNNING, {"studies": study_ids}) if study_ids else ()
    return {study.id: study for study in found}


def extend(connection: Connection, lease_seconds: float) -> None:
    """Give every running attempt a whole lease from now. Their trials are locked, as for any change of an attempt."""
    attempt, trial = tables.attempt.c, tables.trial.c
    running = attempt.state == AttemptState.RUNNING
    locked = (
        select(trial.id)
        .where(trial.id.in_(select(attempt.trial_id).where(running)))
        .order_by(trial.id)
        .with_for_update(key_share=True)
    )
    ids = list(connection.execute(locked).scalars())
    statement = update(tables.attempt).where(running, attempt.trial_id.in_(ids))
    connection.execute(statement.values(lease_expires_at=clock(connection) + lease_seconds))


def any_overdue(connection: Connection) -> bool:
    c = tables.attempt.c
    overdue = (c.state == AttemptState.RUNNING) & (c.lease_expires_at < clock(connection))
    return connection.execute(select(c.id).where(overdue).limit(1)).first() is not None


def expire(connection: Connection, done: WorkDone) -> int:
    """End the attempts whose lease has run out and count them in `done`; return how many.

    Trials that a sync is busy with are left to it.
    """
    time = now(connection)
    attempt, trial = tables.attempt.c, tables.trial.c
    overdue = (attempt.state == AttemptState.RUNNING) & (attempt.lease_expires_at < time)
    locked = (
        select(tables.trial)
        .where(trial.id.in_(select(attempt.trial_id).where(overdue)))
        .order_by(trial.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    trials = {item.id: item for item in records(connection, TrialRecord, locked)}
    query = select(tables.attempt).where(overdue, attempt.trial_id.in_(trials))
    ending = reporting.Ending(AttemptState.EXPIRED, reporting.GONE_SILENT)
    ended = [
        reporting.end_attempt(trials[item.trial_id], item, ending, time)
        for item in records(connection, AttemptRecord, query)
    ]
    write_endings(connection, ended, time)
    for item in ended:
        done.note(item)
    return len(ended)


def write_endings(connection: Connection, ended: Sequence[reporting.Ended], time: float) -> None:
    update_all(connection, tables.attempt, [item.attempt for item in ended])
    update_all(connection, tables.trial, [item.trial for item in ended if item.news is not None])
    events.publish(connection, [item.news for item in ended if item.news is not None], time)
