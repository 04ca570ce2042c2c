"""Bringing a database's schema up to this program's, alone and in one transaction."""

from __future__ import annotations

import errno
import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import Connection, Engine, event, func, select

from studies.errors import StorageFull, StorageUnavailable
from studies.storage.sql.engine import is_postgres, make_engine, sqlite_path, writing
from studies.storage.sql.failures import mapped_errors
from studies.storage.sql.schema import configuration, refuse_newer

_UPGRADE_LOCK = 7_302_514_000
"""Key of the advisory lock that one upgrade at a time holds on PostgreSQL."""


def upgrade_database(url: str) -> None:
    """Create the schema, or bring an older one up to this program's; several processes may do it at once.

    Raises:
        SchemaMismatch: the database is newer than this program.
        StorageUnavailable
    """
    engine = make_engine(url, bounded=False)
    try:
        path = sqlite_path(engine.url)
        if path:
            event.listen(engine, "connect", _without_foreign_keys)
        with _alone(path) if path else nullcontext():
            if path:
                _use_write_ahead_log(engine)
            with writing(engine) as connection:
                if is_postgres(connection):
                    connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
                refuse_newer(connection)
                command.upgrade(configuration(connection), "head")
                if path:
                    _require_intact_references(connection)
    finally:
        engine.dispose()


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Hold a file lock beside an SQLite database: switching it to WAL does not wait for others by itself.

    Raises:
        StorageFull, StorageUnavailable: the folder cannot be written.
    """
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        file = database.with_name(f"{database.name}.upgrade").open("w")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull from error
        raise StorageUnavailable(
            f"{database.parent} cannot be written ({error.strerror}): see to its permissions, or choose another place."
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _without_foreign_keys(connection: sqlite3.Connection, _: Any) -> None:
    """Let a table be replaced by a new one of its name while others refer to it (https://sqlite.org/lang_altertable)."""
    connection.execute("PRAGMA foreign_keys = OFF")


def _require_intact_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise RuntimeError(f"the upgrade would leave {len(broken)} rows that refer to nothing: it was undone")


def _use_write_ahead_log(engine: Engine) -> None:
    """Let readers and the writer go on side by side. The mode is kept in the file, so it is set here once."""
    with mapped_errors():
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
