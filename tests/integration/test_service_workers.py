"""Two worker processes at one server: a study submitted over HTTP, each trial run by exactly one of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from service.app import create_app
from service.client import ApiClient
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.states import AttemptState
from studies.contract.views import AttemptView

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 100.0

TRAIN = """
import time

def train(trial):
    for step in range(1, trial.num_steps + 1):
        time.sleep(0.01)
        loss = 1.0 / (1.0 + trial.params["lr"] * step)
        trial.report(step, loss=loss, dev_accuracy=1.0 - loss)
"""

STUDY = {
    "name": "shared",
    "objective": {"kind": "function", "target": "train.py:train"},
    "budget": {"steps": 30, "trials": 10},
    "evaluate_every": 10,
    "stages": [{"kind": "lr_sweep", "grid": [0.1, 0.03, 0.01, 0.003, 0.001, 0.0003], "refine": 0}],
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/stagetune.db", sync_seconds=0.2)
    with BackgroundServer(create_app(settings), listen("127.0.0.1", 0)) as running:
        yield running.url


@pytest.fixture
def workers(server: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    (tmp_path / "train.py").write_text(TRAIN)
    names = ("east", "west")
    processes = [worker(server, name, tmp_path) for name in names]
    yield names
    for process in processes:
        process.terminate()
    assert [process.wait(DEADLINE) for process in processes] == [0, 0]


def worker(server: str, name: str, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "workers.cli", "--server", server, "--name", name, "--devices", "cpu"]
    command += ["--no-builtin", "--allow", "train.py:*", "--max-runs-per-device", "1", "--workdir", str(folder / name)]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_workers(client: ApiClient, names: tuple[str, ...]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not all(each.devices[0].capacity for each in client.workers()) or len(client.workers()) < len(names):
        assert time.monotonic() < deadline, "the workers did not get ready"
        time.sleep(0.1)


def one_after_the_other(attempts: Sequence[AttemptView]) -> bool:
    """Whether each attempt began when the one before had ended: a trial that is continued has several."""
    ordered = sorted(attempts, key=lambda attempt: attempt.started_at)
    return all(
        before.ended_at is not None and before.ended_at <= after.started_at for before, after in pairwise(ordered)
    )


def test_each_trial_is_run_by_exactly_one_of_two_workers(server: str, workers: tuple[str, str]) -> None:
    with ApiClient(server) as client:
        wait_for_workers(client, workers)
        study_id = httpx.post(f"{server}/api/v1/studies", json=STUDY).json()["id"]
        deadline = time.monotonic() + DEADLINE
        while not (study := client.study(study_id)).state.ended:
            assert time.monotonic() < deadline, f"not ended in time: {study}"
            time.sleep(0.1)
        trials = [client.trial(trial.id) for trial in client.trials(study_id)]
    assert study.state == "completed", study.reason
    for trial in trials:
        assert {attempt.state for attempt in trial.attempts} == {AttemptState.COMPLETED}
        assert one_after_the_other(trial.attempts), f"two workers ran {trial.key} at once"
    assert sum(len(trial.attempts) == 1 for trial in trials) >= 6, "only a continued trial has a second attempt"
    assert {attempt.worker_name for trial in trials for attempt in trial.attempts} == set(workers)
    numbers = [trial.number for trial in trials]
    assert numbers == list(range(len(numbers)))
