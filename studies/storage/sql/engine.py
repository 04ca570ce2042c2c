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

from studies.errors import StagetuneError
from studies.storage.sql.failures import READ_ONLY, mapped_errors

BUSY_SECONDS = 30
"""How long a writer waits for another one on SQLite before the caller is told to try again."""

POOL_SIZE, MAX_OVERFLOW = 10, 20
"""PostgreSQL connections that a server keeps, and how many more it opens under load. Three such servers stay below
PostgreSQL's own default of 100."""

POOL_SECONDS = 10
"""How long a request waits for a connection before its client is told to try again."""

_SESSION = {
    "statement_timeout": "60s",  # no page and no sync takes so long
    "lock_timeout": "10s",  # another server died with a lock, or does something that it should not
    "idle_in_transaction_session_timeout": "60s",  # a server that was cut off lets go of its locks
}
"""Bounds on every transaction with PostgreSQL; an upgrade of the schema is free of them."""

_DRIVER = {
    "connect_timeout": 5,
    "application_name": "stagetune",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""How soon a PostgreSQL server that is gone without a word is given up, seconds (the last: milliseconds)."""


def database_url(url: str) -> URL:
    """Return `url` with the driver that Stagetune uses; ``postgresql://`` is spoken to through psycopg 3.

    Raises:
        StagetuneError: the address is not one of a database that Stagetune knows.
    """
    try:
        parsed = make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):  # the latter for a port that is no number
        raise StagetuneError(_unknown("that address")) from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise StagetuneError(_unknown(parsed.render_as_string()))


def _unknown(address: str) -> str:
    return f"{address} cannot be used: give memory://, sqlite:///path/to/file.db or postgresql://user@host/database."


def make_engine(url: str, *, bounded: bool = True) -> Engine:
    """Return an engine whose transactions write; `reading` and `writing` open them.

    What an error says leaves out the values of its statement: users' parameters and lease tokens are among them.

    Args:
        url: as `database_url` takes it.
        bounded: on PostgreSQL, end statements and waits for locks that take unreasonably long.
    """
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    return create_engine(
        parsed,
        connect_args=_driver_arguments(parsed, bounded=bounded),
        hide_parameters=True,
        pool_pre_ping=True,  # one empty round trip, and a restart of PostgreSQL costs no request
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        pool_timeout=POOL_SECONDS,
    )


def _driver_arguments(url: URL, *, bounded: bool) -> dict[str, Any]:
    """Return what the driver is told beside the address; what the address says itself stands."""
    arguments = {name: value for name, value in _DRIVER.items() if name not in url.query}
    if bounded:
        session = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
        arguments["options"] = f"{session} {url.query.get('options', '')}".strip()
    return arguments


def sqlite_path(url: URL) -> Path | None:
    """Return the file of an SQLite database, None for a server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
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
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that writes; it commits unless an exception leaves it."""
    with mapped_errors(engine), engine.begin() as connection:
        yield connection


@contextmanager
def rehearsing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that writes and is undone at its end, whatever happened."""
    with mapped_errors(engine), engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one state of the whole database and writes nothing."""
    options: dict[str, Any] = {READ_ONLY: True}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with mapped_errors(engine), engine.execution_options(**options).begin() as connection:
        yield connection


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
