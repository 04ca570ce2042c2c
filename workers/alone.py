"""One run alone, without a server: ``python -m workers.alone FOLDER``. What ``stagetune reproduce`` starts.

FOLDER/run.json       what to run (`RunSpec`)
FOLDER/runs/          its run directory with log and checkpoints, as on any worker
FOLDER/metrics.jsonl  what it reports, a point a line: ``{"step": 1, "loss": 0.5}``
FOLDER/outcome.json   how it ended

It is the machinery of a worker with one pack of one run in it, and a file in place of the server.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TextIO

import typer

from studies.contract.worker_protocol import Device, Lease, MetricChunk, Outcome, RunSpec
from studies.log_lines import LogFormat, configure
from workers.agent import GRACE_SECONDS
from workers.attempt import Attempt
from workers.cli import offered_objectives
from workers.devices import UnknownDevice, find_devices
from workers.environment import of_runs
from workers.files import write_whole
from workers.objectives import modules_of
from workers.objectives.permission import refusal
from workers.pack import Pack
from workers.pack_terms import PackTerms
from workers.supervisor import NurseryDied, Supervisor

LOOK_SECONDS = 0.2
"""Between two looks at what the run has reported."""

ALONE = "alone"
REFUSED = 2

app = typer.Typer(add_completion=False)


@app.command()
def work(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where run.json lies.")],
    device: Annotated[str, typer.Option(help="auto, cpu, or a device such as cuda:0.")] = "auto",
    allow: Annotated[list[str] | None, typer.Option(help="As of stagetune-worker.")] = None,
    env: Annotated[list[str] | None, typer.Option(help="As of stagetune-worker.")] = None,
) -> None:
    """Run one run to its end. Exit code 0: it completed, or diverged as it may; 1: it failed; 2: it cannot run here."""
    configure(LogFormat.TEXT, logging.INFO)
    run = RunSpec.model_validate_json((folder / "run.json").read_bytes())
    if why := refusal(run.objective, offered_objectives(), tuple(allow or ())):
        raise _refused(why)
    try:
        on = find_devices(device, 1, packed=False)[0]
        outcome = asyncio.run(run_alone(run, on, folder, env or ()))
    except (UnknownDevice, NurseryDied) as fault:
        raise _refused(str(fault)) from fault
    write_whole(folder / "outcome.json", outcome.model_dump_json(indent=2))
    raise typer.Exit(0 if outcome.state in ("completed", "diverged") else 1)


def _refused(why: str) -> typer.Exit:
    typer.echo(why, err=True)
    return typer.Exit(REFUSED)


async def run_alone(run: RunSpec, device: Device, folder: Path, env: Sequence[str] = ()) -> Outcome:
    """Return how the run ended, once all that it reported is in ``metrics.jsonl``.

    Args:
        run: what to run.
        device: where.
        folder: for its directory and its metrics; a checkpoint that lies there is gone on from.
        env: patterns of variables that it may see.

    Raises:
        NurseryDied: processes cannot be started here.
    """
    workdir = folder / "runs"
    attempt = Attempt(Lease(attempt_id=ALONE, token=ALONE, device=device.name, run=run, alone=True), workdir)
    terms = PackTerms(ALONE, device.name, device.model, run.run_class, alone=True)
    pack = Pack(terms, [attempt], workdir, GRACE_SECONDS, changed=lambda: None)
    supervisor = Supervisor(modules_of(run.objective), of_runs(os.environ, env))
    try:
        async with asyncio.TaskGroup() as tasks:
            nursery = tasks.create_task(supervisor.watch(), name="nursery")
            living = tasks.create_task(pack.live(supervisor), name="pack")
            with (folder / "metrics.jsonl").open("w") as file:
                outcome = await _attend(attempt, pack, living, file)
            nursery.cancel()
    except* NurseryDied as faults:
        raise faults.exceptions[0] from None
    finally:
        await supervisor.close()
    return outcome


async def _attend(attempt: Attempt, pack: Pack, living: asyncio.Task[None], file: TextIO) -> Outcome:
    """Write down what the run reports until it has ended."""
    while not attempt.settled:
        ended, _ = await asyncio.wait({living}, timeout=LOOK_SECONDS)
        if ended and not attempt.ended:
            return Outcome(state="failed", reason=pack.trouble or "its process ended before it had begun")
        for chunk in attempt.report().metrics:
            _write(chunk, file)
        attempt.acknowledge()
        pack.end_the_silent(time.monotonic())
    return attempt.outcome or Outcome(state="failed")


def _write(chunk: MetricChunk, file: TextIO) -> None:
    points = zip(chunk.steps, chunk.values, strict=True)
    file.writelines(json.dumps({"step": int(step), chunk.name: float(value)}) + "\n" for step, value in points)
    file.flush()


if __name__ == "__main__":
    app(prog_name="python -m workers.alone")
