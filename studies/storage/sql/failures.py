"""What a database's failures mean: try again, make room, upgrade the schema, or see to its file.

The messages go to whoever sent a request, so none repeats what the driver says: that may name hosts and users. Whoever
starts a server sees the driver's own words beside it (`driver_says`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from studies.errors import SchemaMismatch, StagetuneError, StorageFull, StorageUnavailable
from studies.storage.sql.schema import check_schema

READ_ONLY = "stagetune_read_only"
"""Option of an SQLite connection whose transactions write nothing."""

_NO_SUCH = ("42P01", "42703")
"""PostgreSQL: undefined table, undefined column."""

_DISK_FULL = "53100"
_READ_ONLY_SERVER = "25006"

_WRITE_FAILED = frozenset(
    {
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_DIR_FSYNC,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMMAP,
    }
)
"""What SQLite answers where a write fails otherwise than for want of space: a quota, a limit on file sizes."""

_FILE_TROUBLE = {
    sqlite3.SQLITE_BUSY: "The database is busy with other writers: try again shortly, nothing was lost.",
    sqlite3.SQLITE_LOCKED: "The database is busy with other writers: try again shortly, nothing was lost.",
    sqlite3.SQLITE_READONLY: "The database's file cannot be written: see to its permissions and to its folder's.",
    sqlite3.SQLITE_PERM: "The database's file cannot be used: see to its permissions and to its folder's.",
    sqlite3.SQLITE_CANTOPEN: "The database's file cannot be opened: see to its path and to its folder's permissions.",
    sqlite3.SQLITE_CORRUPT: "The database's file is damaged: stop the server and restore a backup.",
    sqlite3.SQLITE_NOTADB: "The database's file is none of SQLite's: name another one, or restore a backup.",
}

PRIMARY = 0xFF
"""The low byte of an extended SQLite error code is the primary one (https://sqlite.org/rescode.html)."""


@contextmanager
def mapped_errors(engine: Engine | None = None) -> Iterator[None]:
    """Turn the database's failures into ours; what is a fault of ours stays what it is.

    Args:
        engine: asked for the schema's version where a table or column is missing, so that the message can name it.
    """
    try:
        yield
    except (DatabaseError, InterfaceError, PoolTimeout, sqlite3.Error) as error:
        meaning = meaning_of(error)
        if meaning is None:
            raise
        raise _named(engine) if isinstance(meaning, SchemaMismatch) else meaning from error


def meaning_of(error: Exception) -> StagetuneError | None:
    """Return what a failure of the database means to the caller; None for a fault of Stagetune's own."""
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if not isinstance(error, DBAPIError):
        return StorageUnavailable()  # no connection came free in time
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig)
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate in _NO_SUCH:
        return SchemaMismatch()
    if sqlstate == _DISK_FULL:
        return StorageFull()
    if sqlstate == _READ_ONLY_SERVER:
        return StorageUnavailable("The database takes no writes (a standby?): name its primary, or try again shortly.")
    return StorageUnavailable() if isinstance(error, OperationalError | InterfaceError) else None


def _of_sqlite(error: sqlite3.Error) -> StagetuneError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if (code is not None and code & PRIMARY == sqlite3.SQLITE_FULL) or code in _WRITE_FAILED:
        return StorageFull()
    if code is not None and (trouble := _FILE_TROUBLE.get(code & PRIMARY)):
        return StorageUnavailable(trouble)
    if str(error).startswith(("no such table", "no such column")):
        return SchemaMismatch()
    return StorageUnavailable() if isinstance(error, sqlite3.OperationalError | sqlite3.InterfaceError) else None


def _named(engine: Engine | None) -> SchemaMismatch:
    """Return the mismatch with both versions in its message, where the database can still be asked for its own."""
    if engine is not None:
        try:
            with engine.execution_options(**{READ_ONLY: True}).connect() as connection:
                check_schema(connection)
        except SchemaMismatch as mismatch:
            return mismatch
        except (DBAPIError, PoolTimeout):
            return SchemaMismatch()
    return SchemaMismatch()


def driver_says(error: BaseException) -> str | None:
    """Return the first line of what the database's driver said, for whoever starts a server; None if nothing."""
    cause = error.__cause__
    original = cause.orig if isinstance(cause, DBAPIError) else cause
    if original is None or not isinstance(cause, DBAPIError | sqlite3.Error):
        return None
    return next((line.strip() for line in str(original).splitlines() if line.strip()), None)
