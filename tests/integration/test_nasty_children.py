"""Runs that misbehave, as functions and as commands: nothing of them is left, and the worker goes on."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studies.contract.worker_protocol import Lease
from tests.integration.worker_harness import FakeServer, Worker, gone, lease, serving, wait_for

NASTY = """
import os, signal, subprocess, sys, time
from pathlib import Path

IGNORE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
DAEMON = IGNORE + "import os, time; open(f'pids/{os.getpid()}', 'w'); time.sleep(600)"

def hang():
    '''Ignore SIGTERM, leave a daemon and a grandchild that ignore it too, and say no more.'''
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:  # and again in Popen, in a session of its own
        subprocess.Popen([sys.executable, "-c", DAEMON], start_new_session=True)
        os._exit(0)
    os.wait()
    subprocess.Popen([sys.executable, "-c", DAEMON])
    while len(list(Path("pids").iterdir())) < 2:
        time.sleep(0.01)
    Path("run.pid").write_text(str(os.getpid()))
    Path(f"pids/{os.getpid()}").touch()
    time.sleep(600)

def shout():
    '''Print megabytes.'''
    for _ in range(3000):
        print("x" * 1023)

def babble():
    '''Write garbage into every pipe that is open.'''
    import stat
    for each in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(each).st_mode):
                os.write(each, b"garbage" * 100)
        except OSError:
            pass
"""

FUNCTION = """
import sys
sys.path.insert(0, ".")
import nasty

def train(trial):
    trial.report(1, loss=1.0)
    nasty.{act}()
    trial.report(2, loss=0.5)
"""

COMMAND = """
import os, nasty
metrics = open(os.environ["STAGETUNE_METRICS"], "a", buffering=1)
metrics.write('{"step": 1, "loss": 1.0}\\n')
nasty.ACT()
metrics.write('{"step": 2, "loss": 0.5}\\n')
"""

OBJECTIVES: dict[str, dict[str, Any]] = {
    "function": {"kind": "function", "target": "train.py:train"},
    "command": {"kind": "command", "command": [sys.executable, "run.py"]},
}
Start = Callable[..., Worker]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def start(server: FakeServer, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker whose runs do `act`."""
    workers: list[Worker] = []

    def start_worker(act: str) -> Worker:
        (tmp_path / "pids").mkdir()
        (tmp_path / "nasty.py").write_text(NASTY)
        (tmp_path / "train.py").write_text(FUNCTION.replace("{act}", act))
        (tmp_path / "run.py").write_text(COMMAND.replace("ACT", act))
        allow = ("--no-builtin", "--allow", "train.py:*", "--allow", f"command:{sys.executable} run.py")
        workers.append(Worker(url, tmp_path, *allow, "--grace-seconds", "0.5"))
        return workers[-1]

    with serving(server) as url:
        yield start_worker
        for worker in workers:
            worker.end()


def run(kind: str, attempt_id: str = "at_1", **changes: Any) -> Lease:
    return lease(attempt_id, trial_id=f"tr_{attempt_id}", objective=OBJECTIVES[kind], **changes)


def hung(folder: Path) -> list[int]:
    """Wait until a run hangs with all that it started; return their process ids."""
    pids = wait_for(lambda: len(found := list((folder / "pids").iterdir())) == 3 and found, "the run's processes")
    return [int(path.name) for path in pids]


def all_gone(pids: list[int]) -> bool:
    return all(gone(pid) for pid in pids)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_stop_order_ends_the_whole_tree(server: FakeServer, start: Start, tmp_path: Path, kind: str) -> None:
    server.waiting = [run(kind)]
    start("hang")
    pids = hung(tmp_path)
    server.stops["at_1"] = "pruned"
    outcome = wait_for(lambda: server.outcomes.get("at_1"), "the outcome")
    assert (outcome.state, outcome.reason) == ("stopped", "pruned: ended before it could save its state")
    assert all_gone(pids)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_lost_lease_ends_the_whole_tree_without_a_word(
    server: FakeServer, start: Start, tmp_path: Path, kind: str
) -> None:
    server.waiting = [run(kind)]
    start("hang")
    pids = hung(tmp_path)
    server.lost.add("at_1")
    wait_for(lambda: all_gone(pids), "the end of the tree")
    assert server.outcomes == {}


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_run_that_says_nothing_is_ended_with_the_reason(
    server: FakeServer, start: Start, tmp_path: Path, kind: str
) -> None:
    server.waiting = [run(kind, stall_timeout=3.0)]
    start("hang")
    outcome = wait_for(lambda: server.outcomes.get("at_1"), "the outcome")
    assert outcome.state == "failed"
    assert "said nothing for 3 s (stall_timeout)" in outcome.reason
    assert all_gone([int(path.name) for path in (tmp_path / "pids").iterdir()])


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_nothing_survives_the_worker(server: FakeServer, start: Start, tmp_path: Path, kind: str) -> None:
    server.waiting = [run(kind)]
    worker = start("hang")
    pids = [*hung(tmp_path), *(process.pid for process in worker.tree())]
    worker.process.kill()
    wait_for(lambda: all_gone(pids), "the end of the tree")


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_drain_is_over_in_its_grace_time(server: FakeServer, start: Start, tmp_path: Path, kind: str) -> None:
    server.waiting = [run(kind)]
    worker = start("hang")
    pids = hung(tmp_path)
    worker.process.send_signal(signal.SIGTERM)
    wait_for(lambda: server.requests[-1].devices[0].capacity == 0, "a worker that asks for nothing more")
    server.waiting = [run(kind, "at_2")]
    assert worker.process.wait(20) == 0
    assert server.outcomes["at_1"].state == "preempted"
    assert "at_2" not in server.granted
    assert all_gone(pids)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_run_that_was_killed_leaves_no_children(server: FakeServer, start: Start, tmp_path: Path, kind: str) -> None:
    server.waiting = [run(kind)]
    start("hang")
    pids = hung(tmp_path)
    os.kill(int((tmp_path / "run.pid").read_text()), signal.SIGKILL)
    outcome = wait_for(lambda: server.outcomes.get("at_1"), "the outcome")
    assert outcome.state == "failed"
    assert "killed by SIGKILL" in outcome.reason
    assert all_gone(pids)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_megabytes_of_output_are_cut_and_the_metrics_are_all_there(server: FakeServer, start: Start, kind: str) -> None:
    server.waiting = [run(kind)]
    start("shout")
    assert wait_for(lambda: server.outcomes.get("at_1"), "the outcome").state == "completed"
    assert server.curve("at_1", "loss") == {1: 1.0, 2: 0.5}
    assert 2**20 <= len(server.log("at_1")) < 2**20 + 100


def test_garbage_on_the_channel_fails_that_run_alone(server: FakeServer, start: Start) -> None:
    server.waiting = [run("function")]
    start("babble")
    outcome = wait_for(lambda: server.outcomes.get("at_1"), "the outcome")
    assert outcome.state == "failed"
    assert "frame" in outcome.reason
    server.waiting = [run("command", "at_2")]
    assert wait_for(lambda: server.outcomes.get("at_2"), "the next outcome").state == "completed"
