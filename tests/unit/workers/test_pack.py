"""One process and its members: who is told what, and what becomes of each when the process ends."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from studies.contract.worker_protocol import Outcome
from tests.integration.worker_harness import lease
from tests.unit.workers.fake_processes import CLASS, SIGTERM, Process, Processes, profile, until
from workers import pack as pack_module
from workers.attempt import Attempt
from workers.pack import MAX_STARTS, Pack
from workers.pack_terms import PackTerms
from workers.verdict import StopRequest

STOP = StopRequest("stopped", "the stage has chosen")
ERROR = {"type": "ValueError", "message": "odd", "traceback": "..."}


class Scene:
    """A pack under way whose process the test speaks for."""

    def __init__(self, folder: Path, members: int, **terms: Any) -> None:
        self.folder = folder
        self.attempts = [self.attempt(number) for number in range(members)]
        chosen: dict[str, Any] = {"engine": "batched", "width": 8} | terms
        self.terms = PackTerms("pk_1", "cpu", "a CPU", CLASS, **chosen)
        self.pack = Pack(self.terms, self.attempts, folder, 20.0, lambda: None)
        self.processes = Processes()

    def attempt(self, number: int, **changes: Any) -> Attempt:
        granted = lease(f"at_{number}", trial_id=f"tr_{number}").model_copy(update=changes)
        return Attempt(granted, self.folder)

    @property
    def process(self) -> Process:
        return self.processes.started[0]

    async def play(self, act: Callable[[], Awaitable[None]]) -> None:
        """Start the pack, play `act`, end the process and wait for the pack's end."""
        life = asyncio.create_task(self.pack.live(self.processes))  # type: ignore[arg-type]
        await until(lambda: self.processes.started or life.done())
        await act()
        if self.processes.started:
            self.process.end()
        await life

    def stop(self, number: int) -> None:
        self.attempts[number].request_stop(STOP)
        self.pack.stop(self.attempts[number])


def outcome(attempt: Attempt) -> Outcome:
    """Return how an attempt that has ended is reported, behind the rest of its news."""
    assert attempt.ended
    while (ended := attempt.report().outcome) is None:
        attempt.acknowledge()
    return ended


def state(attempt: Attempt) -> str:
    return outcome(attempt).state


def play(scene: Scene, act: Callable[[Process], None]) -> None:
    async def acting() -> None:
        act(scene.process)

    asyncio.run(scene.play(acting))


def test_members_end_one_by_one_and_each_at_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 3)

    def act(process: Process) -> None:
        process.take("at_0", "at_1", "at_2")
        process.finish("at_1")
        assert [each.ended for each in scene.attempts] == [False, True, False]
        process.say("failed", "at_0", error=ERROR)
        process.finish("at_2", "diverged", 4, "loss was nan at step 4")

    play(scene, act)
    assert [state(each) for each in scene.attempts] == ["failed", "completed", "diverged"]
    assert not scene.pack.attempts
    assert not scene.process.folder.path.exists(), "a pack that ended well leaves nothing"


def test_a_run_alone_in_its_process_ends_with_its_process(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1, engine="serial", width=1)

    def act(process: Process) -> None:
        process.take("at_0")
        process.finish("at_0")
        assert not scene.attempts[0].ended, "its process tree may still be there"

    play(scene, act)
    assert state(scene.attempts[0]) == "completed"


def test_when_the_process_is_killed_those_that_had_not_ended_are_given_back(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 3)

    def act(process: Process) -> None:
        process.take("at_0", "at_1", "at_2")
        process.finish("at_0")
        process.folder.log.write_text("some line\nCUDA error: an illegal memory access\n")
        process.end(signal.SIGKILL)

    play(scene, act)
    first, second, third = (outcome(each) for each in scene.attempts)
    assert [first.state, second.state, third.state] == ["completed", "evicted", "evicted"]
    assert "shared with 1 more, ended: killed by SIGKILL" in second.reason
    assert "it printed last: CUDA error" in second.reason
    assert (scene.process.folder.path / "ended.txt").exists()


