"""What a database's failures mean to whoever asked for something, from the real drivers' real errors."""

from __future__ import annotations

import os
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from studies.errors import SchemaMismatch, StorageFull, StorageUnavailable
from studies.storage import StudyStore, open_store
from studies.storage.sql import engine as connections
from studies.storage.sql.engine import make_engine, reading, writing
from studies.storage.sql.failures import driver_says
from studies.storage.sql.store import SqlStore
from studies.storage.sql.tables import VERSION_TABLE
from tests import builders as build
from tests.contract.scenes import running_study, take


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_store_url")
    return found


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    yield engine
    engine.dispose()


def test_a_missing_table_names_both_versions(engine: Engine) -> None:
    with writing(engine) as connection:
        before = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one()
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    newer = r"9999 is newer than this program's 000\d: upgrade Stagetune"
    with pytest.raises(SchemaMismatch, match=newer), reading(engine) as connection:
        connection.execute(text("SELECT * FROM stagetune_of_another_age"))
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{before}'"))


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT 1 +"])
def test_a_fault_of_ours_stays_one(engine: Engine, statement: str) -> None:
    expected = ProgrammingError if engine.dialect.name == "postgresql" else StorageUnavailable
    with pytest.raises(expected), reading(engine) as connection:
        connection.execute(text(statement))


def test_a_broken_constraint_stays_one(engine: Engine) -> None:
    insert = text(f"INSERT INTO {VERSION_TABLE} SELECT version_num FROM {VERSION_TABLE}")
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(insert)


def test_an_error_does_not_repeat_the_values_of_its_statement(engine: Engine) -> None:
    again = text(f"INSERT INTO {VERSION_TABLE} SELECT version_num FROM {VERSION_TABLE} WHERE :value <> ''")
    with pytest.raises(IntegrityError) as caught, writing(engine) as connection:
        connection.execute(again, {"value": "a secret"})
    assert "parameters" in str(caught.value)
    assert "a secret" not in str(caught.value)


# --- a full disk -----------------------------------------------------------------------------------------------------


@contextmanager
def _full_sqlite(store: SqlStore) -> Iterator[None]:
    """Let the file grow no more: what SQLite answers then is what it answers on a full disk."""

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size for it

    store._engine.dispose()
    event.listen(store._engine, "connect", limit)
    yield
    event.remove(store._engine, "connect", limit)
    store._engine.dispose()


_RAISE = """
CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER no_space BEFORE INSERT ON stagetune_metric_chunk EXECUTE FUNCTION no_space();
"""


@contextmanager
def _full_postgres(store: SqlStore) -> Iterator[None]:
    with writing(store._engine) as connection:
        connection.exec_driver_sql(_RAISE)
    yield
    with writing(store._engine) as connection:
        connection.exec_driver_sql("DROP FUNCTION no_space CASCADE")


def test_a_full_disk_is_said_nothing_is_lost_and_it_goes_on_afterwards(url: str) -> None:
    store = SqlStore(url)
    full = _full_sqlite if url.startswith("sqlite") else _full_postgres
    running_study(store, "a")
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    many = {step: 1.0 / step for step in range(1, 4001)}
    first = build.report(lease, build.chunk("loss", {0: 9.0}, sequence=0))
    later = build.report(lease, *(build.chunk(f"loss{name}", many, sequence=0) for name in range(8)), log="end\n")
    store.sync(worker_id, build.sync(first, capacity=0))
    with full(store):
        for _ in range(2):
            with pytest.raises(StorageFull, match="make room"):
                store.sync(worker_id, build.sync(later, capacity=0))
        assert store.curve(lease.run.trial_id, "loss").values.tolist() == [9.0]
        assert store.census().workers_alive == 1
        assert store.work.total().points == 1, "what was not committed was not done"
    assert store.sync(worker_id, build.sync(later, capacity=0)).acknowledged == (lease.attempt_id,)
    assert len(store.curve(lease.run.trial_id, "loss7")) == 4000
    assert store.work.total().points == 1 + 8 * 4000
    store.close()


# --- SQLite's file ---------------------------------------------------------------------------------------------------


def _refused(store: StudyStore) -> str:
    with pytest.raises(StorageUnavailable) as caught:
        store.create_study(build.spec())
    store.close()
    assert driver_says(caught.value)
    return str(caught.value)


def test_what_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "stagetune.db"
    path.write_bytes(b"this is a letter, not a database" * 100)
    assert "none of SQLite's" in _refused(open_store(f"sqlite:///{path}"))


def test_a_damaged_file_asks_for_its_backup(sqlite_store_url: str) -> None:
    path = Path(sqlite_store_url.removeprefix("sqlite:///"))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * len(content[4096:])
    path.write_bytes(content)
    assert "restore a backup" in _refused(open_store(sqlite_store_url))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_file_that_may_not_be_written_is_said_to_be_so(sqlite_store_url: str) -> None:
    Path(sqlite_store_url.removeprefix("sqlite:///")).chmod(stat.S_IRUSR)
    assert "permissions" in _refused(open_store(sqlite_store_url))


# --- PostgreSQL that does not answer ---------------------------------------------------------------------------------


def test_a_lock_that_is_never_given_is_not_waited_for_without_end(
    postgres_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections._SESSION, "lock_timeout", "50ms")
    holder, store = make_engine(postgres_store_url), open_store(postgres_store_url)
    with writing(holder) as connection:
        connection.execute(text("LOCK TABLE stagetune_study"))
        with pytest.raises(StorageUnavailable):
            store.create_study(build.spec())
    assert store.create_study(build.spec()).fresh
    store.close()
    holder.dispose()


def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        store = open_store(f"postgresql://me@127.0.0.1:{mute.getsockname()[1]}/db?connect_timeout=2")
        asked = time.monotonic()
        with pytest.raises(StorageUnavailable):
            store.check()
        assert time.monotonic() - asked < 10
        store.close()


def test_the_address_has_the_last_word_on_how_to_connect(postgres_store_url: str) -> None:
    engine = make_engine(f"{postgres_store_url}&application_name=mine&options=-c%20statement_timeout%3D7s")
    with reading(engine) as connection:
        shown = [
            connection.execute(text(f"SHOW {name}")).scalar()
            for name in ("application_name", "statement_timeout", "lock_timeout")
        ]
    engine.dispose()
    assert shown == ["mine", "7s", "10s"]
