"""The command ``stagetune-worker``."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import socket
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import typer

from studies.contract.worker_protocol import Device
from studies.log_lines import LogFormat, configure
from workers import options
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
    server: options.ServerOption,
    token: options.TokenOption = None,
    devices: options.DevicesOption = "auto",
    allow: options.AllowOption = None,
    env: options.EnvOption = None,
    name: options.NameOption = None,
    workdir: options.WorkdirOption = Path("stagetune-data/runs"),
    packing: options.PackingOption = Packing.AUTO,
    checkpoints: options.CheckpointsOption = Keeping.SERVER,
    checkpoint_seconds: options.CheckpointSecondsOption = HAND_IN_SECONDS,
    grace_seconds: options.GraceOption = GRACE_SECONDS,
    max_runs_per_device: options.MaxRunsOption = None,
    builtin: options.BuiltinOption = True,
    log_format: options.LogFormatOption = LogFormat.TEXT,
    verbose: options.VerboseOption = False,
) -> None:
    """Run trials of a Stagetune server on this machine's devices.

    Example: stagetune-worker --server http://127.0.0.1:8080 --devices cuda:0,cuda:1 --allow 'train.py:*'

    Ctrl-C (or SIGTERM) gives all runs back, with their checkpoints; a second one stops at once.
    """
    configure(log_format, logging.DEBUG if verbose else logging.INFO, secrets=[token] if token else [])
    if why := unwritable(workdir):
        raise typer.BadParameter(why, param_hint="--workdir")
    settings = AgentSettings(
        name=name or socket.gethostname(),
        devices=_found(devices, max_runs_per_device, packing),
        objectives=offered_objectives() if builtin else (),
        allow=tuple(allow or ()),
        workdir=workdir,
        version=_version(),
        packing=packing,
        checkpoints=checkpoints,
        grace_seconds=grace_seconds,
        checkpoint_seconds=checkpoint_seconds,
    )
    raise typer.Exit(_run(settings, Client(server, token), env or ()))


def _found(devices: str, max_runs: int | None, packing: Packing) -> tuple[Device, ...]:
    try:
        return find_devices(devices, max_runs, packed=packing is not Packing.OFF)
    except UnknownDevice as fault:
        raise typer.BadParameter(str(fault), param_hint="--devices") from fault


def _run(settings: AgentSettings, client: Client, env: Sequence[str]) -> int:
    """Work until told to stop; return the exit code."""
    modules = WARM_MODULES if settings.objectives else ()
    agent = Agent(settings, client, Supervisor(modules, of_runs(os.environ, env)))
    try:
        return asyncio.run(agent.run())
    except (Refused, NurseryDied) as fault:
        typer.echo(f"stagetune-worker: {fault}", err=True)
        return REFUSED


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
