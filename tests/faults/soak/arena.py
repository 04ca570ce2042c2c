"""Servers, workers, links and studies of a soak, and what each strike does to them."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil

from service.client import ApiClient, ApiError, ApiProblem
from studies.contract.states import StudyCommand
from tests.faults.ledger import Ledger
from tests.faults.postgres import Postgres
from tests.faults.proxy import BadNetwork, Link
from tests.faults.soak.strikes import Blow, Strike
from tests.integration.cluster import LEASE_SECONDS, STOP_SECONDS, STUDY, Cluster, free_port, kill

WORKERS = ("north", "east", "south")
STUDIES_AT_ONCE = 2
BAD_SHARE = 0.08
"""Of the requests, that something befalls on the way."""

LONGER: dict[str, Any] = STUDY | {
    "budget": {"steps": 250, "trials": 40},
    "stages": [
        {"kind": "lr_sweep", "grid": [round(0.3 * 0.6**power, 6) for power in range(12)], "refine": 0},
        {"kind": "decay_schedule", "forms": ["linear"]},
    ],
}
"""Enough for all workers, in runs that last a few seconds."""

DRAIN_SECONDS = 60.0
SLACK_SECONDS = 5.0
"""What a busy machine adds to every promise."""

CUT_SECONDS = 0.5
VICTIM_SECONDS = 15.0
AWAY_SECONDS = 1.5


class Arena:
    """Everything that lives during a soak.

    Args:
        database_url: empty, with its schema.
        folder: where workers work.
        server_count: 1 on SQLite.
        seed: of the bad network.
        postgres: the server of the database, if there is one to be struck.

    Attributes:
        ledger: what was acknowledged.
        struck: how often each strike found a victim.
        studies: ids of all studies that were submitted.
        faults: what went wrong besides the invariant: a worker that could not be drained.
        released: workers that had been quarantined.
    """

    def __init__(
        self, database_url: str, folder: Path, server_count: int, seed: int, postgres: Postgres | None = None
    ) -> None:
        self.ledger = Ledger()
        self.struck: Counter[Strike] = Counter()
        self.studies: list[str] = []
        self.faults: list[str] = []
        self.released = 0
        self._postgres = postgres
        self._cluster = Cluster(database_url, folder)
        self._draw = random.Random(seed)
        self._ports = [free_port() for _ in range(server_count)]
        self._servers = {port: self._cluster.serve(port) for port in self._ports}
        self.links = {name: Link(self._some_server, self.ledger, self._network()) for name in WORKERS}
        self._workers = {name: self._work(name) for name in WORKERS}

    def _some_server(self) -> int:
        return self._draw.choice(self._ports)

    def _network(self) -> BadNetwork:
        return BadNetwork(random.Random(self._draw.random()), BAD_SHARE)

    def _work(self, name: str) -> subprocess.Popen[bytes]:
        return self._cluster.work(name, self.links[name].port)

    @property
    def has_database_server(self) -> bool:
        return self._postgres is not None

    # --- studies ---------------------------------------------------------------------------------------------------

    def keep_busy(self) -> None:
        """Submit another study wherever fewer than `STUDIES_AT_ONCE` are under way; while servers are away it waits."""
        with suppress(ApiError):
            missing = STUDIES_AT_ONCE - sum(not self._ended(study_id) for study_id in self.studies)
            for _ in range(missing):
                self.studies.append(self._submit(f"shaken-{len(self.studies)}"))

    def _submit(self, name: str) -> str:
        """The name is the key too: asked again after an answer that was lost, the server tells which study that is."""
        with self._client() as client:
            document = json.dumps(LONGER | {"name": name}).encode()
            return client.submit(document, "application/json", idempotency_key=name).id

    def _client(self) -> ApiClient:
        return ApiClient(f"http://127.0.0.1:{self._some_server()}")

    def all_ended(self) -> bool:
        try:
            return all(self._ended(study_id) for study_id in self.studies)
        except ApiError:
            return False

    def _ended(self, study_id: str) -> bool:
        with self._client() as client:
            return client.study(study_id).state.ended

    # --- strikes ---------------------------------------------------------------------------------------------------

    def strike(self, blow: Blow) -> bool:
        """Do it; return whether there was a victim."""
        act: dict[Strike, Callable[[float], bool]] = {
            Strike.KILL_SERVER: self._kill_server,
            Strike.RESTART_SERVER: self._restart_server,
            Strike.KILL_WORKER: self._kill_worker,
            Strike.DRAIN_WORKER: self._drain_worker,
            Strike.KILL_RUN: self._kill_run,
            Strike.KILL_NURSERY: self._kill_nursery,
            Strike.PARTITION: self._partition,
            Strike.CUT: self._cut,
            Strike.PAUSE: self._pause,
            Strike.RESTART_DATABASE: self._restart_database,
            Strike.KILL_DATABASE: self._kill_database,
        }
        struck = act[blow.strike](blow.chance)
        self.struck[blow.strike] += struck
        return struck

    def _kill_server(self, chance: float) -> bool:
        port = _chosen(self._ports, chance)
        kill(self._servers[port])
        self._servers[port] = self._cluster.serve(port)
        return True

    def _restart_server(self, chance: float) -> bool:
        port = _chosen(self._ports, chance)
        self._stop_server(port)
        self._servers[port] = self._cluster.serve(port)
        return True

    def _stop_server(self, port: int) -> None:
        """Ask it to end: one that is only just starting ends as a process does by default."""
        asked = time.monotonic()
        self._servers[port].terminate()
        try:
            self._servers[port].wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            kill(self._servers[port])
        if time.monotonic() - asked > STOP_SECONDS + SLACK_SECONDS:
            self.faults.append(f"the server at port {port} took {time.monotonic() - asked:.0f} s to end")

    def tend(self) -> None:
        """Do what a service manager does: start again what has ended by itself. No worker has a reason to."""
        for port, server in self._servers.items():
            if server.poll() is not None:
                if self._postgres is None:
                    self.faults.append(f"a server ended by itself: {self._cluster.output(f'server-{port}')[-2000:]}")
                self.struck[Strike.GAVE_UP] += 1
                self._servers[port] = self._cluster.serve(port)
        for name, worker in self._workers.items():
            if worker.poll() is not None:
                self.faults.append(f"worker {name} ended by itself: {self._cluster.output(name)[-2000:]}")
                self._workers[name] = self._work(name)
        self._release_workers()

    def _release_workers(self) -> None:
        """A node whose runs are killed again and again is held: as the person would who looks at it, let it go on."""
        with suppress(ApiError), self._client() as client:
            for worker in client.workers():
                if worker.alive and worker.hold is not None:
                    client.release_worker(worker.id)
                    self.released += 1

    def _kill_worker(self, chance: float) -> bool:
        name = _chosen(WORKERS, chance)
        kill(self._workers[name])
        self._workers[name] = self._work(name)
        return True

    def _drain_worker(self, chance: float) -> bool:
        name = _chosen(WORKERS, chance)
        self._drain(name)
        self._workers[name] = self._work(name)
        return True

    def _drain(self, name: str) -> None:
        """It may be unable to tell a server that is away: then it ends with 1, in time all the same."""
        self._workers[name].terminate()
        try:
            code = self._workers[name].wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.faults.append(f"worker {name} did not end within {DRAIN_SECONDS:g} s of SIGTERM")
            kill(self._workers[name])
            return
        if code not in (0, 1, -signal.SIGTERM):  # the last: it was asked before it listened to signals
            self.faults.append(f"worker {name} ended with code {code}: {self._cluster.output(name)[-2000:]}")

    def _kill_run(self, chance: float) -> bool:
        return _kill_one(lambda: [run for name in WORKERS for run in _tree(self._workers[name]).runs], chance)

    def _kill_nursery(self, chance: float) -> bool:
        """Of those that have forked: one that dies while it warms up tells the worker that the node cannot work."""
        return _kill_one(
            lambda: [each for name in WORKERS for each in _tree(self._workers[name]).warm_nurseries], chance
        )

    def _partition(self, chance: float) -> bool:
        stalled = self.links[_chosen(WORKERS, chance)]
        stalled.stall()
        time.sleep(LEASE_SECONDS * 1.5)
        stalled.heal()
        return True

    def _cut(self, chance: float) -> bool:
        broken = self.links[_chosen(WORKERS, chance)]
        broken.cut()
        time.sleep(CUT_SECONDS)
        broken.heal()
        return True

    def _pause(self, chance: float) -> bool:
        """Pause a study for a moment; one that has ended refuses."""
        if not self.studies:
            return False
        study_id = _chosen(self.studies, chance)
        if self._command(study_id, StudyCommand.PAUSE):
            time.sleep(CUT_SECONDS)
            return self._command(study_id, StudyCommand.RESUME)
        return False

    def _command(self, study_id: str, command: StudyCommand) -> bool:
        """Give a command, through outages: a study that stays paused would never end. Return whether it was taken."""
        while True:
            try:
                with self._client() as client:
                    client.command(study_id, command)
                return True
            except ApiProblem as problem:
                if problem.problem.status == HTTPStatus.CONFLICT:
                    return False
            except ApiError:
                time.sleep(0.1)

    def _restart_database(self, _: float) -> bool:
        if self._postgres is not None:
            self._postgres.restart()
        return self._postgres is not None

    def _kill_database(self, _: float) -> bool:
        if self._postgres is not None:
            self._postgres.kill()
            time.sleep(AWAY_SECONDS)
            self._postgres.start()
        return self._postgres is not None

    # --- the end ---------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        """No more faults. What was submitted has to end now."""
        for each in self.links.values():
            if isinstance(each.fate, BadNetwork):
                each.fate.share = 0.0
            each.heal()
        for study_id in self.studies:
            self._command(study_id, StudyCommand.RESUME)

    def stop(self) -> None:
        """Drain workers, stop servers: in time, and with good exit codes."""
        for name in WORKERS:
            self._drain(name)
        for port in self._ports:
            self._stop_server(port)

    def close(self) -> None:
        self._cluster.close()
        for each in self.links.values():
            each.close()


@contextmanager
def arena(
    database_url: str, folder: Path, server_count: int, seed: int, postgres: Postgres | None = None
) -> Iterator[Arena]:
    opened = Arena(database_url, folder, server_count, seed, postgres)
    try:
        yield opened
    finally:
        opened.close()


class _tree:  # noqa: N801 (reads as a question)
    """The processes of a worker: its nursery, below it a keeper a run, below that the run."""

    def __init__(self, worker: subprocess.Popen[bytes]) -> None:
        self.warm_nurseries: list[psutil.Process] = []
        self.runs: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            for nursery in psutil.Process(worker.pid).children():
                keepers = nursery.children()
                self.warm_nurseries += [nursery] * bool(keepers)
                self.runs += [run for keeper in keepers for run in keeper.children()]


def _kill_one(victims: Callable[[], Sequence[psutil.Process]], chance: float) -> bool:
    """Kill one of the victims as soon as there is any; none may come for a while."""
    deadline = time.monotonic() + VICTIM_SECONDS
    while time.monotonic() < deadline:
        if found := victims():
            with suppress(psutil.NoSuchProcess):
                _chosen(found, chance).kill()
                return True
        time.sleep(0.05)
    return False


def _chosen(candidates: Sequence[Any], chance: float) -> Any:
    return candidates[int(chance * len(candidates))]
