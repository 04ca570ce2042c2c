"""``stagetune workers``: who trains, and which of them are given new runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from service.cli.common import DEFAULT_SERVER, ServerOption, TokenOption
from service.cli.console import out
from service.client import ApiClient, ApiError
from service.format import ago
from service.standing import held_because, standing
from studies.contract.views import WorkerView

app = typer.Typer(help="List the workers; drain and release them.")

WorkerArgument = Annotated[str, typer.Argument(metavar="WORKER", help="A worker's name or id.")]


@app.callback(invoke_without_command=True)
def list_workers(context: typer.Context, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """List the workers, last seen first, and why one is given no new runs."""
    if context.invoked_subcommand is not None:
        return
    with ApiClient(server, token) as client:
        found = client.workers()
    if not found:
        out.print("No worker yet: start one with `stagetune-worker --server URL`.")
        return
    out.print(worker_table(found, time.time()))
    for worker in found:
        if why := held_because(worker):
            out.print(f"[yellow]{escape(worker.name)}[/] ({worker.id}): {escape(why)}")


@app.command(epilog="Example: stagetune workers drain node-3")
def drain(worker: WorkerArgument, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """Give a worker no new runs: those that it has go on to their end, then it can be stopped.

    To have its runs saved and given to others at once, stop the worker itself (Ctrl-C or SIGTERM).
    """
    with ApiClient(server, token) as client:
        _say(client.drain_worker(worker_id_of(client, worker)))


@app.command(epilog="Example: stagetune workers release node-3")
def release(worker: WorkerArgument, server: ServerOption = DEFAULT_SERVER, token: TokenOption = None) -> None:
    """Give a drained or quarantined worker new runs again; what failed on its node is forgotten."""
    with ApiClient(server, token) as client:
        _say(client.release_worker(worker_id_of(client, worker)))


def worker_id_of(client: ApiClient, given: str) -> str:
    """Return the id of the worker of that name that was last heard of; what names none is taken for an id.

    Raises:
        ApiError: several workers of that name are alive.
    """
    named = [worker for worker in client.workers() if worker.name == given]
    alive = [worker.id for worker in named if worker.alive]
    if len(alive) > 1:
        raise ApiError(f"{len(alive)} workers are called {given}: say which by its id, one of {', '.join(alive)}.")
    return (alive or [worker.id for worker in named] or [given])[0]


def worker_table(workers: Sequence[WorkerView], now: float) -> Table:
    """Return the workers with how they stand, what runs on them and when they were last heard of."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("worker", "host", "state", "runs", "devices", "last heard of", "id"):
        table.add_column(column)
    for worker in workers:
        running = sum(len(device.running) for device in worker.devices)
        table.add_row(
            escape(worker.name),
            escape(worker.hostname),
            standing(worker),
            f"{running}/{sum(device.capacity for device in worker.devices)}",
            ", ".join(device.name for device in worker.devices),
            ago(worker.last_sync_at, now),
            worker.id,
        )
    return table


def _say(worker: WorkerView) -> None:
    out.print(f"{escape(worker.name)} is {standing(worker)}. {escape(held_because(worker))}".rstrip())
