"""``stagetune backup``: the embedded database in one file, while the server runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from service.cli.common import DatabaseOption, kept_database
from service.cli.console import out
from studies.errors import StagetuneError


def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The file to write; it must not be there yet.")],
    database_url: DatabaseOption = None,
) -> None:
    """Copy the database as it is now into FILE, and check the copy. Servers and workers go on meanwhile.

    To restore: stop the server, move the database's files away (stagetune.db, stagetune.db-wal, stagetune.db-shm), put
    FILE in the place of the first, and start the server. What a later backup has is not in it: workers repeat it.
    """
    from studies.storage.sql.backup import back_up  # heavy to load: not for `--help`
    from studies.storage.sql.engine import database_url as parsed
    from studies.storage.sql.engine import sqlite_path

    address = kept_database(database_url)
    path = sqlite_path(parsed(address))
    if path is None:
        raise StagetuneError(_for_postgresql(address, file))
    size = back_up(path, file)
    out.print(f"{file}: {size:,} bytes, checked. To look into it: stagetune serve --database-url sqlite:///{file}")


def _for_postgresql(address: str, file: Path) -> str:
    """Return how to back up a PostgreSQL database: the address without its password, which pg_dump asks for."""
    parts = urlsplit(address)
    shown = parts._replace(scheme="postgresql", netloc=re.sub(r":[^@]*@", "@", parts.netloc)).geturl()
    return (
        "PostgreSQL has a tool of its own for this, which works while servers run:\n"
        f"  pg_dump --format=custom --file={shlex.quote(str(file))} {shlex.quote(shown)}\n"
        "and pg_restore --clean --if-exists --dbname=... brings it back. The password is asked for, or in PGPASSWORD."
    )
