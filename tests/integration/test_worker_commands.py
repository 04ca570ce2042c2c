"""Commands as objectives, run by real workers: their words, metrics, ends, stops and checkpoints."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studies.contract.worker_protocol import Lease
from tests.integration.worker_harness import FakeServer, Worker, gone, lease, serving, wait_for

StartWorker = Callable[..., Worker]

PLAIN = """
import json, os, sys
print("hello", *sys.argv[1:])
with open(os.environ["STAGETUNE_METRICS"], "a") as metrics:
    for step in range(1, int(os.environ["STAGETUNE_NUM_STEPS"]) + 1):
        print(json.dumps({"step": step, "loss": float(os.environ["STAGETUNE_PARAM_LR"]) / step}), file=metrics)
json.dump(dict(os.environ), open("environ.json", "w"))
"""

UNTIL_STOPPED = """
import json, os, signal, sys, time
from pathlib import Path

signal.signal(signal.SIGTERM, lambda *_: (state.write_text(str(step)), sys.exit(0)))
state = Path(sys.argv[1]) / "state"
step = int(state.read_text()) if state.exists() else 0
Path("run.pid").write_text(str(os.getpid()))
while True:
    step += 1
    with open(os.environ["STAGETUNE_METRICS"], "a") as metrics:
        metrics.write(json.dumps({"step": step, "loss": 1.0}) + "\\n")
    time.sleep(0.01)
