"""Syncs of workers: their news stored and answered, in a number of statements that grows neither with runs nor nodes.

The syncs that wait while one transaction is at work make up the next one: a thousand nodes cost a database as much as
a few do. The workers' rows are locked first, so that two copies of one request are taken one after the other; then
the trials of attempts of which there is news, by id.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from studies.contract.worker_protocol import Lease, SyncAnswer, SyncRequest
from studies.errors import NotFound
from studies.storage import granting, leasing
from studies.storage.checkpoints import with_checkpoints
from studies.storage.sql import checkpoints, events, leases, profiles, workers
from studies.storage.sql.desk import Call, Desk
from studies.storage.work_done import WorkDone


def sync(
    connection: Connection, news: Sequence[tuple[str, SyncRequest]], lease_seconds: float, done: WorkDone
) -> list[SyncAnswer | Exception]:
    """Take the news of workers, each named once, count them in `done`, and answer; see `StudyStore.sync_all`."""
    known = workers.heard_of(connection, {worker_id: request.devices for worker_id, request in news})
    calls = [Call(known[worker_id], request) for worker_id, request in news if worker_id in known]
    told = zip(calls, _answers(connection, calls, lease_seconds, done), strict=True)
    answers = {call.worker.id: answer for call, answer in told}
    return [answers.get(worker_id) or NotFound(workers.UNKNOWN.format(worker_id)) for worker_id, _ in news]


def _answers(connection: Connection, calls: Sequence[Call], lease_seconds: float, done: WorkDone) -> list[SyncAnswer]:
    if not calls:
        return []
    desk = Desk(connection, calls, lease_seconds, done)
    desk.note_packs()
    desk.take_points()
    desk.take_outcomes()
    again = [desk.renew(call) for call in calls]
    desk.write()
    own = [profile for call in calls for profile in leasing.own_profiles(call.request.profiles, call.worker)]
    profiles.store(connection, own, desk.labels() if own else {}, desk.time)
    granted = [_grant(connection, desk, call, known, lease_seconds) for call, known in zip(calls, again, strict=True)]
    events.publish(connection, desk.news, desk.time)
    return [
        desk.answer(call, leases) for call, leases in zip(calls, _furnished(connection, calls, granted), strict=True)
    ]


def _grant(connection: Connection, desk: Desk, call: Call, again: Sequence[Lease], lease_seconds: float) -> list[Lease]:
    """Return the leases that are told to a worker: those that it has not heard of, and new ones."""
    held = leases.Held(desk.live(call), granting.classes_by_device(again))
    fresh, news = leases.grant(connection, desk.judge(call), held, desk.time, lease_seconds)
    desk.news += news
    return [*again, *fresh]


def _furnished(
    connection: Connection, calls: Sequence[Call], granted: Sequence[Sequence[Lease]]
) -> list[Sequence[Lease]]:
    """Return each worker's leases with what is known of their classes of runs, and of what they can resume from."""
    pairs = list(zip(calls, granted, strict=True))
    known = profiles.of(connection, [key for call, told in pairs for key in leasing.profile_keys(told, call.worker)])
    kept = checkpoints.of(connection, [lease.run.trial_id for _, told in pairs for lease in told])
    return [with_checkpoints(leasing.with_profiles(told, call.worker, known), kept) for call, told in pairs]
