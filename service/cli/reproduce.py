"""``stagetune reproduce``: one trial again, alone and on this machine, and whether its curves are the same."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from service.cli.common import DEFAULT_SERVER, ServerOption, TokenOption, trial_id_of
from service.cli.console import err, out, show
from service.client import ApiClient, ApiError
from service.reproduction import Agreement, agreement, read_metrics, table, verdict
from studies.contract.permission import how_to_allow, in_words, permits
from studies.contract.study_file import BuiltinObjective
from studies.contract.views import TrialDetail
from studies.contract.worker_protocol import RunSpec
from studies.core.snapshot import Curve

INTERRUPTED = 130
ALL_POINTS = 100_000
FOLDER = Path("reproduced")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def reproduce(
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="A trial's id, study/number, or a file of --spec.")],
    out_folder: Annotated[
        Path | None, typer.Option("--out", file_okay=False, help="A new folder for log, checkpoint and metrics.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, or a device such as cuda:0")] = "auto",
    allow: Annotated[
        list[str] | None, typer.Option(help="Code that may run here, as of stagetune-worker. May be given repeatedly.")
    ] = None,
    env: Annotated[list[str] | None, typer.Option(help="A variable that the run may see, by name or pattern.")] = None,
    spec: Annotated[bool, typer.Option("--spec", help="Only print what would be run, as JSON.")] = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
) -> None:
    """Run one trial again, alone on this machine, and compare its curves with those that the server has.

    Same objective, hyperparameters, schedule, seed and steps. Exit code 0: it ran to its end; 1: it did not.
    """
    if Path(trial).is_file():
        run = RunSpec.model_validate_json(Path(trial).read_bytes())
        _run(run, out_folder, device, allow or (), env or ())
        return
    with ApiClient(server, token) as client:
        trial_id = trial_id_of(client, trial)
        run, detail = client.run_spec(trial_id), client.trial(trial_id)
        if spec:
            sys.stdout.write(run.model_dump_json(indent=2) + "\n")
            return
        _compare(client, detail, _run(run, out_folder, device, allow or (), env or ()))


def _run(
    run: RunSpec, given: Path | None, device: str, allow: Sequence[str], env: Sequence[str]
) -> Mapping[str, Curve]:
    """Run it to its end and return its curves."""
    _require_allowed(run, allow)
    folder = _new_folder(given or FOLDER / _UNSAFE.sub("-", f"{run.study_name}-{run.trial_number}"))
    (folder / "run.json").write_text(run.model_dump_json(indent=2))
    command = [sys.executable, "-m", "workers.alone", str(folder), "--device", device]
    command += [part for pattern in allow for part in ("--allow", pattern)]
    command += [part for pattern in env for part in ("--env", pattern)]
    try:
        status = subprocess.run(command, check=False).returncode  # noqa: S603 (the command is our own)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if status:
        raise ApiError(f"the run did not come to its end: {folder} has its log, below runs/")
    err.print(f"Log, checkpoint and metrics are in {folder}.")
    with (folder / "metrics.jsonl").open() as lines:
        return read_metrics(lines)


def _require_allowed(run: RunSpec, allow: Sequence[str]) -> None:
    """Raise where the trial runs somebody's code that nobody has allowed here: a server must not choose that."""
    objective = run.objective
    if isinstance(objective, BuiltinObjective) or permits(objective, (), allow):
        return
    raise ApiError(f"this trial runs {in_words(objective)}: to let it run here, add {how_to_allow(objective)}")


def _new_folder(folder: Path) -> Path:
    if folder.exists() and any(folder.iterdir()):
        raise ApiError(f"{folder} holds something already: remove it, or name another folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _compare(client: ApiClient, trial: TrialDetail, again: Mapping[str, Curve]) -> None:
    found = {
        name: agreement(name, _curve(client, trial, name), again.get(name, Curve.empty())) for name in trial.metrics
    }
    if found:
        show(_as_table(found))
    out.print(verdict(found.values(), trial.attempts))


def _curve(client: ApiClient, trial: TrialDetail, name: str) -> Curve:
    view = client.curve(trial.id, name, ALL_POINTS)
    return Curve(np.asarray(view.steps, np.int64), np.asarray(view.values, np.float64))


def _as_table(found: Mapping[str, Agreement]) -> Table:
    shown = Table("metric", "last, then", "last, now", "largest difference", "the same", box=None, pad_edge=False)
    for row in table(found):
        shown.add_row(*row)
    return shown