def test_the_last_one_left_is_judged_as_a_run_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 2)

    def act(process: Process) -> None:
        process.take("at_0", "at_1")
        process.finish("at_0")
        process.end(signal.SIGSEGV)

    play(scene, act)
    assert state(scene.attempts[1]) == "failed"


def test_what_the_process_never_took_waits_for_another(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 2)

    def act(process: Process) -> None:
        process.take("at_0")
        process.finish("at_0")

    play(scene, act)
    assert not scene.attempts[1].ended
    assert scene.attempts[1].starts == 0, "nobody's fault"


def test_a_run_that_no_process_gets_to_take_is_given_up_after_some(tmp_path: Path) -> None:
    attempt = Attempt(lease(), tmp_path)
    nowhere = Processes(ConnectionError("the nursery has just died"))
    for number in range(MAX_STARTS):
        assert not attempt.ended
        terms = PackTerms(f"pk_{number}", "cpu", "a CPU", CLASS)
        asyncio.run(Pack(terms, [attempt], tmp_path, 20.0, lambda: None).live(nowhere))  # type: ignore[arg-type]
    ended = outcome(attempt)
    assert ended.state == "failed"
    assert "the nursery has just died" in ended.reason


def test_one_of_several_is_told_by_a_frame_the_last_by_sigterm(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 2)

    def act(process: Process) -> None:
        process.take("at_0", "at_1")
        scene.stop(0)
        assert process.orders == [("stop", "at_0")]
        process.finish("at_0", "stopped", 5)
        scene.stop(1)
        assert process.orders[1:] == [(SIGTERM, 20.0)]
        process.finish("at_1", "stopped", 7)

    play(scene, act)
    assert [outcome(each).reason for each in scene.attempts] == [
        "the stage has chosen: stopped at step 5",
        "the stage has chosen: stopped at step 7",
    ]


def test_a_drain_tells_the_process_once_all_are_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 3)

    def act(process: Process) -> None:
        for number in range(3):
            scene.stop(number)
        assert process.orders == [("stop", "at_0"), ("stop", "at_1"), (SIGTERM, 20.0)]

    play(scene, act)
    assert [state(each) for each in scene.attempts] == ["stopped"] * 3


def test_a_pack_that_does_not_answer_a_stop_order_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_module, "MEMBER_PATIENCE", 0.01)
    scene = Scene(tmp_path, 3)
    scene.pack._grace = 0.01

    async def act() -> None:
        scene.process.take("at_0", "at_1", "at_2")
        scene.stop(0)
        await scene.process.ended

    asyncio.run(scene.play(act))
    assert scene.process.orders == [("stop", "at_0"), (SIGTERM, 0.0)]
    assert [state(each) for each in scene.attempts] == ["stopped", "evicted", "evicted"]


def test_a_stop_order_that_comes_while_the_process_starts_is_not_lost(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 2)
    scene.stop(0)

    def act(process: Process) -> None:
        assert [attempt for attempt, _ in process.order.members] == ["at_1"]
        process.take("at_1")
        process.finish("at_1")

    play(scene, act)
    ended = outcome(scene.attempts[0])
    assert (ended.state, ended.reason) == ("stopped", "the stage has chosen: it had not begun")


def test_newcomers_are_sent_in_and_count_at_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1)
    late = scene.attempt(7)

    async def act() -> None:
        scene.process.take("at_0")
        scene.pack.expect([late])
        assert late in scene.pack.attempts
        await scene.pack.bring([late])
        assert scene.process.orders == [("join", "at_7")]
        scene.process.take("at_7")
        scene.process.finish("at_0")
        scene.process.finish("at_7")

    asyncio.run(scene.play(act))
    assert [state(each) for each in (*scene.attempts, late)] == ["completed", "completed"]


