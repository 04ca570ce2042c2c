"""``stagetune run`` and ``stagetune demo``: server, worker and study in one process tree on this machine."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from service.cli.common import media_type_of
from service.cli.console import err
from service.cli.worker_process import Packing
from studies.contract.study_document import parse_json, parse_yaml
from studies.contract.study_file import StudySpec

DataDir = Annotated[
    Path, typer.Option("--data-dir", file_okay=False, help="Folder of the database, the checkpoints and the logs.")
]
Devices = Annotated[str, typer.Option(help="auto, cpu, or devices such as cuda:0,cuda:1")]
PackingOption = Annotated[
    Packing | None,
    typer.Option(
        "--packing",
        help="auto (the default): measure each class of runs and train several as one program where that is faster. "
        "processes: one process a run. off: one run a CUDA device or core.",
    ),
]
Port = Annotated[int | None, typer.Option(help="Port of the dashboard. Default: 8080, or a free one if it is taken.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Begin again, as a new study with a number behind its name.")]

Env = Annotated[
    list[str] | None,
    typer.Option("--env", help="A variable that runs may see, by name or pattern: 'WANDB_*'. May be given repeatedly."),
]

DEFAULT_DATA_DIR = Path("stagetune-data")


def run(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A study file, YAML or JSON.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    devices: Devices = "auto",
    packing: PackingOption = None,
    port: Port = None,
    fresh: Fresh = False,
    env: Env = None,
) -> None:
    """Run a study here and now. Ctrl-C pauses it; the same command again goes on where it stopped.

    Exit code 0: completed; 1: failed or cancelled; 130: paused by Ctrl-C.
    """
    text = file.read_bytes()
    spec = parse_json(text) if media_type_of(file) == "application/json" else parse_yaml(text)
    _run(spec, data_dir, devices, packing, port, fresh=fresh, env=tuple(env or ()))


def demo(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quick: Annotated[bool, typer.Option("--quick", help="A smaller study, for a first look.")] = False,
    devices: Devices = "auto",
    packing: PackingOption = None,
    port: Port = None,
    fresh: Fresh = False,
) -> None:
    """Tune a small network on scikit-learn's digits: all three stages, with real training, in about a minute."""
    _run(demo_study(quick=quick), data_dir, devices, packing, port, fresh=fresh)


def demo_study(*, quick: bool) -> StudySpec:
    """Return the demo's study file, which ships with the package."""
    name = "demo_quick.yaml" if quick else "demo.yaml"
    return parse_yaml((files("service.cli") / name).read_bytes())


def _run(
    spec: StudySpec,
    data_dir: Path,
    devices: str,
    packing: Packing | None,
    port: int | None,
    *,
    fresh: bool,
    env: tuple[str, ...] = (),
) -> None:
    from service.cli.local_run import LocalRun, run_here  # the service is heavy to load: not for `--help`

    plan = LocalRun(spec=spec, data_dir=data_dir, devices=devices, packing=packing, port=port, fresh=fresh, env=env)
    raise typer.Exit(run_here(plan, err))
