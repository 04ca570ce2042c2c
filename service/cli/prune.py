"""``stagetune prune``: forget what ended long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.common import DatabaseOption, existing_database, seconds_of
from service.cli.console import out
from service.format import count, memory

if TYPE_CHECKING:
    from service.pruning import Freed


def prune(
    older_than: Annotated[str, typer.Option(help="How long ago a study must have ended: 30d, 12h, 8w.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    compact: Annotated[
        bool,
        typer.Option(
            help="Give the space back to the file system: SQLite rewrites its file, which takes as much room again "
            "meanwhile and keeps writers waiting. Without it, and on PostgreSQL, new studies use the space."
        ),
    ] = True,
    database_url: DatabaseOption = None,
) -> None:
    """Remove studies that ended long ago with all that belongs to them, and workers silent for as long.

    Studies that have not ended stay, however old they are.
    """
    from service.pruning import prune as forget  # heavy to load: not for `--help`

    seconds = seconds_of(older_than)
    if seconds is None:
        raise typer.BadParameter("give a number of hours, days or weeks (12h, 30d, 8w)", param_hint="--older-than")
    freed = forget(existing_database(database_url), seconds, dry_run=dry_run, compact=compact)
    for line in lines(freed, dry_run=dry_run):
        out.print(line, markup=False)


def lines(freed: Freed, *, dry_run: bool) -> list[str]:
    """Return in words what was freed, a line a study."""
    pruned = freed.pruned
    verb = "Would remove" if dry_run else "Removed"
    said = [
        f"{verb} {study.name}: {count(study.size.trials, 'trial')}, {count(study.size.points, 'point')}, "
        f"{memory(study.size.bytes)}"
        for study in pruned.studies
    ]
    studies = "1 study" if len(pruned.studies) == 1 else f"{len(pruned.studies)} studies"
    total = memory(sum(study.size.bytes for study in pruned.studies))
    workers, events = count(pruned.workers, "silent worker"), count(pruned.events, "event")
    said.append(f"{verb} {studies} ({total}), {workers} and {events} in all.")
    if freed.file_bytes:
        said.append(f"The database's file is {memory(freed.file_bytes)} smaller.")
    return said
