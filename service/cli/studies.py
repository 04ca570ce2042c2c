"""The commands that talk to a server about studies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from service.cli import render
from service.cli.common import (
    DEFAULT_SERVER,
    DescendingOption,
    FilterOption,
    ServerOption,
    SortOption,
    StudyArgument,
    TokenOption,
    media_type_of,
    study_id_of,
)
from service.cli.console import err, out
from service.cli.console import show as show_panel
from service.cli.report import build_report, exit_code
from service.cli.watching import watch_study
from service.client import ApiClient
from service.conclusions import chosen
from service.report import configuration
from service.report.code import pytorch
from studies.contract.states import StudyCommand, StudyState
from studies.contract.study_query import MOST, StudyOrder, StudyQuery
from studies.contract.views import StudyView

INTERRUPTED = 130

BestFormat = Literal["yaml", "json", "python"]


def submit(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A study file, YAML or JSON.")],
    watch: Annotated[bool, typer.Option("--watch", help="Stay and follow it to its end.")] = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
) -> None:
    """Submit a study file. Every fault of it is named at once."""
    with ApiClient(server, token) as client:
        study = client.submit(file.read_bytes(), media_type_of(file))
        err.print(f"Submitted [bold]{study.name}[/] as {study.id}: {client.url}/studies/{study.id}")
        if watch:
            _follow(client, study.id)
        else:
            out.print(study.id)


def list_studies(
    words: Annotated[list[str] | None, typer.Argument(help="Words that stand in the name, a tag or the owner.")] = None,
    state: Annotated[list[StudyState] | None, typer.Option(help="In this state; may be given again.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="With this tag; may be given again, all have to be there.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Submitted with the token of this name.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="The archived studies instead of the others.")] = False,
    sort: Annotated[StudyOrder, typer.Option(help="What comes first.")] = "created",
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")] = 100,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
) -> None:
    """List studies, newest first."""
    asked = StudyQuery(
        text=" ".join(words or ())[:200],
        states=tuple(state or ()),
        tags=tuple(tag or ()),
        owner=owner,
        archived=archived,
        sort=sort,
        limit=limit,
    )
    with ApiClient(server, token) as client:
        found, total = client.find_studies(asked)
    out.print(render.study_table(found) if found else render.no_study(asked))
    if len(found) < total:
        err.print(f"The first {len(found)} of {total:,}: narrow the list, or see more with --limit {min(total, MOST)}.")


def show(study: StudyArgument, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """Show a study: its stages, what they decided and why."""
    with ApiClient(server, token) as client:
        view = client.study(study_id_of(client, study))
    show_panel(render.report_panel(build_report(view)))


def watch(study: StudyArgument, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """Follow a study to its end. Exit code 0: completed; 1: failed or cancelled. Ctrl-C leaves it running."""
    with ApiClient(server, token) as client:
        _follow(client, study_id_of(client, study))


def pause(study: StudyArgument, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """Pause a study: its runs save a checkpoint and stop."""
    _command(study, StudyCommand.PAUSE, server, token)


def resume(study: StudyArgument, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """Let a paused study go on."""
    _command(study, StudyCommand.RESUME, server, token)


def cancel(study: StudyArgument, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """End a study for good; what it has found stays readable."""
    _command(study, StudyCommand.CANCEL, server, token)


def approve(study: StudyArgument, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """Let the stage that waits for you begin (`gates: approve`)."""
    _command(study, StudyCommand.APPROVE, server, token)


def archive(study: StudyArgument, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """Put a study that has ended out of sight: lists leave it out unless they are asked for it."""
    _command(study, StudyCommand.ARCHIVE, server, token)


def unarchive(study: StudyArgument, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """Bring an archived study back into the lists."""
    _command(study, StudyCommand.UNARCHIVE, server, token)


def best(
    study: StudyArgument,
    file_format: Annotated[
        BestFormat | None,
        typer.Option("--format", help="yaml or json, to be read by a training script; python: as a PyTorch program."),
    ] = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="The same as --format yaml.")] = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
) -> None:
    """Print the best configuration found so far."""
    with ApiClient(server, token) as client:
        view = client.study(study_id_of(client, study))
    if view.best is None:
        err.print(f"{view.name} has no finished trial yet: follow it with `stagetune watch {view.name}`.")
        raise typer.Exit(1)
    wanted = file_format or ("yaml" if as_yaml else None)
    if wanted is None:
        show_panel(render.best_table(build_report(view)))
    else:
        sys.stdout.write(_best_as(view, wanted))


def _best_as(view: StudyView, wanted: BestFormat) -> str:
    match wanted:
        case "yaml":
            return configuration.as_yaml(view)
        case "json":
            return configuration.as_json(view)
        case "python":
            return _program(view)


def _program(view: StudyView) -> str:
    found = chosen(view)
    if found is None:
        err.print(f"{view.name} has not decided yet, so there is no program: --format yaml prints its best single run.")
        raise typer.Exit(1)
    return pytorch(view.spec, found)


def export(
    study: StudyArgument,
    file_format: Annotated[Literal["csv", "json"], typer.Option("--format", help="csv or json")] = "csv",
    filter_text: FilterOption = "",
    sort: SortOption = "",
    descending: DescendingOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
) -> None:
    """Write a study's trials (csv) or everything about it (json) to standard output."""
    with ApiClient(server, token) as client:
        study_id = study_id_of(client, study)
        with client.export(study_id, file_format, filter_text, sort, descending=descending) as pieces:
            for piece in pieces:
                sys.stdout.buffer.write(piece)


def _command(study: str, command: StudyCommand, server: str, token: str | None) -> None:
    with ApiClient(server, token) as client:
        view = client.command(study_id_of(client, study), command)
    put_away = " and archived" if view.archived_at is not None else ""
    out.print(f"{view.name} is {view.state.replace('_', ' ')}{put_away}.")


def _follow(client: ApiClient, study_id: str) -> None:
    try:
        view = watch_study(client, study_id, err)
    except KeyboardInterrupt:
        err.print("The study goes on; look again with `stagetune watch`.")
        raise typer.Exit(INTERRUPTED) from None
    show_panel(render.report_panel(build_report(view, dashboard=f"{client.url}/studies/{study_id}")))
    raise typer.Exit(exit_code(view.state))
