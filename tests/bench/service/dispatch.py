"""Trials asked, leased and finished per second, in batches of 32: through the store, and through a real server.

*Asked*: the engine loads the study, a decision adds 32 trials, they are stored. *Leased and finished*: one sync ends
the 32 runs that a worker has, each with its last evaluation, and brings it the next 32. Each is a durable transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from studies.contract.worker_protocol import Lease, SyncAnswer, SyncRequest
from studies.core.actions import Action, AddTrials, OpenStage
from studies.core.sampling import Sampler
from studies.core.snapshot import Snapshot
from studies.engine import Engine
from studies.storage import StudyStore, open_store, upgrade_database
from studies.storage.optuna_bridge import OptunaMirror, OptunaSampler
from tests import builders as build
from tests.bench.service.section import Bench, Database, Figure
from tests.bench.service.serving import serving

BATCH = 32
FILLING = 250
"""Trials of one batch while a study is being filled: what a worker may be granted at once."""

ROUNDS, QUICK_ROUNDS = 12, 4
"""Batches of one repeat."""

LEASE_SECONDS = 3_600.0
"""Longer than any other study takes to be filled meanwhile."""

AIM = 1_000.0
METRIC = "dev_accuracy"

Sync = Callable[[str, SyncRequest], SyncAnswer]


def section(bench: Bench) -> Iterator[Figure]:
    rounds = QUICK_ROUNDS if bench.quick else ROUNDS
    for database in bench.databases:
        yield from _through_the_store(bench, database, rounds)
        yield from _through_a_server(bench, database, rounds)


def _through_the_store(bench: Bench, database: Database, rounds: int) -> Iterator[Figure]:
    with ExitStack() as stack:
        desks = {size: stack.enter_context(opened(database, size)) for size in bench.sizes}
        asked: dict[int, list[float]] = {size: [] for size in bench.sizes}
        done: dict[int, list[float]] = {size: [] for size in bench.sizes}
        for _ in range(bench.repeats):
            for size, desk in desks.items():
                asked[size].append(rate(rounds, desk.ask))
                done[size].append(rate(rounds, desk.turn))
        yield from _figures("trials asked, through the store", database, asked, AIM)
        yield from _figures("trials leased and finished, through the store", database, done, AIM)
        yield from _figures("trials asked, leased and finished, through the store", database, _both(asked, done), AIM)


def _through_a_server(bench: Bench, database: Database, rounds: int) -> Iterator[Figure]:
    with ExitStack() as stack:
        desks = {size: stack.enter_context(served(database, size)) for size in bench.sizes}
        done: dict[int, list[float]] = {size: [] for size in bench.sizes}
        for _ in range(bench.repeats):
            for size, desk in desks.items():
                for _ in range(rounds):
                    desk.ask()
                done[size].append(rate(rounds, desk.turn))
        yield from _figures("trials leased and finished, through HTTP", database, done, AIM)


def rate(rounds: int, batch: Callable[[], None]) -> float:
    """Return trials per second over some batches."""
    began = time.perf_counter()
    for _ in range(rounds):
        batch()
    return rounds * BATCH / (time.perf_counter() - began)


def _both(asked: Mapping[int, list[float]], done: Mapping[int, list[float]]) -> dict[int, list[float]]:
    """Return the rates of doing one after the other."""
    return {size: [1 / (1 / a + 1 / b) for a, b in zip(asked[size], done[size], strict=True)] for size in asked}


def _figures(what: str, database: Database, rates: Mapping[int, list[float]], aim: float) -> Iterator[Figure]:
    for size, values in rates.items():
        yield Figure(what, "trials/s", database.name, tuple(values), size, aim=aim)


# --- the work --------------------------------------------------------------------------------------------------------


class Asking:
    """A decision that opens the first stage, then adds as many trials as it is told to."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, snapshot: Snapshot, sampler: Sampler) -> tuple[Action, ...]:
        del sampler
        if snapshot.stages[0].state.value == "pending":
            return (OpenStage("lr_sweep"),)
        have = len(snapshot.trials)
        rates = {f"t{have + index}": 0.1 / (1 + have + index) for index in range(self.count)}
        return (AddTrials("lr_sweep", tuple(build.proposal(key, lr) for key, lr in rates.items())),)


@dataclass
class Desk:
    """One study, asked for trials, and one worker that says of every run at once that it has completed."""

    store: StudyStore
    sync: Sync
    study_id: str
    engine: Engine
    asking: Asking
    worker_id: str
    leases: tuple[Lease, ...] = field(default=())

    def ask(self, count: int = BATCH) -> None:
        """Let the engine add trials."""
        self.asking.count = count
        self.engine.step(self.study_id)

    def turn(self, count: int = BATCH) -> None:
        """Finish what is leased, and lease as many."""
        reports = [
            build.report(lease, build.chunk(METRIC, {50: 0.5, 100: 0.7}), outcome="completed") for lease in self.leases
        ]
        answer = self.sync(self.worker_id, build.sync(*reports, capacity=count))
        if len(answer.acknowledged) != len(reports) or len(answer.leases) != count:
            kept, leased = len(answer.acknowledged), len(answer.leases)
            raise RuntimeError(f"{kept} of {len(reports)} runs were finished and {leased} of {count} leased")
        self.leases = answer.leases

    def fill(self, size: int) -> None:
        """Finish trials until the study has `size`, and lease the first batch that is measured."""
        for start in range(0, size, FILLING):
            count = min(FILLING, size - start)
            self.ask(count)
            self.turn(count)
        self.ask()
        self.turn()


def desk(store: StudyStore, sync: Sync) -> Desk:
    """Return a desk with a study that waits for trials."""
    asking = Asking()
    engine = Engine(store, OptunaSampler(), OptunaMirror("memory://"), asking)
    study_id = store.create_study(build.spec("bench", budget={"steps": 100, "trials": 1})).study_id
    engine.step(study_id)
    return Desk(store, sync, study_id, engine, asking, store.register_worker(build.worker(capacity=BATCH)))


@contextmanager
def opened(database: Database, size: int) -> Iterator[Desk]:
    """Yield a desk on a database of its own, its study filled with `size` trials."""
    with database.fresh() as url, _store(url) as store:
        made = desk(store, store.sync)
        made.fill(size)
        yield made


@contextmanager
def served(database: Database, size: int) -> Iterator[Desk]:
    """Yield such a desk whose worker reaches a server of its own over HTTP. The server's engine is at work meanwhile:
    a trial that always waits and a budget that is used up keep it from moving the study on.
    """
    with database.fresh() as url, _store(url) as store:
        made = desk(store, store.sync)
        made.fill(size)
        made.ask()
        with serving(url, lease_seconds=str(LEASE_SECONDS)) as (http, _):

            def sync(worker_id: str, request: SyncRequest) -> SyncAnswer:
                answer = http.post(f"/api/v1/workers/{worker_id}/sync", content=request.model_dump_json())
                return SyncAnswer.model_validate_json(answer.raise_for_status().content)

            made.sync = sync
            yield made


@contextmanager
def _store(url: str) -> Iterator[StudyStore]:
    upgrade_database(url)
    store = open_store(url, LEASE_SECONDS)
    try:
        yield store
    finally:
        store.close()