"""


def command_lease(attempt_id: str = "at_1", *arguments: str, **changes: Any) -> Lease:
    objective = {"kind": "command", "command": [sys.executable, "train.py", *arguments]}
    return lease(attempt_id, objective=objective, **changes)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def url(server: FakeServer) -> Iterator[str]:
    with serving(server) as address:
        yield address


@pytest.fixture
def start(url: str, tmp_path: Path) -> Iterator[StartWorker]:
    workers: list[Worker] = []

    def start_worker(script: str, *options: str) -> Worker:
        (tmp_path / "train.py").write_text(script)
        workers.append(Worker(url, tmp_path, "--no-builtin", "--allow", f"command:{sys.executable} *", *options))
        return workers[-1]

    yield start_worker
    for worker in workers:
        worker.end()


def outcome_of(server: FakeServer, attempt_id: str = "at_1") -> Any:
    return wait_for(lambda: server.outcomes.get(attempt_id), "the outcome")


def test_a_command_gets_its_words_reports_logs_and_completes(
    server: FakeServer, start: StartWorker, tmp_path: Path
) -> None:
    schedule = {"kind": "piecewise", "end": 10, "milestones": [5, 8]}
    server.waiting = [command_lease("at_1", "--lr={lr}", "{seed}", "$HOME; ls *", schedule=schedule)]
    start(PLAIN)
    assert outcome_of(server).state == "completed"
    assert server.curve("at_1", "loss") == {step: 0.1 / step for step in range(1, 11)}
    assert "hello --lr=0.1 0 $HOME; ls *" in server.log("at_1")
    environ = json.loads((tmp_path / "environ.json").read_text())
    assert environ["STAGETUNE_SCHEDULE_MILESTONES"] == "5,8"
    assert environ["STAGETUNE_PARAM_BATCH_SIZE"] == "64"
    assert environ["CUDA_VISIBLE_DEVICES"] == ""
    assert json.loads(Path(environ["STAGETUNE_RUN"]).read_text())["params"]["lr"] == 0.1


def test_a_stopped_command_saves_its_state_and_goes_on_from_there(
    server: FakeServer, start: StartWorker, tmp_path: Path
) -> None:
    server.waiting = [command_lease("at_1", "{checkpoint_dir}", num_steps=100_000)]
    start(UNTIL_STOPPED)
    wait_for(lambda: server.curve("at_1", "loss"), "the first points")
    server.stops["at_1"] = "pause"
    assert outcome_of(server).state == "stopped"
    last = max(server.curve("at_1", "loss"))
    server.waiting = [command_lease("at_2", "{checkpoint_dir}", num_steps=100_000)]
    wait_for(lambda: server.curve("at_2", "loss"), "points of the second attempt")
    assert last - 1 <= server.started_from["at_2"] <= last
    assert min(server.curve("at_2", "loss")) == server.started_from["at_2"] + 1


def test_a_drained_worker_gives_a_command_back(server: FakeServer, start: StartWorker, tmp_path: Path) -> None:
    server.waiting = [command_lease("at_1", "{checkpoint_dir}", num_steps=100_000)]
    worker = start(UNTIL_STOPPED)
    wait_for(lambda: server.curve("at_1", "loss"), "the first points")
    run = int((tmp_path / "run.pid").read_text())
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(20) == 0
    assert server.outcomes["at_1"].state == "preempted"
    assert gone(run)


METRICS = "import os; m = open(os.environ['STAGETUNE_METRICS'], 'a'); "


@pytest.mark.parametrize(
    ("script", "state", "words"),
    [
        ("import sys; sys.exit(3)", "failed", "the command ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 11)", "failed", "the command was killed by SIGSEGV"),
        ("pass", "failed", "no-metric: the command ended with exit code 0 and never wrote 'loss'"),
        (METRICS + "m.write('loss: 0.3')", "failed", "no-metric: "),
        (
            METRICS + 'm.write(\'{"step": 7, "loss": NaN}\\n\'); m.flush(); import time; time.sleep(60)',
            "diverged",
            "step 7",
        ),
        (METRICS + 'm.write(\'{"step": 1, "loss": 1}\')', "completed", ""),
    ],
    ids=["exit 3", "segfault", "no metric", "no JSON", "nan", "no newline"],
)
def test_how_a_command_can_end(server: FakeServer, start: StartWorker, script: str, state: str, words: str) -> None:
    server.waiting = [command_lease()]
    start(script)
    outcome = outcome_of(server)
    assert outcome.state == state
    assert words in outcome.reason


def test_a_program_that_is_not_there_is_named(server: FakeServer, url: str, tmp_path: Path) -> None:
    objective = {"kind": "command", "command": ["no-such-program"]}
    server.waiting = [lease(objective=objective)]
    worker = Worker(url, tmp_path, "--no-builtin", "--allow", "command:*")
    try:
        assert "no-such-program cannot be started (No such file or directory)" in outcome_of(server).reason
    finally:
        worker.end()


def test_a_command_that_is_not_allowed_is_refused(server: FakeServer, start: StartWorker) -> None:
    objective = {"kind": "command", "command": ["sh", "-c", "true"]}
    server.waiting = [lease(objective=objective)]
    start(PLAIN)
    outcome = outcome_of(server)
    assert outcome.state == "failed"
    assert "start it with --allow 'command:sh -c true'" in outcome.reason


KINDS: dict[str, dict[str, Any]] = {
    "function": {"kind": "function", "target": "own.py:train"},
    "command": {"kind": "command", "command": [sys.executable, "train.py", "{checkpoint_dir}"]},
    "builtin": {
        "kind": "builtin",
        "name": "image_classification",
        "args": {"dataset": "digits", "model": "mlp"},
    },
}

OWN = """
import time

def train(trial):
    for step in range(1, trial.num_steps + 1):
        trial.report(step, loss=1.0)
        time.sleep(0.02)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_of_the_worker_reaches_a_run(
    server: FakeServer, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    secrets = {"STAGETUNE_TOKEN": "t0ken" * 4, "AWS_SECRET_ACCESS_KEY": "s3cret", "HTTPS_PROXY": "http://me:p4ss@proxy"}
    for name, value in (secrets | {"WANDB_MODE": "offline", "NO_PROXY": "*"}).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "train.py").write_text(UNTIL_STOPPED)
    server.waiting = [lease(objective=KINDS[kind], metric={"name": "loss"}, num_steps=100_000)]
    offer = "--builtin" if kind == "builtin" else "--no-builtin"
    options = ("--allow", "own.py:*", "--allow", "command:*", "--packing", "off", "--env", "WANDB_*", offer)
    worker = Worker(url, tmp_path, *options)
    try:
        wait_for(lambda: server.curve("at_1", "loss"), "the first points", 60)
        environments = [process.environ() for process in worker.tree()]
        assert len(environments) >= 3  # nursery, keeper, run
        for environ in environments:
            assert not secrets.keys() & environ.keys()
            assert environ["WANDB_MODE"] == "offline"
    finally:
        worker.end()
