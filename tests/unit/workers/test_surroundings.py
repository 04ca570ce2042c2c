"""The pack's side of the channel, over real pipes."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.worker_harness import run_spec
from workers.channel import FrameInbox, FrameWriter
from workers.pack_protocol import PackOrder
from workers.run_directory import RunDirectory
from workers.runtime.run_context import Ending
from workers.surroundings import POLL_SECONDS, ChannelSurroundings


class Scene:
    """Surroundings whose clock stands where the test puts it, and the agent at the other end."""

    def __init__(self, folder: Path, members: int) -> None:
        self.folder = folder
        self.now = 0.0
        heard, orders = os.pipe()
        words, said = os.pipe()
        self._descriptors = (heard, orders, words, said)
        self.tell = FrameWriter(orders)
        self._words = FrameInbox(words)
        first = tuple((f"at_{number}", self.directory(number)) for number in range(members))
        order = PackOrder(device="cpu", engine="batched", width=8, members=first)
        self.surroundings = ChannelSurroundings(order, FrameInbox(heard), FrameWriter(said), lambda: self.now)

    def directory(self, number: int) -> str:
        run = run_spec(trial_id=f"tr_{number}")
        home = RunDirectory.of(self.folder, run)
        home.prepare(run)
        return str(home.path)

    def said(self) -> list[dict[str, Any]]:
        return self._words.take()

    def close(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path, 2)
    yield made
    made.close()


def test_the_first_members_arrive_at_once_and_only_once(scene: Scene) -> None:
    arrived = scene.surroundings.arrivals()
    assert [context.run.trial_id for context in arrived] == ["tr_0", "tr_1"]
    assert scene.said() == [{"kind": "taken", "attempt": "at_0"}, {"kind": "taken", "attempt": "at_1"}]
    assert scene.surroundings.arrivals() == ()


def test_what_a_member_says_carries_its_attempt(scene: Scene) -> None:
    first, second = scene.surroundings.arrivals()
    scene.said()
    second.reporter.started(0)
    first.reporter.report(1, {"loss": 0.5})
    first.reporter.flush()
    scene.surroundings.ended(second, Ending("completed", 10))
    scene.surroundings.evicted(first, "no room")
    scene.surroundings.pace(2, 123.0, None)
    assert scene.said() == [
        {"kind": "started", "attempt": "at_1", "step": 0, "note": ""},
        {"kind": "points", "attempt": "at_0", "points": {"loss": [[1], [0.5]]}},
        {"kind": "finished", "attempt": "at_1", "state": "completed", "step": 10, "reason": ""},
        {"kind": "evicted", "attempt": "at_0", "reason": "no room"},
        {"kind": "pace", "width": 2, "samples_per_second": 123.0, "memory_bytes": None},
    ]


def test_orders_are_heard_at_most_so_often(scene: Scene) -> None:
    first, second = scene.surroundings.arrivals()
    scene.tell({"kind": "stop", "attempt": "at_1"})
    scene.tell({"kind": "join", "attempt": "at_7", "directory": scene.directory(7)})
    assert not second.stopping()
    scene.now += POLL_SECONDS
    assert second.stopping()
    assert not first.stopping()
    (joined,) = scene.surroundings.arrivals()
    assert joined.run.trial_id == "tr_7"


def test_a_run_that_cannot_be_read_fails_alone(scene: Scene) -> None:
    broken = RunDirectory(Path(scene.directory(0)))
    broken.spec.write_text("{")
    (arrived,) = scene.surroundings.arrivals()
    assert arrived.run.trial_id == "tr_1"
    assert [(each["kind"], each["attempt"]) for each in scene.said()] == [
        ("taken", "at_0"),
        ("failed", "at_0"),
        ("taken", "at_1"),
    ]


def test_a_fault_of_one_member_is_told_and_written_down(scene: Scene) -> None:
    first, _ = scene.surroundings.arrivals()
    scene.said()
    scene.surroundings.failed(first, ValueError("lr is odd"))
    (told,) = scene.said()
    assert (told["attempt"], told["error"]["type"], told["error"]["message"]) == ("at_0", "ValueError", "lr is odd")
    assert "ValueError: lr is odd" in (first.directory / "run.log").read_text()
    assert (first.directory / "error.json").exists()


def test_a_fault_that_cannot_be_written_down_is_told_all_the_same(scene: Scene) -> None:
    first, second = scene.surroundings.arrivals()
    scene.said()
    shutil.rmtree(first.directory)
    scene.surroundings.failed(first, ValueError("no"))
    (told,) = scene.said()
    assert (told["attempt"], told["error"]["type"]) == ("at_0", "ValueError")
    assert not second.stopping()


def test_sigterm_stops_every_member_and_lets_nobody_in(scene: Scene) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        scene.surroundings.stop_on_sigterm()
        members = scene.surroundings.arrivals()
        scene.tell({"kind": "join", "attempt": "at_7", "directory": scene.directory(7)})
        os.kill(os.getpid(), signal.SIGTERM)
        assert all(member.stopping() for member in members)
        scene.now += POLL_SECONDS
        assert scene.surroundings.arrivals() == ()
    finally:
        signal.signal(signal.SIGTERM, before)
