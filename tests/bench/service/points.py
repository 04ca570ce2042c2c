"""Metric points per second through a real server, as JSON and as CBOR, beside Optuna's `trial.report`.

Four nodes with 16 runs each, each run with a chunk of 256 points a request, one request behind the other on four
connections. The bodies are made beforehand: what is measured is the server and its database. Every request is one
durable transaction, or part of one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import optuna

from studies.contract import wire
from studies.contract.worker_protocol import SyncRequest
from tests.bench.service.connection import Connection
from tests.bench.service.fleet import Node, fleet, json_body
from tests.bench.service.optuna_baseline import opened
from tests.bench.service.section import Bench, Database, Figure
from tests.bench.service.serving import serving

NODES, RUNS, POINTS = 4, 16, 256
ROUNDS, QUICK_ROUNDS = 16, 4
"""Requests of each node in one repeat."""

REPORTS, QUICK_REPORTS = 100, 20
"""Values that Optuna is given in one repeat."""

AIMS = {wire.JSON: 50_000.0, wire.CBOR: 500_000.0}
WORDS = {wire.JSON: "metric points through HTTP, as JSON", wire.CBOR: "metric points through HTTP, as CBOR"}


def section(bench: Bench) -> Iterator[Figure]:
    for database in bench.databases:
        yield from _ours(bench, database)
        yield _optunas(bench, database)


def _ours(bench: Bench, database: Database) -> Iterator[Figure]:
    rounds = QUICK_ROUNDS if bench.quick else ROUNDS
    with ExitStack() as stack:
        fleets = {size: stack.enter_context(served(database, size)) for size in bench.sizes}
        rates: dict[tuple[int, str], list[float]] = {(size, form): [] for size in bench.sizes for form in AIMS}
        sequence = 0
        for _ in range(bench.repeats):
            for form in AIMS:
                for size, (url, nodes) in fleets.items():
                    rates[size, form].append(rate(url, nodes, form, range(sequence, sequence + rounds)))
                sequence += rounds
        for (size, form), values in rates.items():
            yield Figure(WORDS[form], "points/s", database.name, tuple(values), size, aim=AIMS[form])


@contextmanager
def served(database: Database, size: int) -> Iterator[tuple[str, Sequence[Node]]]:
    """Yield the address of a server, and nodes whose study has so many other trials."""
    with (
        database.fresh() as url,
        fleet(url, NODES, RUNS, others=size) as nodes,
        serving(url, lease_seconds="3600") as (http, _),
    ):
        yield str(http.base_url), nodes


def rate(url: str, nodes: Sequence[Node], form: str, sequences: range) -> float:
    """Return the points that are stored in a second."""
    bodies = [[_body(node, sequence, form) for sequence in sequences] for node in nodes]
    began = time.perf_counter()
    asyncio.run(_send_all(url, nodes, bodies, form))
    return NODES * RUNS * POINTS * len(sequences) / (time.perf_counter() - began)


def _body(node: Node, sequence: int, form: str) -> bytes:
    body = json_body(node.leases, sequence, POINTS)
    return body if form == wire.JSON else wire.encode(wire.decode(SyncRequest, body, wire.JSON), form)


async def _send_all(url: str, nodes: Sequence[Node], bodies: Sequence[Sequence[bytes]], form: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        for node, own in zip(nodes, bodies, strict=True):
            tasks.create_task(_send(url, node, own, form))


async def _send(url: str, node: Node, bodies: Sequence[bytes], form: str) -> None:
    connection = Connection(url)
    for body in bodies:
        answer = await connection.post(f"/api/v1/workers/{node.worker_id}/sync", body, form)
        if b'"lost":[]' not in answer:
            raise RuntimeError(f"a lease was lost: {answer.decode()}")
    await connection.close()


def _optunas(bench: Bench, database: Database) -> Figure:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    count = QUICK_REPORTS if bench.quick else REPORTS
    with opened(database) as study:
        trial = study.ask()
        rates = [_report(trial, range(repeat * count, (repeat + 1) * count)) for repeat in range(bench.repeats)]
    return Figure(
        "metric points, one trial.report after the other",
        "points/s",
        database.name,
        tuple(rates),
        by="Optuna's RDBStorage",
    )


def _report(trial: optuna.Trial, steps: range) -> float:
    began = time.perf_counter()
    for step in steps:
        trial.report(0.5, step)
    return len(steps) / (time.perf_counter() - began)
