"""Real worker processes against a scripted server: leases, ends, stops, drains and deaths."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.worker_harness import FakeServer, Worker, digits, gone, lease, serving, wait_for

PLAIN = """
def train(trial):
    print("hello from the run", trial.params["lr"])
    for step in range(1, trial.num_steps + 1):
        trial.report(step, loss=1.0 / step)
"""

UNTIL_STOPPED = """
import os, time
from pathlib import Path

def train(trial):
    Path("run.pid").write_text(str(os.getpid()))
    step = trial.resume_step
    while not trial.should_stop():
        step += 1
        trial.report(step, loss=1.0)
        time.sleep(0.01)
    (trial.checkpoint_dir / "state").write_text(str(step))
"""

STUBBORN = """
import os, signal, subprocess, sys, time
from pathlib import Path

DAEMON = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.setsid();"
    "open('daemon.pid', 'w').write(str(os.getpid())); time.sleep(600)"
)

def train(trial):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        subprocess.Popen([sys.executable, "-c", DAEMON])
        os._exit(0)
    os.wait()
    while not Path("daemon.pid").exists() or not Path("daemon.pid").read_text():
        time.sleep(0.01)
    Path("run.pid").write_text(str(os.getpid()))
    trial.report(1, loss=1.0)
    time.sleep(600)
"""

StartWorker = Callable[..., Worker]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def url(server: FakeServer) -> Iterator[str]:
    with serving(server) as address:
        yield address


@pytest.fixture
def start(url: str, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers that offer function objectives alone and allow train.py."""
    workers: list[Worker] = []

    def start_worker(script: str, *options: str) -> Worker:
        (tmp_path / "train.py").write_text(script)
        chosen = options or ("--no-builtin", "--allow", "train.py:*")
        workers.append(Worker(url, tmp_path, *chosen))
        return workers[-1]

    yield start_worker
    for worker in workers:
        worker.end()


def pid_in(path: Path) -> int:
    return wait_for(lambda: path.exists() and path.read_text() and int(path.read_text()), f"{path.name}")


def test_a_run_reports_logs_and_completes(server: FakeServer, start: StartWorker, tmp_path: Path) -> None:
    server.waiting = [lease()]
    start(PLAIN)
    outcome = wait_for(lambda: server.outcomes.get("at_1"), "the outcome")
    assert outcome.state == "completed"
    assert server.curve("at_1", "loss") == {step: 1.0 / step for step in range(1, 11)}
    assert "hello from the run 0.1" in server.log("at_1")
    assert "hello from the run" in (tmp_path / "stagetune-data/runs/st_1/tr_1/run.log").read_text()


def test_a_lease_granted_twice_starts_one_run(server: FakeServer, start: StartWorker) -> None:
    server.waiting = [lease(num_steps=100_000)]
    server.again = [lease(num_steps=100_000)]
    start(UNTIL_STOPPED, "--no-builtin", "--allow", "train.py:*", "--max-runs-per-device", "4")
    wait_for(lambda: server.curve("at_1", "loss"), "the first points")
    server.again = [lease(num_steps=100_000)]
    wait_for(lambda: not server.again, "the second grant")
    server.stops["at_1"] = "enough"
    outcome = wait_for(lambda: server.outcomes.get("at_1"), "the outcome")
    steps = list(server.curve("at_1", "loss"))
    assert (outcome.state, steps) == ("stopped", list(range(1, len(steps) + 1)))
    assert "enough" in outcome.reason


def test_a_resumed_function_goes_on_after_its_last_step(server: FakeServer, start: StartWorker) -> None:
    server.waiting = [lease(num_steps=100_000)]
    start(UNTIL_STOPPED)
    wait_for(lambda: server.curve("at_1", "loss"), "the first points")
    server.stops["at_1"] = "pause"
    wait_for(lambda: server.outcomes.get("at_1"), "the first outcome")
    last = max(server.curve("at_1", "loss"))
    server.waiting = [lease("at_2", num_steps=100_000)]
    wait_for(lambda: server.curve("at_2", "loss"), "points of the second attempt")
    assert min(server.curve("at_2", "loss")) == last + 1
    assert server.started_from["at_2"] == last


