"""A scripted server and a real worker process, for tests of what happens between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psutil

from studies.contract.worker_protocol import (
    AttemptReport,
    DeviceReport,
    Lease,
    MetricChunk,
    Outcome,
    RegisterWorker,
    RunSpec,
    StopOrder,
    SyncAnswer,
    SyncRequest,
    WorkerRegistered,
)
from tests.listener import Listener

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 40.0


def run_spec(**changes: Any) -> RunSpec:
    """A run of ``train.py:train`` unless told otherwise."""
    document: dict[str, Any] = {
        "trial_id": "tr_1",
        "trial_number": 0,
        "study_id": "st_1",
        "study_name": "study",
        "stage": "lr_sweep",
        "objective": {"kind": "function", "target": "train.py:train"},
        "metric": {"name": "loss", "direction": "minimize"},
        "optimizer": "sgd",
        "params": {"lr": 0.1, "batch_size": 64, "momentum": 0.9},
        "schedule": {},
        "num_steps": 10,
        "seed": 0,
        "evaluate_every": 5,
    }
    return RunSpec.model_validate(document | changes)


def digits(**changes: Any) -> RunSpec:
    objective = {
        "kind": "builtin",
        "name": "image_classification",
        "args": {"dataset": "digits", "model": "small_cnn"},
    }
    return run_spec(objective=objective, metric={"name": "dev_accuracy"}, **changes)


def lease(attempt_id: str = "at_1", **changes: Any) -> Lease:
    return Lease(attempt_id=attempt_id, token="t" * 32, device="cpu", run=run_spec(**changes))


class FakeServer:
    """Grants the leases it is given, keeps what it hears by chunk number, and can be told to misbehave."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting: list[Lease] = []
        self.granted: dict[str, Lease] = {}
        self.again: list[Lease] = []
        self.lost: set[str] = set()
        self.stops: dict[str, str] = {}
        self.status_of_next: list[int] = []
        self.registrations: list[RegisterWorker] = []
        self.requests: list[SyncRequest] = []
        self.authorizations: list[str | None] = []
        self.outcomes: dict[str, Outcome] = {}
        self.started_from: dict[str, int] = {}
        self._chunks: dict[tuple[str, str], dict[int, MetricChunk]] = defaultdict(dict)
        self._logs: dict[str, dict[int, str]] = defaultdict(dict)

    def curve(self, attempt_id: str, name: str) -> dict[int, float]:
        with self.lock:
            chunks = [chunk for _, chunk in sorted(self._chunks[attempt_id, name].items())]
        return {step: value for chunk in chunks for step, value in zip(chunk.steps, chunk.values, strict=True)}

    def log(self, attempt_id: str) -> str:
        with self.lock:
            return "".join(text for _, text in sorted(self._logs[attempt_id].items()))

    def register(self, worker: RegisterWorker) -> WorkerRegistered:
        self.registrations.append(worker)
        return WorkerRegistered(worker_id=f"wk_{len(self.registrations)}", sync_seconds=0.15, lease_seconds=30)

    def sync(self, request: SyncRequest) -> SyncAnswer:
        self.requests.append(request)
        heard = {report.attempt_id for report in request.attempts}
        known = [report for report in request.attempts if report.attempt_id not in self.lost]
        for report in known:
            self._store(report)
        fresh = self._grant(request.devices, len(heard))
        self.granted |= {each.attempt_id: each for each in fresh}
        again, self.again = self.again, []
        return SyncAnswer(
            acknowledged=tuple(report.attempt_id for report in known),
            lost=tuple(heard & self.lost),
            stop=tuple(StopOrder(attempt_id=key, reason=why) for key, why in self.stops.items() if key in heard),
            leases=(*fresh, *again),
        )

    def _grant(self, devices: Sequence[DeviceReport], held: int) -> list[Lease]:
        """Hand out what waits, in order, as far as capacity and room of its class, or kind, allow."""
        (device,) = devices
        room, places, fresh = dict(device.room), device.capacity - held, list[Lease]()
        for waiting in list(self.waiting):
            name = waiting.run.run_class
            left = room.setdefault(name, room.get(waiting.run.objective.kind, device.capacity))
            if left > 0 and places > 0:
                self.waiting.remove(waiting)
                fresh.append(waiting)
                room[name], places = left - 1, places - 1
        return fresh

    def _store(self, report: AttemptReport) -> None:
        self.started_from[report.attempt_id] = report.started_from
        for chunk in report.metrics:
            self._chunks[report.attempt_id, chunk.name].setdefault(chunk.sequence, chunk)
        for piece in report.logs:
            self._logs[report.attempt_id].setdefault(piece.sequence, piece.text)
        if report.outcome is not None:
            self.outcomes.setdefault(report.attempt_id, report.outcome)

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        with self.lock:
            if self.status_of_next:
                return self.status_of_next.pop(0), json.dumps({"detail": "as the test wants it"}).encode()
            if path == "/api/v1/workers":
                return 201, self.register(RegisterWorker.model_validate_json(body)).model_dump_json().encode()
            return 200, self.sync(SyncRequest.model_validate_json(body)).model_dump_json().encode()


@contextmanager
def serving(server: FakeServer) -> Iterator[str]:
    """Serve on a free port; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            server.authorizations.append(self.headers.get("Authorization"))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = server.answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    http = Listener(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


class Worker:
    """A real ``stagetune-worker`` process in its own folder, on all cores unless some are named."""

    def __init__(self, url: str, folder: Path, *options: str, cores: Collection[int] | None = None) -> None:
        self.output = folder / "worker.out"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers.cli", "--server", url, "--devices", "cpu", "--name", "w", *options],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if cores is not None:
            os.sched_setaffinity(self.process.pid, cores)  # before it has come to count them

    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def pack_processes(worker: Worker) -> list[psutil.Process]:
    """The processes that train: children of the keepers, which are children of the nursery, the worker's child."""
    tree = {process.pid: process for process in worker.tree()}
    keepers = [each for each in tree.values() if each.ppid() in tree]
    nurseries = {each.pid for each in tree.values() if each.ppid() == worker.process.pid}
    return [each for each in keepers if each.ppid() not in nurseries]


def wait_for(condition: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """Wait until `condition` gives something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)
    return value


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie counts: nothing of it runs)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
