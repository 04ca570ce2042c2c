"""The schema's version: which one this program has, which one a database has, and what to do where they differ.

Optuna keeps tables of its own in the same database; they are none of Alembic's business here.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import studies.migrations
from studies.errors import SchemaMismatch
from studies.storage.sql.tables import PREFIX, VERSION_TABLE

_DO = "Stop the server, run `stagetune db upgrade`, and start it again."


def include_name(name: str | None, kind: str, parents: object) -> bool:  # noqa: ARG001 - alembic's signature
    """Return whether a thing of this name is Stagetune's."""
    return kind != "table" or (name or "").startswith(PREFIX)


def check_schema(connection: Connection) -> None:
    """Return when the database has exactly this program's schema.

    Raises:
        SchemaMismatch: it has another one, or none; the message says which of the two is newer and what to do.
    """
    current = revision(connection)
    if current == head():
        return
    if current is None:
        raise SchemaMismatch("The database has no Stagetune tables yet: create them with `stagetune db upgrade`.")
    refuse_newer(connection)
    raise SchemaMismatch(f"The database's schema {current} is older than this program's {head()}. {_DO}")


def refuse_newer(connection: Connection) -> None:
    """Return unless the database is newer than this program.

    Raises:
        SchemaMismatch
    """
    current = revision(connection)
    if current is not None and current not in _known():
        raise SchemaMismatch(
            f"The database's schema {current} is newer than this program's {head()}: upgrade Stagetune here, as it was "
            "upgraded where the database was. An older program would not know what it reads and writes."
        )


def revision(connection: Connection) -> str | None:
    """Return the revision of the database's schema, None where it has no tables of ours."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


@cache
def head() -> str | None:
    """Return the revision that this program has."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


@cache
def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions())


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for these migrations, to work on `connection`."""
    config = Config()
    config.set_main_option("script_location", str(Path(studies.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
