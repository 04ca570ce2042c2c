"""``stagetune tensorboard``: a study's trials as event files in a folder that TensorBoard opens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from service.cli.common import DEFAULT_SERVER, ServerOption, StudyArgument, TokenOption, study_id_of
from service.cli.console import err
from service.client import ApiClient
from service.format import count
from studies.contract.views import TrialView

Out = Annotated[Path, typer.Option("--out", file_okay=False, help="The folder to write to; each trial has its own.")]
Numbers = Annotated[
    list[int] | None, typer.Option("--trial", min=0, help="Only the trial of this number. May be given repeatedly.")
]


def tensorboard(
    study: StudyArgument,
    out: Out = Path("tensorboard"),
    trial: Numbers = None,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
) -> None:
    """Write a study's curves and hyperparameters as TensorBoard event files. Do it again to bring them up to date."""
    with ApiClient(server, token) as client:
        view = client.study(study_id_of(client, study))
        wanted = [each for each in client.trials(view.id) if each.started_at and (not trial or each.number in trial)]
        for each in track(wanted, "Writing", console=err, transient=True):
            _write(client, each, out / view.name)
    err.print(f"Wrote {count(len(wanted), 'trial')} of {view.name}. To look at them:\n  tensorboard --logdir {out}")


def _write(client: ApiClient, trial: TrialView, folder: Path) -> None:
    """Write a trial's file, to a temporary name first: TensorBoard may be reading."""
    own = folder / trial.stage / f"{trial.number:05d}"
    own.mkdir(parents=True, exist_ok=True)
    path, partial = own / f"events.out.tfevents.{int(trial.started_at or 0)}.stagetune", own / ".partial"
    with client.tensorboard(trial.id) as pieces, partial.open("wb") as file:
        file.writelines(pieces)
    os.replace(partial, path)