def test_a_lost_lease_ends_the_run_silently(server: FakeServer, start: StartWorker, tmp_path: Path) -> None:
    server.waiting = [lease()]
    start(UNTIL_STOPPED)
    run = pid_in(tmp_path / "run.pid")
    wait_for(lambda: "at_1" in server.started_from, "the first report")
    server.lost.add("at_1")
    wait_for(lambda: gone(run), "the run's end")
    assert "at_1" not in server.outcomes


def test_a_drained_worker_gives_its_runs_back_and_exits_0(
    server: FakeServer, start: StartWorker, tmp_path: Path
) -> None:
    server.waiting = [lease(f"at_{n}", trial_id=f"tr_{n}", num_steps=100_000) for n in (1, 2, 3)]
    worker = start(UNTIL_STOPPED, "--no-builtin", "--allow", "*", "--max-runs-per-device", "2")
    wait_for(lambda: server.curve("at_1", "loss") and server.curve("at_2", "loss"), "two runs")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(20) == 0
    assert {key: outcome.state for key, outcome in server.outcomes.items()} == {
        "at_1": "preempted",
        "at_2": "preempted",
    }
    assert (tmp_path / "stagetune-data/runs/st_1/tr_1/checkpoint/state").exists()
    assert [each.attempt_id for each in server.waiting] == ["at_3"]


def test_a_second_signal_stops_hard_and_leaves_nothing(server: FakeServer, start: StartWorker, tmp_path: Path) -> None:
    server.waiting = [lease()]
    worker = start(STUBBORN)
    run, daemon = pid_in(tmp_path / "run.pid"), pid_in(tmp_path / "daemon.pid")
    worker.process.send_signal(signal.SIGINT)
    wait_for(lambda: "a second signal" in worker.output.read_text(), "the drain")
    worker.process.send_signal(signal.SIGINT)
    worker.process.wait(20)
    wait_for(lambda: gone(run) and gone(daemon), "the end of the tree")


def test_when_the_agent_is_killed_nothing_of_its_runs_survives(
    server: FakeServer, start: StartWorker, tmp_path: Path
) -> None:
    server.waiting = [lease()]
    worker = start(STUBBORN)
    daemon = pid_in(tmp_path / "daemon.pid")
    pid_in(tmp_path / "run.pid")
    tree = [process.pid for process in worker.tree()]
    assert daemon in tree
    worker.process.kill()
    wait_for(lambda: all(gone(pid) for pid in tree), "the end of the tree")


def test_when_the_nursery_is_killed_runs_go_on_and_new_ones_start(
    server: FakeServer, start: StartWorker, tmp_path: Path
) -> None:
    server.waiting = [lease()]
    worker = start(UNTIL_STOPPED, "--no-builtin", "--allow", "*", "--max-runs-per-device", "2")
    run = pid_in(tmp_path / "run.pid")
    nursery = next(each for each in worker.tree() if each.ppid() == worker.process.pid)
    nursery.kill()
    server.waiting = [lease("at_2", trial_id="tr_2")]
    wait_for(lambda: server.curve("at_2", "loss"), "a run from the new nursery")
    assert not gone(run)


