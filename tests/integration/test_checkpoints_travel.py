"""Runs that change their node: real workers with folders of their own, and a real server that keeps checkpoints."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.states import AttemptState, TrialState
from studies.contract.views import TrialDetail
from studies.contract.worker_protocol import CheckpointInfo
from studies.core.snapshot import Trial
from studies.storage import StudyStore, open_store, upgrade_database
from tests import builders as build
from tests.contract.scenes import running_study, trials
from tests.integration.worker_harness import Worker, gone, wait_for

FUNCTION = """
import os, time
from pathlib import Path

def train(trial):
    state = trial.checkpoint_dir / "state"
    step = int(state.read_text()) if state.exists() else 0
    Path("run.pid").write_text(str(os.getpid()))
    while step < trial.num_steps and not trial.should_stop():
        step += 1
        fresh = state.with_name("fresh")
        fresh.write_text(str(step))
        fresh.replace(state)
        trial.report(step, loss=1.0 / step, dev_accuracy=0.5)
        time.sleep(PAUSE)
"""

COMMAND = """
import json, os, time
from pathlib import Path

state = Path(os.environ["STAGETUNE_CHECKPOINT_DIR"]) / "state"
step = int(state.read_text()) if state.exists() else 0
Path("run.pid").write_text(str(os.getpid()))
with open(os.environ["STAGETUNE_METRICS"], "a", buffering=1) as metrics:
    while step < int(os.environ["STAGETUNE_NUM_STEPS"]):
        step += 1
        print(json.dumps({"step": step, "loss": 1.0 / step, "dev_accuracy": 0.5}), file=metrics)
        state.with_name("fresh").write_text(str(step))
        state.with_name("fresh").replace(state)
        time.sleep(PAUSE)
