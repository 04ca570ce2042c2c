"""The schema: bringing a database up to this program's, and saying when it is not."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, func, select

import studies.migrations
from studies.errors import SchemaMismatch
from studies.storage.sql.engine import is_postgres, make_engine, mapped_errors, sqlite_path, writing
from studies.storage.sql.tables import VERSION_TABLE

_UPGRADE_LOCK = 7_302_514_000
"""Key of the advisory lock that one upgrade at a time holds on PostgreSQL."""

_DO = "Stop the server, run `stagetune db upgrade`, and start it again."


def upgrade_database(url: str) -> None:
    """Create the schema, or bring an older one up to this program's; several processes may do it at once.

    Raises:
        SchemaMismatch: the database is newer than this program.
        StorageUnavailable
    """
    engine = make_engine(url)
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
                _refuse_newer(connection)
                command.upgrade(_config(connection), "head")
                if path:
                    _require_intact_references(connection)
    finally:
        engine.dispose()


def check_schema(connection: Connection) -> None:
    """Return when the database has exactly this program's schema.

    Raises:
        SchemaMismatch: it has another one, or none; the message says what to do.
    """
    current = _current(connection)
    if current == _head():
        return
    if current is None:
        raise SchemaMismatch("the database has no Stagetune tables yet: create them with `stagetune db upgrade`.")
    _refuse_newer(connection)
    raise SchemaMismatch(f"the database's schema {current} is older than this program's {_head()}. {_DO}")


def _refuse_newer(connection: Connection) -> None:
    current = _current(connection)
    known = {script.revision for script in _scripts().walk_revisions()}
    if current is not None and current not in known:
        raise SchemaMismatch(f"the database's schema {current} is newer than this program: upgrade Stagetune.")


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(studies.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _head() -> str | None:
    return _scripts().get_current_head()


def _current(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Hold a file lock beside an SQLite database: switching it to WAL does not wait for others by itself."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f"{database.name}.upgrade").open("w") as file:
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
