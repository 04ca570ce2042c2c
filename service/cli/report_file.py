"""``stagetune report``: a study as one HTML file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from service.cli.common import DEFAULT_SERVER, ServerOption, StudyArgument, TokenOption, study_id_of
from service.cli.console import err
from service.client import ApiClient
from service.format import memory
from service.version import installed_version
from studies.errors import NotFound

DATABASE = "stagetune.db"
"""The file in a data folder that `stagetune run` and `stagetune serve` keep studies in."""


def report(
    study: StudyArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", dir_okay=False, help="The file; '-' is standard output. Default: STUDY-report.html"),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", file_okay=False, help="Read this folder's database, without a server."),
    ] = None,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
) -> None:
    """Write a study as one HTML file to keep or to mail: its story, figures, best configuration, costs, limits."""
    name, page = _from_server(study, server, token) if data_dir is None else _from_folder(study, data_dir)
    if out == Path("-"):
        sys.stdout.buffer.write(page)
        return
    target = out or Path(f"{name}-report.html")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(page)
    err.print(f"Wrote {target} ({memory(len(page))}): open it in a browser, print it or mail it.", markup=False)


def _from_server(given: str, server: str, token: str | None) -> tuple[str, bytes]:
    with ApiClient(server, token) as client:
        found = client.study(study_id_of(client, given))
        return found.name, client.report(found.id)


def _from_folder(given: str, folder: Path) -> tuple[str, bytes]:
    """Read the study from a folder's own database.

    Raises:
        NotFound: there is no database, or no such study in it.
    """
    from service.report.page import report_page  # the service is heavy to load: not for `--help`
    from studies.storage import open_store

    path = folder / DATABASE
    if not path.exists():
        raise NotFound(f"There is no {path}: name the folder that `stagetune run` was given, or a --server.")
    store = open_store(f"sqlite:///{path}")
    try:
        store.check()
        study = store.get_study(store.find_study(given) or given)
        return study.name, report_page(store, study.id, time.time(), installed_version()).encode()
    finally:
        store.close()
