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
from studies.contract.states import StudyCommand

INTERRUPTED = 130


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


def list_studies(server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """List the studies, newest first."""
    with ApiClient(server, token) as client:
        found = client.studies()
    out.print(render.study_table(found) if found else "No study yet: submit one with `stagetune submit study.yaml`.")


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


def best(
    study: StudyArgument,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As YAML, to be read by a training script.")] = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
) -> None:
    """Print the best configuration found so far."""
    with ApiClient(server, token) as client:
        view = client.study(study_id_of(client, study))
    if view.best is None:
        err.print(f"{view.name} has no finished trial yet: follow it with `stagetune watch {view.name}`.")
        raise typer.Exit(1)
    if as_yaml:
        sys.stdout.write(render.best_yaml(build_report(view)))
    else:
        show_panel(render.best_table(build_report(view)))


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
    out.print(f"{view.name} is {view.state.replace('_', ' ')}.")


def _follow(client: ApiClient, study_id: str) -> None:
    try:
        view = watch_study(client, study_id, err)
    except KeyboardInterrupt:
        err.print("The study goes on; look again with `stagetune watch`.")
        raise typer.Exit(INTERRUPTED) from None
    show_panel(render.report_panel(build_report(view, dashboard=f"{client.url}/studies/{study_id}")))
    raise typer.Exit(exit_code(view.state))