@pytest.mark.parametrize(
    ("script", "state", "words"),
    [
        ("def train(trial):\n    raise ValueError('lr is odd')\n", "failed", "ValueError: lr is odd"),
        ("import os, signal\ndef train(trial):\n    os.kill(os.getpid(), signal.SIGKILL)\n", "failed", "SIGKILL"),
        ("import os, signal\ndef train(trial):\n    os.kill(os.getpid(), signal.SIGSEGV)\n", "failed", "SIGSEGV"),
        ("import sys\ndef train(trial):\n    sys.exit(0)\n", "failed", "exited with code 0 before"),
        ("import os\ndef train(trial):\n    os._exit(3)\n", "failed", "exited with code 3"),
        ("def train(trial):\n    pass\n", "failed", "without reporting 'loss'"),
        ("def train(trial):\n    trial.report(37, loss=float('nan'))\n", "diverged", "loss was nan at step 37"),
        ("x = 1\n", "failed", "has no function 'train'"),
        ("def train(trial):\n    import torch.nothing_of_the_kind\n", "failed", "ModuleNotFoundError"),
        ("def train(trial):\n    trial.report(2, loss=1)\n    trial.report(2, loss=1)\n", "failed", "rising steps"),
        ("def train(trial):\n    trial.report(2**31, loss=1)\n", "failed", "ValueError: step 2147483648"),
    ],
    ids=[
        "raises",
        "killed",
        "segfault",
        "exit 0",
        "exit 3",
        "no metric",
        "nan",
        "no function",
        "import",
        "steps",
        "beyond",
    ],
)
def test_how_a_run_can_end(server: FakeServer, start: StartWorker, script: str, state: str, words: str) -> None:
    server.waiting = [lease()]
    start(script)
    outcome = wait_for(lambda: server.outcomes.get("at_1"), "the outcome")
    assert outcome.state == state
    assert words in outcome.reason


def test_a_target_that_is_not_allowed_is_refused(server: FakeServer, start: StartWorker) -> None:
    server.waiting = [lease()]
    start(PLAIN, "--no-builtin", "--allow", "other.py:*")
    outcome = wait_for(lambda: server.outcomes.get("at_1"), "the outcome")
    assert outcome.state == "failed"
    assert "--allow 'train.py:train'" in outcome.reason


def test_outages_and_a_forgetful_server_lose_nothing(server: FakeServer, start: StartWorker) -> None:
    server.waiting = [lease()]
    start(PLAIN.replace("1.0 / step)", "1.0 / step); __import__('time').sleep(0.05)"))
    wait_for(lambda: server.curve("at_1", "loss"), "the first points")
    server.status_of_next = [503, 404]
    outcome = wait_for(lambda: server.outcomes.get("at_1"), "the outcome")
    assert outcome.state == "completed"
    assert list(server.curve("at_1", "loss")) == list(range(1, 11))
    assert len(server.registrations) == 2


def test_a_server_that_refuses_ends_the_worker_with_its_words(server: FakeServer, start: StartWorker) -> None:
    server.status_of_next = [401]
    worker = start(PLAIN)
    assert worker.process.wait(20) == 2
    assert "the server answers 401: as the test wants it" in worker.output.read_text()


def test_the_token_is_sent(server: FakeServer, start: StartWorker) -> None:
    start(PLAIN, "--no-builtin", "--token", "secret")
    wait_for(lambda: server.requests, "a sync")
    assert set(server.authorizations) == {"Bearer secret"}


def test_digits_from_lease_to_outcome(server: FakeServer, start: StartWorker) -> None:
    run = digits(num_steps=30, evaluate_every=20)
    server.waiting = [lease().model_copy(update={"run": run})]
    start(PLAIN, "--allow", "none")
    outcome = wait_for(lambda: server.outcomes.get("at_1"), "the outcome", 60)
    assert outcome.state == "completed", outcome
    assert list(server.curve("at_1", "loss")) == list(range(1, 31))
    assert list(server.curve("at_1", "dev_accuracy")) == [20, 30]
    assert server.registrations[0].objectives == ("image_classification",)
    assert "dev_accuracy" in server.log("at_1")


def test_a_pack_shares_the_device(server: FakeServer, start: StartWorker) -> None:
    server.waiting = [lease(f"at_{n}", trial_id=f"tr_{n}") for n in range(6)]
    start(PLAIN, "--no-builtin", "--allow", "*", "--max-runs-per-device", "3")
    wait_for(lambda: len(server.outcomes) == 6, "all outcomes")
    assert {outcome.state for outcome in server.outcomes.values()} == {"completed"}
    assert max(len(request.attempts) for request in server.requests) <= 3