def test_a_newcomer_that_cannot_be_sent_waits_for_another_process(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1)
    late = scene.attempt(7)

    async def act() -> None:
        scene.process.deaf = True
        scene.pack.expect([late])
        await scene.pack.bring([late])
        assert late not in scene.pack.attempts

    asyncio.run(scene.play(act))
    assert not late.ended


def test_points_that_no_server_could_store_fail_that_member_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 2)

    def act(process: Process) -> None:
        process.take("at_0", "at_1")
        process.say("points", "at_0", points={"loss": [[2**31], [1.0]]})
        assert process.orders == [("stop", "at_0")]
        process.say("points", "at_0", points={"loss": [[3], [1.0]]})  # it has not heard yet
        process.say("points", "at_1", points={"loss": [[1], [0.5]]})
        process.finish("at_1")

    play(scene, act)
    first, second = (outcome(each) for each in scene.attempts)
    assert (first.state, second.state) == ("failed", "completed")
    assert "steps have to lie in" in first.reason


@pytest.mark.parametrize(
    "frame",
    [
        {"kind": "finished", "attempt": "at_0", "state": ["completed"], "step": 1, "reason": ""},
        {"kind": "failed", "attempt": "at_0", "error": {"type": {}}},
        {"kind": "pace", "width": 1, "samples_per_second": float("nan"), "memory_bytes": None},
        {"kind": "pace", "width": 1, "samples_per_second": 1.0, "memory_bytes": -5},
        {"kind": "profile", "profile": {}},
        {"kind": "started", "attempt": "at_0"},
        {"attempt": "at_0"},
    ],
)
def test_a_process_that_speaks_nonsense_fails_its_run_with_the_reason(tmp_path: Path, frame: dict[str, Any]) -> None:
    scene = Scene(tmp_path, 1, engine="serial", width=1)

    def act(process: Process) -> None:
        process.take("at_0")
        process.say(**({"kind": ""} | frame))

    play(scene, act)
    ended = outcome(scene.attempts[0])
    assert ended.state == "failed"
    assert "BrokenFrame" in ended.reason


@pytest.mark.parametrize("fault", [OSError("no space left"), ValueError("odd"), RuntimeError("x" * 20_000)])
def test_a_run_directory_that_cannot_be_made_fails_that_run_with_the_reason(
    tmp_path: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path, 2)

    def refuse() -> Path:
        raise fault

    monkeypatch.setattr(scene.attempts[0], "prepare", refuse)

    def act(process: Process) -> None:
        process.take("at_1")
        process.finish("at_1")

    play(scene, act)
    first, second = (outcome(each) for each in scene.attempts)
    assert (first.state, second.state) == ("failed", "completed")
    assert f"the worker could not run it: {type(fault).__name__}" in first.reason


def test_who_runs_out_of_memory_beside_others_is_given_back_alone_it_fails(tmp_path: Path) -> None:
    def act(process: Process) -> None:
        process.take("at_0")
        process.say("failed", "at_0", error=ERROR | {"type": "OutOfMemoryError"})

    states = []
    for alone in (False, True):
        scene = Scene(tmp_path / str(alone), 1, engine="serial", width=1, alone=alone)
        play(scene, act)
        states.append(state(scene.attempts[0]))
        assert scene.pack.ran_out_of_memory
    assert states == ["evicted", "failed"]


def test_a_pack_that_gives_members_back_says_why(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 2)

    def act(process: Process) -> None:
        process.take("at_0", "at_1")
        process.say("evicted", "at_1", reason="these runs cannot train as one program: odd")
        assert scene.pack.refusal.endswith("odd")
        process.finish("at_0")

    play(scene, act)
    assert [state(each) for each in scene.attempts] == ["completed", "evicted"]
    assert not scene.pack.ran_out_of_memory


