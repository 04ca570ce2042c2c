"""How long a `sync` takes while 1,000 nodes with 10 runs each sync once a second.

Open loop: every node has its moment within the second and sends then, whether the server keeps up or not; time counts
from that moment, so that a server that falls behind cannot hide it (no coordinated omission). Half of the time is
warm-up and does not count. The clients share the machine's cores with server and database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from studies.contract import wire
from tests.bench.service.connection import Connection
from tests.bench.service.fleet import Node, fleet, json_body
from tests.bench.service.section import Bench, Database, Figure
from tests.bench.service.serving import serving

NODES, QUICK_NODES = 1_000, 100
RUNS = 10
SECONDS, QUICK_SECONDS = 12, 4
AIM_MS = 250.0
SERVERS = 4

LOADS = {"heartbeats alone": 0, "10 points of every run": 10}
"""What each sync carries: points of each run."""


@dataclass(frozen=True)
class Load:
    """What nodes send: `points` of each run a sync, from chunk number `first` on, for so many seconds."""

    points: int
    first: int
    seconds: int


def section(bench: Bench) -> Iterator[Figure]:
    for database in bench.databases:
        yield from _measured(bench, database, servers=1)
        if database.name == "PostgreSQL" and not bench.quick:
            yield from _measured(bench, database, servers=SERVERS)


def _measured(bench: Bench, database: Database, servers: int) -> Iterator[Figure]:
    count, seconds = (QUICK_NODES, QUICK_SECONDS) if bench.quick else (NODES, SECONDS)
    with ExitStack() as stack:
        url = stack.enter_context(database.fresh())
        nodes = stack.enter_context(fleet(url, count, RUNS))
        served = [stack.enter_context(serving(url, lease_seconds="3600"))[0] for _ in range(servers)]
        urls = [str(each.base_url) for each in served]
        for words, points in LOADS.items():
            loads = [Load(points, repeat * seconds, seconds) for repeat in range(bench.repeats)]
            times = [latencies(urls, nodes, load) for load in loads]
            for percentile in (50, 99):
                yield Figure(
                    f"p{percentile} of a sync, {count:,} nodes, {servers} server(s), {words}",
                    "ms",
                    database.name,
                    tuple(float(np.percentile(each, percentile)) * 1e3 for each in times),
                    aim=AIM_MS if percentile == 99 else None,
                    better="lower",
                )


def latencies(urls: Sequence[str], nodes: Sequence[Node], load: Load) -> list[float]:
    """Return the seconds from the moment at which each sync was due to its answer."""
    return asyncio.run(_all(urls, nodes, load))


async def _all(urls: Sequence[str], nodes: Sequence[Node], load: Load) -> list[float]:
    begin = time.perf_counter() + 1.0
    found: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        for number, node in enumerate(nodes):
            moment = begin + number / len(nodes)
            tasks.create_task(_sync_each_second(Connection(urls[number % len(urls)]), node, load, moment, found))
    return found


async def _sync_each_second(connection: Connection, node: Node, load: Load, moment: float, found: list[float]) -> None:
    for second in range(load.seconds):
        due = moment + second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        body = json_body(node.leases, load.first + second, load.points)
        answer = await connection.post(f"/api/v1/workers/{node.worker_id}/sync", body, wire.JSON)
        if b'"lost":[]' not in answer:
            raise RuntimeError(f"a lease was lost: {answer.decode()}")
        if second >= load.seconds // 2:
            found.append(time.perf_counter() - due)
    await connection.close()
