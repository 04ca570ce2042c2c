"""``stagetune reproduce``: a trial that a worker ran is run again alone, and gives the same curves."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.cli import main
from service.cli.worker_process import WorkerProcess, worker_command
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.contract.worker_protocol import RunSpec
from studies.core.actions import OpenStage
from studies.storage.memory import MemoryStore
from tests.builders import add_trials, function_spec, spec

DEADLINE = 90.0
STEPS = 24

TRAIN = """
def train(trial):
    print("a rate of", trial.params["lr"])
    loss = 1.0 + trial.seed
    for step in range(1, trial.num_steps + 1):
        loss *= 1 - 0.1 * trial.lr(step - 1)
        trial.report(step, loss=loss, **({"dev_accuracy": 1 / (1 + loss)} if step % 8 == 0 else {}))
"""


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def server(store: MemoryStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A server on `store` without an engine; the command line finds it, and works in a folder of its own."""
    settings = Settings(database_url="memory://", sync_seconds=0.1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    (tmp_path / "train.py").write_text(TRAIN)
    with BackgroundServer(create_app(settings, store, tick=lambda: None), listen("127.0.0.1", 0)) as running:
        monkeypatch.setenv("STAGETUNE_SERVER", running.url)
        yield running.url


def one_trial(store: MemoryStore, study_spec: Any, **fields: Any) -> str:
    """Ask for a trial with a decaying rate and a seed of its own; return its id."""
    study_id = store.create_study(study_spec).study_id
    decay = Schedule(kind="linear", start=8, end=STEPS)
    more = {"seed": 3, "schedule": decay, "num_steps": STEPS, **fields}
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), add_trials(**more)])
    return store.list_trials(study_id).trials[0].id


@contextmanager
def working(server: str, folder: Path, *allow: str) -> Iterator[None]:
    command = worker_command(server, "cpu", folder / "runs", allow, builtin=not allow, packing="off")
    worker = WorkerProcess(command, folder / "worker.log")
    try:
        yield
    finally:
        worker.stop()


def until_ended(store: MemoryStore, trial_id: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not store.get_trial(trial_id).state.ended:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert store.get_trial(trial_id).state is TrialState.COMPLETED


def stagetune(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["stagetune", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_users_function_is_run_again_where_it_is_allowed(
    store: MemoryStore, server: str, tmp_path: Path, monkeypatch, capfd
) -> None:
    trial_id = one_trial(store, function_spec())
    with working(server, tmp_path, "train.py:*"):
        until_ended(store, trial_id)
    assert stagetune(monkeypatch, "reproduce", trial_id) == 1
    assert "this trial runs train.py:train: to let it run here, add --allow 'train.py:train'" in capfd.readouterr().err
    assert stagetune(monkeypatch, "reproduce", "own-code/0", "--allow", "train.py:*") == 0
    said = capfd.readouterr()
    assert f"Reproduced to the last digit: all {STEPS + 3} points are the same." in said.out
    (log,) = (tmp_path / "reproduced/own-code-0/runs").glob("*/*/run.log")
    assert "a rate of 0.1" in log.read_text()
    assert stagetune(monkeypatch, "reproduce", "own-code/0", "--allow", "train.py:*") == 1
    assert "holds something already" in capfd.readouterr().err


def test_a_builtin_trial_gives_its_curves_to_the_last_digit(
    store: MemoryStore, server: str, tmp_path: Path, monkeypatch, capfd
) -> None:
    trial_id = one_trial(store, spec(evaluate_every=8))
    with working(server, tmp_path):
        until_ended(store, trial_id)
    assert stagetune(monkeypatch, "reproduce", "digits-cnn/0", "--device", "cpu", "--out", "again") == 0
    said = capfd.readouterr().out
    assert "Reproduced to the last digit" in said
    assert "train accuracy" in said


def test_a_run_can_be_taken_along_as_a_file(
    store: MemoryStore, server: str, tmp_path: Path, monkeypatch, capfd
) -> None:
    trial_id = one_trial(store, function_spec(), params={"lr": 0.5, "batch_size": 8})
    assert stagetune(monkeypatch, "reproduce", trial_id, "--spec") == 0
    document = capfd.readouterr().out
    run = RunSpec.model_validate_json(document)
    assert (run.seed, run.num_steps, run.schedule.kind, run.params["lr"]) == (3, STEPS, "linear", 0.5)
    (tmp_path / "run.json").write_text(document)
    monkeypatch.setenv("STAGETUNE_SERVER", "http://127.0.0.1:9")
    assert stagetune(monkeypatch, "reproduce", "run.json", "--allow", "train.py:*") == 0
    assert len((tmp_path / "reproduced/own-code-0/metrics.jsonl").read_text().splitlines()) == STEPS + 3


def test_a_run_that_fails_says_where_its_log_is(store: MemoryStore, server: str, tmp_path, monkeypatch, capfd) -> None:
    one_trial(store, function_spec())
    (tmp_path / "train.py").write_text("def train(trial):\n    raise ValueError('no such luck')\n")
    assert stagetune(monkeypatch, "reproduce", "own-code/0", "--allow", "train.py:*") == 1
    said = capfd.readouterr().err
    assert "no such luck" in said
    assert "reproduced/own-code-0 has its log" in said
    assert '"state": "failed"' in (tmp_path / "reproduced/own-code-0/outcome.json").read_text()


@pytest.mark.parametrize("trial", ["own-code/7", "tr_none"])
def test_a_trial_that_is_not_there_is_said(store: MemoryStore, server: str, monkeypatch, capfd, trial: str) -> None:
    one_trial(store, function_spec())
    assert stagetune(monkeypatch, "reproduce", trial) == 1
    assert "no trial" in capfd.readouterr().err