"""

OBJECTIVES: dict[str, dict[str, Any]] = {
    "function": {"kind": "function", "target": "train.py:train"},
    "command": {"kind": "command", "command": [sys.executable, "run.py"]},
    "builtin": {
        "kind": "builtin",
        "name": "image_classification",
        "args": {"dataset": "digits", "model": "small_cnn"},
    },
}
LEASE_SECONDS = 2.0


class Nodes:
    """A server, and workers each in a folder of its own."""

    def __init__(self, store: StudyStore, url: str, folder: Path) -> None:
        self.store, self.url, self.folder = store, url, folder
        self.workers: list[Worker] = []

    def study(self, kind: str, num_steps: int) -> None:
        self._builtin = kind == "builtin"
        spec = build.spec(objective=OBJECTIVES[kind], evaluate_every=20)
        self.study_id = running_study(self.store, "a", spec=spec, num_steps=num_steps)

    def work(self, name: str, *options: str, pause: float = 0.01) -> Worker:
        folder = self.folder / name
        folder.mkdir()
        (folder / "train.py").write_text(FUNCTION.replace("PAUSE", str(pause)))
        (folder / "run.py").write_text(COMMAND.replace("PAUSE", str(pause)))
        allow = ("--allow", "train.py:*", "--allow", f"command:{sys.executable} run.py", "--packing", "off")
        offer = "--builtin" if self._builtin else "--no-builtin"
        self.workers.append(Worker(self.url, folder, offer, *allow, *options))
        return self.workers[-1]

    @property
    def trial(self) -> Trial:
        return trials(self.store, self.study_id)[0]

    @property
    def detail(self) -> TrialDetail:
        return self.store.get_trial(self.trial.id)

    def kept(self) -> CheckpointInfo | None:
        """Return the checkpoint that the server keeps, once it stands somewhere."""
        info = self.store.retire_checkpoints().get(self.trial.id)
        return info if info and info.step else None

    def steps(self) -> list[int]:
        return [int(step) for step in self.store.curve(self.trial.id, "loss").steps]

    def wait_for_steps(self, count: int) -> None:
        wait_for(lambda: len(self.steps()) >= count, f"{count} steps", 60)

    def wait_for_end(self) -> None:
        wait_for(lambda: self.trial.state is TrialState.COMPLETED, "the end of the trial", 60)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    database = f"sqlite:///{tmp_path}/stagetune.db"
    upgrade_database(database)
    with closing(open_store(database, LEASE_SECONDS)) as store:
        settings = Settings(
            database_url=database,
            artifacts=tmp_path / "artifacts",
            lease_seconds=LEASE_SECONDS,
            sync_seconds=0.2,
            tick_seconds=0.2,
        )
        app = create_app(settings, store, tick=lambda: store.expire_leases() and None)
        with BackgroundServer(app, listen("127.0.0.1", 0)) as server:
            scene = Nodes(store, server.url, tmp_path)
            yield scene
            for worker in scene.workers:
                worker.end()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_preempted_run_goes_on_on_another_node(nodes: Nodes, kind: str) -> None:
    nodes.study(kind, num_steps=100_000 if kind != "builtin" else 3000)
    first = nodes.work("first")
    nodes.wait_for_steps(40)
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(30) == 0
    assert [attempt.state for attempt in nodes.detail.attempts] == [AttemptState.PREEMPTED]
    last = nodes.steps()[-1]
    nodes.work("second")
    nodes.wait_for_steps(last + 20)
    second = nodes.detail.attempts[1]
    assert last - 1 <= second.started_from <= last
    assert nodes.steps() == list(range(1, len(nodes.steps()) + 1))


def test_a_node_that_is_gone_costs_no_more_than_the_time_between_two_checkpoints(nodes: Nodes) -> None:
    nodes.study("function", num_steps=600)
    first = nodes.work("first", "--checkpoint-seconds", "0.2", pause=3.0)  # a folder is taken when it is quiet
    kept = wait_for(nodes.kept, "a checkpoint", 60)
    first.process.kill()
    nodes.work("second")
    wait_for(
        lambda: len(nodes.detail.attempts) == 2 and nodes.detail.attempts[1].started_from, "the second attempt", 60
    )
    assert nodes.detail.attempts[0].state is AttemptState.EXPIRED
    assert nodes.detail.attempts[1].started_from >= kept.step


@pytest.mark.long
def test_workers_that_share_a_folder_need_no_server_for_it(nodes: Nodes) -> None:
    shared = ("--checkpoints", "local", "--workdir", str(nodes.folder / "shared"))
    nodes.study("command", num_steps=300)
    first = nodes.work("first", *shared)
    nodes.wait_for_steps(40)
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(30) == 0
    last = nodes.steps()[-1]
    nodes.work("second", *shared)
    nodes.wait_for_end()
    assert nodes.detail.attempts[1].started_from >= last - 1
    assert nodes.steps() == list(range(1, 301))
    assert nodes.store.retire_checkpoints() == {}
    assert not (nodes.folder / "artifacts").exists()


@pytest.mark.long
def test_a_checkpoint_that_is_damaged_on_the_server_costs_the_steps_and_not_the_run(nodes: Nodes) -> None:
    nodes.study("function", num_steps=120)
    first = nodes.work("first")
    nodes.wait_for_steps(40)
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(30) == 0
    (file,) = (nodes.folder / "artifacts/checkpoints").glob("*.tar")
    file.write_bytes(file.read_bytes()[:-1000] + b"x" * 1000)
    second = nodes.work("second")
    nodes.wait_for_end()
    assert nodes.detail.attempts[1].started_from == 0
    assert nodes.steps() == list(range(1, 121))
    assert "what came is not what the server was given" in second.output.read_text()


@pytest.mark.long
def test_a_worker_that_comes_back_after_its_lease_ends_its_run_and_changes_nothing(nodes: Nodes) -> None:
    nodes.study("command", num_steps=500)
    first = nodes.work("first")
    nodes.wait_for_steps(10)
    run = int((nodes.folder / "first/run.pid").read_text())
    os.kill(first.process.pid, signal.SIGSTOP)
    wait_for(lambda: nodes.detail.attempts[0].state is AttemptState.EXPIRED, "the end of the lease")
    assert not gone(run)
    nodes.work("second")
    wait_for(lambda: len(nodes.detail.attempts) == 2, "the second attempt")
    os.kill(first.process.pid, signal.SIGCONT)
    wait_for(lambda: gone(run), "the end of the stale run")
    nodes.wait_for_end()
    assert [attempt.state for attempt in nodes.detail.attempts] == [AttemptState.EXPIRED, AttemptState.COMPLETED]
    assert nodes.steps() == list(range(1, 501))
    assert "the lease was lost, the run ends" in first.output.read_text()
