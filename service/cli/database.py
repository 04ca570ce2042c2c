"""``stagetune db``: the database's schema."""

from __future__ import annotations

import typer

from service.cli.common import DatabaseOption, database_of
from service.cli.console import out

app = typer.Typer(help="Look after the database.", no_args_is_help=True)


@app.callback()
def _database() -> None:
    """Look after the database."""


@app.command("upgrade", epilog="Example: stagetune db upgrade --database-url postgresql://me@host/stagetune")
def upgrade_schema(
    database_url: DatabaseOption = None,
) -> None:
    """Bring the database's schema up to this version; safe while others do the same."""
    from service.storage import upgrade  # heavy to load: not for `--help`

    upgrade(database_of(database_url))
    out.print("The database is up to date.")
