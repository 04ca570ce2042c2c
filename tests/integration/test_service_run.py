"""`stagetune run` as a process tree: to its end, through Ctrl-C, and through kill -9."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from service.client import ApiClient
from studies.contract.states import TrialState
from studies.contract.views import TrialDetail
from studies.storage import open_store
from tests.invariant import recorded

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 100.0

TRAIN = """
import time
from pathlib import Path

HOLD = Path(__file__).with_name("hold")

def train(trial):
    rate = trial.params["lr"]
    while rate != 0.1 and HOLD.exists() and not trial.should_stop():
        time.sleep(0.02)
    for step in range(trial.resume_step + 1, trial.num_steps + 1):
        time.sleep(0.03)
        loss = 1.0 / (1.0 + rate * step)
        trial.report(step, loss=loss, dev_accuracy=1.0 - loss)
        if trial.should_stop():
            return
"""

STUDY = """
name: hills
objective: {kind: function, target: "train.py:train"}
budget: {steps: 60, trials: 12}
evaluate_every: 10
stages:
  - {kind: lr_sweep, grid: [0.1, 0.01], refine: 0}
  - {kind: decay_schedule, forms: [linear]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


class Run:
    """`stagetune run study.yaml` in a folder, as a process; what it prints is read as it comes."""

    def __init__(self, folder: Path) -> None:
        command = [
            sys.executable,
            "-c",
            "from service.cli import main; main()",
            "run",
            "study.yaml",
            "--devices",
            "cpu",
        ]
        settings = {"STAGETUNE_PORT": "0", "STAGETUNE_BUILTIN": "false", "COLUMNS": "200"}  # no torch: plain functions
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | settings
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def address(self) -> tuple[str, str]:
        """Wait for the dashboard's address; return the server's and the study's id."""
        self.wait_for(lambda: "/studies/" in self.output, "the dashboard's address")
        found = re.search(r"(http://127\.0\.0\.1:\d+)/studies/(st_\w+)", self.output)
        assert found is not None
        return found[1], found[2]

    def completed(self) -> dict[str, TrialDetail]:
        """Return the trials that have completed by now, by id."""
        server, study_id = self.address()
        with ApiClient(server) as client:
            ids = [trial.id for trial in client.trials(study_id) if trial.state == TrialState.COMPLETED]
            return {trial_id: client.trial(trial_id) for trial_id in ids}

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert self.process.poll() is None, f"it ended before {what}: {self.output}"
            assert time.monotonic() < deadline, f"{what}: not within {DEADLINE:g} s: {self.output}"
            time.sleep(0.05)

    def end(self) -> int:
        """Wait for its end; return its exit code."""
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def close(self) -> None:
        for process in (*self.tree(), self.process):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.end()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def tree(self) -> list[psutil.Process]:
        """Return the processes that it has started."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)


@pytest.fixture
def run(folder: Path) -> Iterator[Callable[[], Run]]:
    runs: list[Run] = []

    def start() -> Run:
        runs.append(Run(folder))
        return runs[-1]

    yield start
    for each in runs:
        each.close()


Start = Callable[[], Run]


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Keep the study from its end meanwhile: of its runs only those at the first rate go on."""
    (folder / "hold").touch()
    yield
    (folder / "hold").unlink()


def attempts_of(folder: Path, trial_ids: Iterable[str]) -> list[int]:
    """How many attempts each trial has had in the end."""
    with closing(open_store(f"sqlite:///{folder}/stagetune-data/stagetune.db")) as store:
        return [len(store.get_trial(trial_id).attempts) for trial_id in trial_ids]


def assert_recorded_with_optuna(folder: Path) -> None:
    """Every stage's Optuna study holds the trials that we have of it, the last stage's too."""
    url = f"sqlite:///{folder}/stagetune-data/stagetune.db"
    with closing(open_store(url)) as store:
        (study,) = store.list_studies()
        ours = [trial.id for trial in store.list_trials(study.id).trials]
        told = [trial.user_attrs["stagetune_trial_id"] for trial in recorded(url, store.get_study(study.id))]
        assert sorted(told) == sorted(ours)


def test_a_run_ends_with_its_report_and_again_with_the_same(run: Start, folder: Path) -> None:
    first = run()
    assert first.end() == 0, first.output
    assert "Stagetune: hills" in first.output
    assert "learning rate and number of steps: lr " in first.output
    assert "learning-rate decay: " in first.output
    assert_recorded_with_optuna(folder)
    again = run()
    assert again.end() == 0, again.output
    assert "ended already" in again.output
    assert "Stagetune: hills" in again.output


def test_ctrl_c_pauses_and_the_same_command_goes_on(run: Start, folder: Path) -> None:
    with unfinished(folder):
        first = run()
        first.wait_for(first.completed, "a completed trial")
        done = first.completed()
        children = first.tree()
        first.process.send_signal(signal.SIGINT)
        assert first.end() == 130, first.output
    assert "The same command again goes on" in first.output
    assert not psutil.wait_procs(children, timeout=10)[1], "a child outlived the run"

    second = run()
    assert second.address()[1] == first.address()[1]
    assert second.end() == 0, second.output
    assert attempts_of(folder, done) == [1] * len(done)


@pytest.mark.long
def test_killed_it_leaves_no_child_and_goes_on_when_started_again(run: Start, folder: Path) -> None:
    with unfinished(folder):
        first = run()
        first.wait_for(first.completed, "a completed trial")
        done = first.completed()
        children = first.tree()
        first.process.kill()
        first.end()
    assert not psutil.wait_procs(children, timeout=30)[1], "a child outlived the run"

    second = run()
    assert second.end() == 0, second.output
    assert second.address()[1] == first.address()[1]
    assert attempts_of(folder, done) == [1] * len(done)


def test_a_changed_file_asks_the_user_to_choose(run: Start, folder: Path) -> None:
    first = run()
    first.address()
    first.process.send_signal(signal.SIGTERM)
    assert first.end() == 130, first.output
    (folder / "study.yaml").write_text(STUDY.replace("steps: 60", "steps: 50"))
    changed = run()
    assert changed.end() == 1
    assert "--fresh" in changed.output
    assert "Traceback" not in changed.output


def test_two_runs_do_not_share_a_folder(run: Start) -> None:
    first = run()
    first.address()
    second = run()
    assert second.end() == 1
    assert "another `stagetune run` is at work" in second.output
