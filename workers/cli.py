"""The command ``stagetune-worker``."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import socket
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from studies.log_lines import LogFormat, configure
from workers.agent import GRACE_SECONDS, Agent, AgentSettings
from workers.client import Client, Refused
from workers.courier import HAND_IN_SECONDS, Keeping
from workers.devices import UnknownDevice, find_devices
from workers.environment import of_runs
from workers.objectives import BUILTIN, WARM_MODULES
from workers.packing.mode import Packing
from workers.run_directory import unwritable
from workers.supervisor import NurseryDied, Supervisor

app = typer.Typer(add_completion=False)

REFUSED = 2
"""Exit code: something that a person has to mend first."""


@app.command()
def work(
    *,
    server: Annotated[str, typer.Option(help="Address of the Stagetune server.", envvar="STAGETUNE_SERVER")],
    token: Annotated[
        str | None, typer.Option(help="The server's token, if it has one.", envvar="STAGETUNE_TOKEN", show_envvar=True)
    ] = None,
    devices: Annotated[
        str, typer.Option(help="auto (all CUDA devices, else the CPU), cpu, or a list such as cuda:0,cuda:1.")
    ] = "auto",
    allow: Annotated[
        list[str] | None,
        typer.Option(
            help="Code that may run here, as a pattern: 'train.py:*' for functions, 'command:python train.py *' for "
            "commands. May be given repeatedly."
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            help="A variable that runs may see, by name or pattern: 'WANDB_*'. They get PATH, HOME, CUDA_* and the "
            "like, none of the others, and never STAGETUNE_TOKEN. May be given repeatedly."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="How people know this worker. Default: the host's name.")] = None,
    workdir: Annotated[Path, typer.Option(help="Where runs keep logs and checkpoints.")] = Path("stagetune-data/runs"),
    packing: Annotated[
        Packing,
        typer.Option(
            help="auto: measure each class of runs and train several as one program where that is faster. processes: "
            "one process a run, as many as memory and throughput allow. off: one run a CUDA device or core.",
            envvar="STAGETUNE_PACKING",
        ),
    ] = Packing.AUTO,
    checkpoints: Annotated[
        Keeping,
        typer.Option(
            help="server: the server keeps the checkpoints of runs, so that any worker goes on from them. local: they "
            "stay in --workdir, for one machine or a folder that all workers share.",
            envvar="STAGETUNE_CHECKPOINTS",
        ),
    ] = Keeping.SERVER,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0.0, help="How often a run that goes on hands its checkpoint to the server, at most.")
    ] = HAND_IN_SECONDS,
    grace_seconds: Annotated[
        float,
        typer.Option(min=0.0, help="How long a run that is told to stop has to save its state."),
    ] = GRACE_SECONDS,
    max_runs_per_device: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, help="Bound on what packing decides. Default: 64 on a CUDA device, 16 per core on the CPU."
        ),
    ] = None,
    builtin: Annotated[
        bool,
        typer.Option(
            help="Offer the builtin objectives; without them, torch is never loaded for the worker's sake.",
            envvar="STAGETUNE_BUILTIN",
        ),
    ] = True,
    log_format: Annotated[
        LogFormat, typer.Option(envvar="STAGETUNE_LOG_FORMAT", help="text, or json: one object a line.")
    ] = LogFormat.TEXT,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
) -> None:
    """Run trials of a Stagetune server on this machine's devices.

    Example: stagetune-worker --server http://127.0.0.1:8080 --devices cuda:0,cuda:1 --allow 'train.py:*'

    Ctrl-C (or SIGTERM) gives all runs back, with their checkpoints; a second one stops at once.
    """
    configure(log_format, logging.DEBUG if verbose else logging.INFO, secrets=[token] if token else [])
    if why := unwritable(workdir):
        raise typer.BadParameter(why, param_hint="--workdir")
    try:
        offered = find_devices(devices, max_runs_per_device, packed=packing is not Packing.OFF)
    except UnknownDevice as fault:
        raise typer.BadParameter(str(fault), param_hint="--devices") from fault
    settings = AgentSettings(
        name=name or socket.gethostname(),
        devices=offered,
        objectives=offered_objectives() if builtin else (),
        allow=tuple(allow or ()),
        workdir=workdir,
        version=_version(),
        packing=packing,
        checkpoints=checkpoints,
        grace_seconds=grace_seconds,
        checkpoint_seconds=checkpoint_seconds,
    )
    modules = WARM_MODULES if settings.objectives else ()
    supervisor = Supervisor(modules, of_runs(os.environ, env or ()))
    agent = Agent(settings, Client(server, token), supervisor)
    try:
        code = asyncio.run(agent.run())
    except (Refused, NurseryDied) as fault:
        typer.echo(f"stagetune-worker: {fault}", err=True)
        raise typer.Exit(REFUSED) from fault
    raise typer.Exit(code)


def offered_objectives() -> tuple[str, ...]:
    """Return the builtin objectives, none where torch is not installed. Looks for it without loading it."""
    return tuple(BUILTIN) if importlib.util.find_spec("torch") else ()


def _version() -> str:
    try:
        return metadata.version("stagetune")
    except metadata.PackageNotFoundError:
        return ""


def main() -> None:
    """Entry point of the ``stagetune-worker`` script."""
    app(prog_name="stagetune-worker")


if __name__ == "__main__":
    main()
