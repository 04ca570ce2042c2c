"""Databases of earlier schemas upgrade, keep what they hold, and go on working."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import MetaData, insert, select, text

from studies.contract.states import AttemptState, TrialState
from studies.contract.worker_protocol import AttemptReport, Lease
from studies.errors import SchemaMismatch
from studies.storage import StudyStore, open_store, upgrade_database
from studies.storage.sql.engine import make_engine, reading, sqlite_path, writing
from studies.storage.sql.schema import configuration
from studies.storage.sql.tables import PREFIX, VERSION_TABLE
from tests import builders as build

FROZEN = Path(__file__).with_name("frozen")
WORKER = "wk_ca42avjac7a7m4"
COMPLETED, RUNNING = "tr_tc9xv6mvejzxzj", "tr_1h3dweyr38zbwf"
ATTEMPT, TOKEN = "at_b3da5nv47jhvt1", "6e20b3d5ed850ca906b811da596cc89f"


def _thaw(url: str, schema: str) -> None:
    """Write the frozen database of `schema` to an SQLite file."""
    path = sqlite_path(make_engine(url).url)
    assert path is not None
    database = sqlite3.connect(path)
    database.executescript((FROZEN / f"{schema}.sql").read_text())
    database.close()


def _copy(source: str, target: str) -> None:
    """Fill a database with the rows of another one of the same schema."""
    found, wanted = MetaData(), MetaData()
    origin, copy = make_engine(source), make_engine(target)
    with reading(origin) as old, writing(copy) as new:
        found.reflect(old)
        wanted.reflect(new)
        for table in wanted.sorted_tables:
            rows = [dict(row) for row in old.execute(select(found.tables[table.name])).mappings()]
            if rows and table.name != VERSION_TABLE:
                new.execute(insert(table), rows)
        for name in ("event", "metric_chunk"):
            sequence = f"pg_get_serial_sequence('{PREFIX}{name}', 'id')"
            new.execute(text(f"SELECT setval({sequence}, (SELECT max(id) FROM {PREFIX}{name}))"))
    origin.dispose()
    copy.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with schema 0001 in use."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    if request.param == "sqlite":
        _thaw(url, "0001")
        return url
    thawed = f"sqlite:///{tmp_path / 'thawed.db'}"
    _thaw(thawed, "0001")
    engine = make_engine(url)
    with writing(engine) as connection:
        command.upgrade(configuration(connection), "0001")
    engine.dispose()
    _copy(thawed, url)
    return url


@pytest.fixture
def upgraded(database: str) -> StudyStore:
    upgrade_database(database)
    return open_store(database)


def test_an_older_database_is_refused_until_it_is_upgraded(database: str) -> None:
    store = open_store(database)
    with pytest.raises(SchemaMismatch, match=r"older.*stagetune db upgrade"):
        store.check()
    with pytest.raises(SchemaMismatch):
        store.get_trial(COMPLETED)
    upgrade_database(database)
    store.check()
    store.close()


def test_what_it_held_is_still_there(upgraded: StudyStore) -> None:
    study_id = upgraded.list_studies()[0].id
    states = [trial.state for trial in upgraded.list_trials(study_id).trials]
    assert states == [TrialState.COMPLETED, TrialState.DIVERGED, TrialState.RUNNING, TrialState.WAITING]
    assert upgraded.curve(COMPLETED, "loss").values.tolist() == [2.0, 1.5, 1.25]
    assert upgraded.log(COMPLETED).text == "ended well\n"
    assert upgraded.get_trial(COMPLETED).attempts[0].state is AttemptState.COMPLETED
    assert upgraded.list_profiles() == []
    (worker,) = upgraded.list_workers()
    assert (worker.devices[0].packs, worker.devices[0].running) == ((), (RUNNING,))
    upgraded.close()


def test_the_run_that_was_under_way_goes_on_and_the_new_words_are_understood(upgraded: StudyStore) -> None:
    (lease,) = upgraded.sync(WORKER, build.sync(capacity=1)).leases
    assert (lease.attempt_id, lease.token, lease.alone) == (ATTEMPT, TOKEN, False)
    news = build.report(lease, build.chunk("loss", {3: 1.0}, sequence=1), outcome="evicted", reason="out of memory")
    answer = upgraded.sync(WORKER, build.sync(news, capacity=0))
    assert answer.acknowledged == (ATTEMPT,)
    assert len(upgraded.curve(RUNNING, "loss")) == 3
    assert upgraded.get_trial(RUNNING).attempts[0].state is AttemptState.EVICTED
    assert _leased(upgraded) == (3, False)
    assert _leased(upgraded) == (2, True)
    upgraded.close()


def _leased(store: StudyStore) -> tuple[int, bool]:
    """Take the one trial that comes, complete it, and return its number and whether it ran alone."""
    (lease,) = store.sync(WORKER, build.sync(capacity=1)).leases
    store.sync(WORKER, build.sync(_completed(lease), capacity=0))
    return lease.run.trial_number, lease.alone


def _completed(lease: Lease) -> AttemptReport:
    return build.report(lease, build.chunk("dev_accuracy", {3: 0.5}), outcome="completed")