def test_a_probe_has_a_specimen_and_no_members(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1, engine="serial", width=1, probe=True)

    def act(process: Process) -> None:
        assert process.order.probe
        assert scene.pack.attempts == ()
        process.say("profile", profile=profile().model_dump(mode="json"))

    play(scene, act)
    assert scene.pack.profile == profile()
    assert scene.pack.trouble == ""
    assert not scene.attempts[0].ended


def test_a_probe_that_dies_says_of_what(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1, engine="serial", width=1, probe=True)
    play(scene, lambda process: process.end(signal.SIGKILL))
    assert scene.pack.profile is None
    assert "SIGKILL" in scene.pack.trouble


# --- silence ---------------------------------------------------------------------------------------------------------


def silent(scene: Scene, *numbers: int) -> None:
    """Let these attempts have said nothing for longer than they may, and the pack see it."""
    now = time.monotonic()
    for number in numbers:
        scene.attempts[number].heard_at = now - 61
    scene.pack.end_the_silent(now)


def with_timeout(folder: Path, members: int, **terms: Any) -> Scene:
    scene = Scene(folder, 0, **terms)
    spec = lease(stall_timeout=60.0).run
    scene.attempts = [
        scene.attempt(number, run=spec.model_copy(update={"trial_id": f"tr_{number}"})) for number in range(members)
    ]
    scene.pack = Pack(scene.terms, scene.attempts, folder, 20.0, lambda: None)
    return scene


def test_a_run_that_says_nothing_is_stopped_and_fails_with_the_reason(tmp_path: Path) -> None:
    scene = with_timeout(tmp_path, 1, engine="serial", width=1)

    def act(process: Process) -> None:
        process.take("at_0")
        silent(scene, 0)
        assert process.orders == [(SIGTERM, 20.0)]
        process.end(9)

    play(scene, act)
    assert outcome(scene.attempts[0]).state == "failed"
    assert outcome(scene.attempts[0]).reason.startswith("said nothing for 60 s (stall_timeout): ended before")


def test_a_word_or_a_line_of_its_log_is_a_sign_of_life(tmp_path: Path) -> None:
    scene = with_timeout(tmp_path, 1, engine="serial", width=1)

    def act(process: Process) -> None:
        process.take("at_0")
        (tmp_path / "st_1/tr_0/run.log").write_text("loading\n")
        silent(scene, 0)
        process.say("points", "at_0", points={"loss": [[1], [0.5]]})
        scene.pack.end_the_silent(time.monotonic() + 59)
        assert process.orders == []
        scene.pack.end_the_silent(time.monotonic() + 61)
        assert process.orders == [(SIGTERM, 20.0)]

    play(scene, act)


def test_members_of_a_pack_that_is_silent_as_a_whole_each_run_alone_next(tmp_path: Path) -> None:
    scene = with_timeout(tmp_path, 2)

    def act(process: Process) -> None:
        process.take("at_0", "at_1")
        silent(scene, 0, 1)
        assert process.orders == [(SIGTERM, 0.0)]

    play(scene, act)
    assert [state(attempt) for attempt in scene.attempts] == ["evicted", "evicted"]
    assert "said nothing for 60 s (stall_timeout)" in outcome(scene.attempts[0]).reason


def test_one_member_that_is_silent_ends_alone(tmp_path: Path) -> None:
    scene = with_timeout(tmp_path, 2)

    def act(process: Process) -> None:
        process.take("at_0", "at_1")
        silent(scene, 1)
        assert process.orders == [("stop", "at_1")]
        process.finish("at_1", "stopped", 7)
        process.finish("at_0")

    play(scene, act)
    assert [state(attempt) for attempt in scene.attempts] == ["completed", "failed"]


def test_without_a_timeout_silence_is_no_fault(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1)

    def act(process: Process) -> None:
        process.take("at_0")
        silent(scene, 0)
        assert process.orders == []

    play(scene, act)
