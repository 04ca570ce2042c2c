"""Profiles that this version of the server cannot read."""

from __future__ import annotations

from sqlalchemy import create_engine, text

from studies.contract.packing import RunProfile
from studies.contract.worker_protocol import Device, SyncRequest
from studies.storage.sql.engine import database_url
from studies.storage.sql.store import SqlStore
from tests import builders as build
from tests.contract.scenes import running_study, take


def test_a_profile_that_cannot_be_read_is_as_good_as_none(sqlite_store_url: str) -> None:
    store = SqlStore(sqlite_store_url)
    running_study(store)
    worker_id = store.register_worker(build.worker(devices=(Device(name="cuda:0", model="A"),)))
    name = take(store, worker_id).run.run_class
    profile = RunProfile(run_class=name, device_model="A")
    store.sync(worker_id, SyncRequest(profiles=(profile,)))
    assert [lease.profile for lease in store.sync(worker_id, SyncRequest()).leases] == [profile]
    engine = create_engine(database_url(sqlite_store_url))
    with engine.begin() as connection:
        connection.execute(text("""UPDATE stagetune_run_profile SET profile = '{"of": "tomorrow"}'"""))
    engine.dispose()
    assert store.list_profiles() == []
    assert [lease.profile for lease in store.sync(worker_id, SyncRequest()).leases] == [None]
    store.sync(worker_id, SyncRequest(profiles=(profile,)))
    assert [view.profile for view in store.list_profiles()] == [profile]
    store.close()
