"""What a sync costs a database: a number of statements that does not grow with its runs, devices or profiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from studies.contract.packing import PackReport, RunProfile
from studies.contract.worker_protocol import Device, DeviceReport, Lease, SyncRequest
from studies.storage.sql.store import SqlStore
from tests import builders as build
from tests.contract.scenes import running_study


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements of every engine meanwhile; many rows of one statement count once."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _syncs(url: str, runs: int) -> tuple[int, int, int]:
    """Return how many statements it takes to lease `runs` runs to two devices, hear of them, and end them."""
    store = SqlStore(url)
    running_study(store, *(f"t{number}" for number in range(2 * runs)), spec=build.spec(f"s{runs}"))
    devices = tuple(Device(name=f"cuda:{number}", model="A", capacity=runs) for number in range(2))
    for name in ("node", "idle"):
        worker_id = store.register_worker(build.worker(name, devices=devices))
    with counted() as granting:
        leases = store.sync(worker_id, SyncRequest(profiles=_profiles(runs))).leases
    assert len(leases) > 1
    with counted() as hearing:
        store.sync(worker_id, SyncRequest(attempts=tuple(map(build.report, leases)), devices=_status(leases)))
    with counted() as ending:
        done = [build.report(lease, build.chunk("loss"), outcome="completed") for lease in leases]
        store.sync(worker_id, SyncRequest(attempts=tuple(done), devices=_status(())))
    store.close()
    return len(granting), len(hearing), len(ending)


def _profiles(count: int) -> tuple[RunProfile, ...]:
    return tuple(RunProfile(run_class=f"builtin/{number:016x}", device_model="A") for number in range(count))


def _status(leases: tuple[Lease, ...]) -> tuple[DeviceReport, ...]:
    packs = tuple(PackReport(run_class=lease.run.run_class, attempts=(lease.attempt_id,)) for lease in leases)
    return tuple(DeviceReport(name=f"cuda:{number}", capacity=0, packs=packs) for number in range(2))


def test_the_statements_of_a_sync_do_not_grow_with_its_runs(sqlite_store_url: str) -> None:
    few = _syncs(sqlite_store_url, 2)
    assert _syncs(sqlite_store_url, 24) == few
    assert max(few) <= 20


def test_a_worker_looks_at_the_head_of_the_queue_and_takes_its_share_of_all(
    sqlite_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studies.storage.sql.queue.QUEUE", 4)
    store = SqlStore(sqlite_store_url)
    running_study(store, *(f"t{number}" for number in range(12)))
    devices = (Device(name="cuda:0", model="A", capacity=12),)
    first, _, _ = (store.register_worker(build.worker(name, devices=devices)) for name in ("a", "b", "c"))
    assert [lease.run.trial_number for lease in store.sync(first, SyncRequest()).leases] == [0, 1, 2, 3]
    assert len(store.sync(first, SyncRequest()).leases) == 4 + 3
    store.close()
