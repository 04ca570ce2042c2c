"""Real packs in real processes: runs that train as one program, and what happens to some of them when others end."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studies.contract.packing import PackReport, RunProfile
from studies.contract.worker_protocol import Lease
from tests.integration.worker_harness import FakeServer, Worker, digits, gone, lease, pack_processes, serving, wait_for
from workers.devices import cpu_device, software

FOR_EVER = 1_000_000
LONG = {"num_steps": FOR_EVER, "evaluate_every": FOR_EVER}


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def start(server: FakeServer, tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    """Starts a worker that may use one core, so that all runs of a class share one pack."""
    workers: list[Worker] = []

    def start_worker(*options: str) -> Worker:
        workers.append(Worker(url, tmp_path, *options, cores={min(os.sched_getaffinity(0))}))
        return workers[-1]

    with serving(server) as url:
        yield start_worker
        for worker in workers:
            worker.end()
            sys.stdout.write(worker.output.read_text())  # pytest shows it with a failure
    for request in server.requests[-3:]:
        sys.stdout.write(request.model_dump_json(exclude={"attempts": {"__all__": {"metrics"}}}) + "\n")


def digits_lease(number: int, *, known: bool = True, **run: Any) -> Lease:
    """A run of digits; runs with different numbers differ in the learning rate and are of one class."""
    params = {"lr": 0.01 * (number + 1), "batch_size": 64, "momentum": 0.9}
    spec = digits(**{"trial_id": f"tr_{number}", "trial_number": number, "params": params, "evaluate_every": 20} | run)
    profile = RunProfile(
        run_class=spec.run_class,
        device_model=cpu_device().model,
        software=software(),  # what other software has measured, the worker measures again
        engine="batched",
        width=8,
        note="as the test says",
    )
    return lease(f"at_{number}").model_copy(update={"run": spec, "profile": profile if known else None})


def latest_packs(server: FakeServer) -> tuple[PackReport, ...]:
    return server.requests[-1].devices[0].packs if server.requests else ()


def under_way(server: FakeServer, *numbers: int) -> Callable[[], bool]:
    """Whether these runs are in one pack and have all said something."""

    def condition() -> bool:
        names = {f"at_{number}" for number in numbers}
        together = any(names <= set(pack.attempts) for pack in latest_packs(server))
        return together and all(server.curve(name, "loss") for name in names)

    return condition


def test_a_sweep_is_measured_once_and_reported(server: FakeServer, start: Callable[[], Worker]) -> None:
    server.waiting = [digits_lease(number, known=False, num_steps=60) for number in range(4)]
    start()
    wait_for(lambda: len(server.outcomes) == 4, "all outcomes", 90)
    assert {outcome.state for outcome in server.outcomes.values()} == {"completed"}
    for number in range(4):
        assert list(server.curve(f"at_{number}", "loss")) == list(range(1, 61))
        assert "dev_accuracy" in server.log(f"at_{number}")
    told = [profile for request in server.requests for profile in request.profiles]
    assert told[0].run_class == digits_lease(0).run.run_class
    assert {timing.engine for timing in told[0].timings} >= {"serial", "batched"}
    assert any(pack.note.startswith("measuring") for request in server.requests for pack in request.devices[0].packs)


def test_members_stop_and_join_while_the_others_go_on(server: FakeServer, start: Callable[[], Worker]) -> None:
    server.waiting = [digits_lease(number, **LONG) for number in range(3)]
    worker = start()
    wait_for(under_way(server, 0, 1, 2), "a pack of three")
    (process,) = pack_processes(worker)
    server.stops["at_1"] = "the stage has chosen"
    stopped = wait_for(lambda: server.outcomes.get("at_1"), "the end of one")
    assert stopped.state == "stopped"
    assert "the stage has chosen: stopped at step" in stopped.reason
    server.waiting = [digits_lease(5, num_steps=40)]
    joined = wait_for(lambda: server.outcomes.get("at_5"), "the end of the newcomer")
    assert joined.state == "completed"
    assert list(server.curve("at_5", "loss")) == list(range(1, 41))
    last = max(server.curve("at_0", "loss"))
    wait_for(lambda: max(server.curve("at_0", "loss")) > last, "the others to go on")
    assert pack_processes(worker) == [process]
    assert set(server.outcomes) == {"at_1", "at_5"}
    (pack,) = latest_packs(server)
    assert (pack.engine, set(pack.attempts)) == ("batched", {"at_0", "at_2"})
    assert wait_for(lambda: latest_packs(server)[0].samples_per_second, "a pace") > 0


def test_a_pack_that_is_killed_gives_its_members_back_and_they_finish_alone(
    server: FakeServer, start: Callable[[], Worker], tmp_path: Path
) -> None:
    server.waiting = [digits_lease(number, **LONG) for number in range(2)]
    worker = start()
    wait_for(under_way(server, 0, 1), "a pack of two")
    (process,) = pack_processes(worker)
    process.kill()
    wait_for(lambda: len(server.outcomes) == 2, "both outcomes")
    for outcome in server.outcomes.values():
        assert outcome.state == "evicted"
        assert "shared with 1 more, ended: killed by SIGKILL" in outcome.reason
    again = digits_lease(0, num_steps=30).model_copy(update={"attempt_id": "at_again", "alone": True})
    server.waiting = [again]
    assert wait_for(lambda: server.outcomes.get("at_again"), "the end alone").state == "completed"
    assert list(server.curve("at_again", "loss")) == list(range(1, 31))
    kept = list((tmp_path / "stagetune-data/runs/packs").glob("*/ended.txt"))
    assert [path.read_text() for path in kept] == ["killed by SIGKILL, perhaps out of memory\n"]


def test_a_drained_pack_saves_every_member(server: FakeServer, start: Callable[[], Worker], tmp_path: Path) -> None:
    server.waiting = [digits_lease(number, **LONG) for number in range(2)]
    worker = start()
    wait_for(under_way(server, 0, 1), "a pack of two")
    tree = [process.pid for process in worker.tree()]
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(30) == 0
    assert [outcome.state for outcome in server.outcomes.values()] == ["preempted", "preempted"]
    assert all("stopped at step" in outcome.reason for outcome in server.outcomes.values())
    for number in range(2):
        assert (tmp_path / f"stagetune-data/runs/st_1/tr_{number}/checkpoint.pt").exists()
    assert all(gone(pid) for pid in tree)
    assert not list((tmp_path / "stagetune-data/runs/packs").iterdir())


def test_when_the_agent_is_killed_its_packs_are_gone(server: FakeServer, start: Callable[[], Worker]) -> None:
    server.waiting = [digits_lease(number, **LONG) for number in range(2)]
    worker = start()
    wait_for(under_way(server, 0, 1), "a pack of two")
    tree = [process.pid for process in worker.tree()]
    worker.process.kill()
    wait_for(lambda: all(gone(pid) for pid in tree), "the end of the tree")


def test_without_packing_a_run_has_its_process_and_its_log(
    server: FakeServer, start: Callable[..., Worker], tmp_path: Path
) -> None:
    server.waiting = [digits_lease(number, num_steps=30) for number in range(2)]
    start("--packing", "off")
    wait_for(lambda: len(server.outcomes) == 2, "both outcomes")
    engines = {pack.engine for request in server.requests for pack in request.devices[0].packs}
    assert engines <= {"serial"}
    assert max(len(request.attempts) for request in server.requests) == 1
    assert all(not request.profiles and not request.devices[0].room for request in server.requests)
    spec = json.loads((tmp_path / "stagetune-data/runs/st_1/tr_1/run.json").read_text())
    assert spec["trial_id"] == "tr_1"
