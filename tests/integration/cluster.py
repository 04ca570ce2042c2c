"""Real servers and workers as processes that a test may kill, and what has to be true whatever it did to them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import optuna
import psutil

from service.client import ApiClient, ApiError
from studies.contract.states import AttemptState, TrialState
from studies.contract.views import StudyView, TrialDetail
from studies.storage.port import StudyStore

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 90.0
LEASE_SECONDS = 2.0

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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Cluster:
    """Servers on one database and workers in one folder. A server that is started again keeps its port."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.folder = folder
        self._database_url = database_url
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / "train.py").write_text(TRAIN)

    def serve(self, port: int) -> subprocess.Popen[bytes]:
        settings = {"LEASE_SECONDS": f"{LEASE_SECONDS}", "SYNC_SECONDS": "0.2", "TICK_SECONDS": "0.1"}
        environment = {f"STAGETUNE_{name}": value for name, value in settings.items()}
        arguments = ["serve", "--port", str(port), "--database-url", self._database_url]
        return self._start(f"server-{port}", ["service.cli", *arguments], environment)

    def work(self, name: str, port: int) -> subprocess.Popen[bytes]:
        arguments = ["--server", f"http://127.0.0.1:{port}", "--name", name, "--devices", "cpu", "--no-builtin"]
        arguments += ["--allow", "train.py:*", "--max-runs-per-device", "2", "--workdir", str(self.folder / "runs")]
        return self._start(name, ["workers.cli", *arguments], {})

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


def submit(port: int) -> str:
    """Submit the study as soon as the server answers; return its id."""
    deadline = time.monotonic() + DEADLINE
    while True:
        with suppress(httpx.TransportError):
            answer = httpx.post(f"http://127.0.0.1:{port}/api/v1/studies", json=STUDY, timeout=30)
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


# --- the invariant -----------------------------------------------------------------------------------------------


def assert_whole(store: StudyStore, study_id: str, database_url: str) -> list[TrialDetail]:
    """Hold a completed study against what was promised, whatever happened to its processes; return its trials."""
    view = store.get_study(study_id)
    assert view.state == "completed", view.reason
    trials = [store.get_trial(trial.id) for trial in store.list_trials(study_id, limit=1_000).trials]
    for trial in trials:
        assert trial.state is TrialState.COMPLETED, f"trial {trial.number}: {trial.ended_because}"
        assert_one_at_a_time(trial)
        assert_curve(store, trial)
    assert [record.stage for record in store.decisions(study_id)] == [stage.kind for stage in view.stages]
    told = recorded(database_url, view)
    assert sorted(told) == sorted(trial.id for trial in trials), "Optuna's record is not ours"
    return trials


def assert_one_at_a_time(trial: TrialDetail) -> None:
    assert AttemptState.RUNNING not in {attempt.state for attempt in trial.attempts}
    ends = [(before.ended_at, after.started_at) for before, after in pairwise(trial.attempts)]
    assert all(ended is not None and ended <= started for ended, started in ends), f"{trial.number}: two at once"


def assert_curve(store: StudyStore, trial: TrialDetail) -> None:
    """Every step is there, once, with the value that an undisturbed run gives it."""
    curve = store.curve(trial.id, "loss")
    assert list(curve.steps) == list(range(1, trial.num_steps + 1)), f"trial {trial.number}: {list(curve.steps)}"
    rate = float(trial.params["lr"])
    undisturbed = [1.0 / (1.0 + min(rate, 0.004 / rate) * step) for step in range(1, trial.num_steps + 1)]
    assert list(curve.values) == undisturbed


def recorded(database_url: str, study: StudyView) -> list[str]:
    """Return our ids of the trials that Optuna has of all stages of the study, through Optuna's own API."""
    storage = optuna.storages.RDBStorage(database_url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        stages = [optuna.load_study(study_name=stage.optuna_study, storage=storage) for stage in study.stages]
        return [trial.user_attrs["stagetune_trial_id"] for stage in stages for trial in stage.trials]
    finally:
        storage.remove_session()
        storage.engine.dispose()
