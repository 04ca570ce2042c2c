"""Connections: how each database is spoken to, in which transactions, and how its failures reach the caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
import sqlalchemy.orm  # now: Optuna loads it late and in a thread, while statements of others look into it half loaded
from sqlalchemy import URL, ColumnElement, Connection, Engine, create_engine, event, literal_column, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from studies.errors import SchemaMismatch, StagetuneError, StorageUnavailable

BUSY_SECONDS = 30
"""How long a writer waits for another one on SQLite before the caller is told to try again."""

_READ_ONLY = "stagetune_read_only"


def database_url(url: str) -> URL:
    """Return `url` with the driver that Stagetune uses; ``postgresql://`` is spoken to through psycopg 3.

    Raises:
        StagetuneError: the address is not one of a database that Stagetune knows.
    """
    try:
        parsed = make_url(url)
    except sqlalchemy.exc.ArgumentError:
        raise StagetuneError(_unknown("that address")) from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise StagetuneError(_unknown(parsed.render_as_string()))


def _unknown(address: str) -> str:
    return f"{address} cannot be used: give memory://, sqlite:///path/to/file.db or postgresql://user@host/database."


def make_engine(url: str) -> Engine:
    """Return an engine whose transactions write; `reading` and `writing` open them."""
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    return create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20)


def sqlite_path(url: URL) -> Path | None:
    """Return the file of an SQLite database, None for a server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    """Hand transactions to us, and make commits durable.

    ``synchronous = FULL``: a worker forgets a point once it is acknowledged, so it has to survive a power cut too.
    With one server a commit a second and node is all there is, and each costs one fsync.
    """
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: Connection) -> None:
    """Begin a writer as a writer: a reader that turns into one fails at once where another writes."""
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that writes; it commits unless an exception leaves it."""
    with mapped_errors(), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one state of the whole database and writes nothing."""
    options: dict[str, Any] = {_READ_ONLY: True}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with mapped_errors(), engine.execution_options(**options).begin() as connection:
        yield connection


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn the database's failures into ours: try again later, or upgrade the schema."""
    try:
        yield
    except (OperationalError, InterfaceError, ProgrammingError, PoolTimeout) as error:
        if _names_missing_schema(error):
            raise SchemaMismatch from error
        if isinstance(error, ProgrammingError):
            raise
        raise StorageUnavailable from error


def _names_missing_schema(error: Exception) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    sqlstate = getattr(error.orig, "sqlstate", None)
    message = str(error.orig)
    return sqlstate in ("42P01", "42703") or "no such table" in message or "no such column" in message


def is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def now(connection: Connection) -> float:
    """Return the database's time, seconds since 1970 UTC."""
    return float(connection.execute(sqlalchemy.select(clock(connection))).scalar_one())


def clock(connection: Connection) -> ColumnElement[float]:
    """Return the expression for the database's time in seconds since 1970 UTC."""
    if is_postgres(connection):
        return literal_column("extract(epoch FROM clock_timestamp())::float8", sqlalchemy.Double)
    return literal_column("(julianday('now') - 2440587.5) * 86400.0", sqlalchemy.Double)
