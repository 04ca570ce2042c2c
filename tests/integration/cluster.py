"""Real servers and workers as processes that a test may kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from service.app import create_app
from service.client import ApiClient, ApiError
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.views import StudyView

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 90.0
LEASE_SECONDS = 2.0
SYNC_SECONDS = 0.2
TICK_SECONDS = 0.1

STOP_SECONDS = 10.0
"""Streams end at once, requests have 5 s, Optuna's record 5 s more."""

TRAIN = """
import time

def train(trial):
    (trial.checkpoint_dir / "state").touch()
    rate = trial.params["lr"]
    for step in range(trial.resume_step + 1, trial.num_steps + 1):
        time.sleep(0.01)
        loss = 1.0 / (1.0 + min(rate, 0.004 / rate) * step)
        trial.report(step, loss=loss, dev_accuracy=1.0 - loss)
        if trial.should_stop():
            return
"""


def loss(params: Mapping[str, object], step: int) -> float:
    """Return what `TRAIN` reports at a step."""
    rate = float(str(params["lr"]))
    return 1.0 / (1.0 + min(rate, 0.004 / rate) * step)


STUDY: dict[str, Any] = {
    "name": "shaken",
    "objective": {"kind": "function", "target": "train.py:train"},
    "budget": {"steps": 80, "trials": 20},
    "evaluate_every": 10,
    "stages": [
        {"kind": "lr_sweep", "grid": [0.3, 0.1, 0.06, 0.03, 0.01, 0.003], "refine": 0},
        {"kind": "decay_schedule", "forms": ["linear"]},
    ],
}


SHORT: dict[str, Any] = STUDY | {
    "name": "short",
    "budget": {"steps": 60, "trials": 8},
    "stages": [{"kind": "lr_sweep", "grid": [0.3, 0.06, 0.01], "refine": 0}],
}
"""A study of one stage for a test of a few seconds."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def background(database_url: str) -> Iterator[int]:
    """Run a server in this process, for tests that let it live; yield its port."""
    settings = Settings(
        database_url=database_url, lease_seconds=LEASE_SECONDS, sync_seconds=SYNC_SECONDS, tick_seconds=TICK_SECONDS
    )
    with BackgroundServer(create_app(settings), listen("127.0.0.1", 0)) as server:
        yield int(server.url.rpartition(":")[2])


class Cluster:
    """Servers on one database and workers in one folder. A server that is started again keeps its port."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.folder = folder
        self._database_url = database_url
        self._processes: list[subprocess.Popen[bytes]] = []
        self._workers: list[subprocess.Popen[bytes]] = []
        (folder / "train.py").write_text(TRAIN)

    def serve(self, port: int) -> subprocess.Popen[bytes]:
        settings = {"LEASE_SECONDS": LEASE_SECONDS, "SYNC_SECONDS": SYNC_SECONDS, "TICK_SECONDS": TICK_SECONDS}
        environment = {f"STAGETUNE_{name}": str(value) for name, value in settings.items()}
        arguments = ["serve", "--port", str(port), "--database-url", self._database_url]
        return self._start(f"server-{port}", ["service.cli", *arguments], environment)

    def work(self, name: str, port: int, **environment: str) -> subprocess.Popen[bytes]:
        arguments = ["--server", f"http://127.0.0.1:{port}", "--name", name, "--devices", "cpu", "--no-builtin"]
        arguments += ["--allow", "train.py:*", "--max-runs-per-device", "2", "--workdir", str(self.folder / "runs")]
        self._workers.append(self._start(name, ["workers.cli", *arguments], environment))
        return self._workers[-1]

    def stop(self, server: subprocess.Popen[bytes]) -> None:
        """Ask a server to stop, and have it do so promptly."""
        asked = time.monotonic()
        server.terminate()
        assert server.wait(30) in (0, -signal.SIGTERM), "the server did not end well"  # uvicorn passes the signal on
        assert time.monotonic() - asked < STOP_SECONDS, "the server was slow to stop"

    def stop_workers(self) -> None:
        """Drain the workers that live, and have them give everything back in time."""
        living = [worker for worker in self._workers if worker.poll() is None]
        for worker in living:
            worker.terminate()
        assert [worker.wait(DEADLINE) for worker in living] == [0] * len(living), "a worker could not give runs back"

    def output(self, name: str) -> str:
        return (self.folder / f"{name}.out").read_text()

    def close(self) -> None:
        """Kill what still runs, children too."""
        for process in self._processes:
            with suppress(psutil.NoSuchProcess):
                for each in [*psutil.Process(process.pid).children(recursive=True), process]:
                    each.kill()
            process.wait()

    def _start(self, name: str, module: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.out").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)
        return process


@contextmanager
def cluster(database_url: str, folder: Path) -> Iterator[Cluster]:
    shaken = Cluster(database_url, folder)
    try:
        yield shaken
    finally:
        shaken.close()


def children_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def submit(port: int, study: Mapping[str, Any] = STUDY) -> str:
    """Submit a study as soon as the server answers; return its id."""
    deadline = time.monotonic() + DEADLINE
    while True:
        with suppress(httpx.TransportError):
            answer = httpx.post(f"http://127.0.0.1:{port}/api/v1/studies", json=study, timeout=30)
            if answer.is_success:
                return str(answer.json()["id"])
        assert time.monotonic() < deadline, "the server did not come up"
        time.sleep(0.05)


def wait_until(port: int, study_id: str, condition: Any, what: str) -> StudyView:
    """Look at the study, through outages, until `condition` holds for it."""
    deadline = time.monotonic() + DEADLINE
    with ApiClient(f"http://127.0.0.1:{port}") as client:
        while True:
            with suppress(ApiError):
                study = client.study(study_id)
                if condition(study):
                    return study
            assert time.monotonic() < deadline, f"{what}: not within {DEADLINE:g} s"
            time.sleep(0.05)


def ended_at_least(count: int) -> Any:
    return lambda study: study.progress.trials_ended >= count


def has_ended(study: StudyView) -> bool:
    return study.state.ended
