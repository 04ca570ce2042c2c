"""When checkpoints travel, and that nothing that goes wrong on the way holds up a run's outcome."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from studies.contract.worker_protocol import CheckpointInfo, Outcome
from tests.integration.worker_harness import lease
from tests.unit.workers.fake_processes import until
from workers.archive import Archive, digest, fingerprint, take
from workers.attempt import Attempt
from workers.client import LeaseLost, Refused, Unavailable
from workers.courier import Courier, Keeping
from workers.run_directory import RunDirectory


class FakeClient:
    """Takes what is sent, or raises; gives what it was given."""

    def __init__(self, fault: Exception | None = None, gift: bytes = b"") -> None:
        self.fault, self.gift = fault, gift
        self.sent: list[tuple[str, int]] = []

    async def send_checkpoint(self, attempt_id: str, token: str, archive: Archive, step: int) -> None:
        if self.fault:
            raise self.fault
        self.sent.append((attempt_id, step))

    async def fetch_checkpoint(self, attempt_id: str, token: str, target: Path, most: int) -> None:
        if self.fault:
            raise self.fault
        target.write_bytes(self.gift)


class Scene:
    def __init__(self, folder: Path, client: FakeClient, keeping: Keeping = Keeping.SERVER, **changes: Any) -> None:
        self.lost: list[str] = []
        self.attempt = Attempt(lease().model_copy(update=changes), folder)
        self.home = RunDirectory.of(folder, self.attempt.lease.run)
        self.courier = Courier(
            client,  # type: ignore[arg-type]
            keeping,
            folder,
            every_seconds=0.0,
            lose=lambda attempt: self.lost.append(attempt.id),
            news=lambda: None,
        )
        self.courier.max_bytes = 100_000

    def save(self, step: int, size: int = 100) -> None:
        self.attempt.prepare()
        (self.home.path / "checkpoint.pt").write_bytes(b"x" * size)
        (self.home.path / "checkpoint.json").write_text(f'{{"step": {step}}}')

    def end(self, state: str = "preempted") -> None:
        self.attempt.end(Outcome.model_validate({"state": state}))

    async def delivered(self) -> None:
        """Wait until the outcome may go."""
        self.courier.look([self.attempt])
        await until(lambda: not self.attempt.held_back)


def play(act: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(act())


@pytest.mark.parametrize("state", ["preempted", "stopped", "evicted", "completed"])
def test_the_outcome_waits_for_the_last_checkpoint(tmp_path: Path, state: str) -> None:
    async def act() -> None:
        scene = Scene(tmp_path, client := FakeClient())
        scene.courier.begin(scene.attempt)
        scene.save(7)
        scene.end(state)
        assert scene.attempt.report().outcome is None
        scene.attempt.acknowledge()
        await scene.delivered()
        assert client.sent == [("at_1", 7)]
        assert scene.attempt.report().outcome is not None
        assert not list(scene.home.path.glob(".*"))

    play(act)


@pytest.mark.parametrize("fault", [Unavailable("gone"), Refused("no"), OSError(28, "full"), LeaseLost("late")])
def test_whatever_goes_wrong_the_outcome_goes(tmp_path: Path, fault: Exception) -> None:
    async def act() -> None:
        scene = Scene(tmp_path, FakeClient(fault))
        scene.courier.begin(scene.attempt)
        scene.save(7)
        scene.end()
        await scene.delivered()
        await until(lambda: scene.lost == (["at_1"] if isinstance(fault, LeaseLost) else []))

    play(act)


@pytest.mark.parametrize(("state", "size"), [("failed", 100), ("diverged", 100), ("preempted", 200_000)])
def test_what_is_of_no_use_or_too_large_stays(tmp_path: Path, state: str, size: int) -> None:
    async def act() -> None:
        scene = Scene(tmp_path, client := FakeClient())
        scene.courier.begin(scene.attempt)
        scene.save(7, size)
        scene.end(state)
        await scene.delivered()
        assert client.sent == []

    play(act)


def test_a_run_that_goes_on_hands_in_what_is_new(tmp_path: Path) -> None:
    async def act() -> None:
        scene = Scene(tmp_path, client := FakeClient())
        scene.courier.begin(scene.attempt)
        scene.save(7)
        old = scene.home.path / "checkpoint.pt"
        for path in (old, scene.home.path / "checkpoint.json"):
            quiet(path)
        for _ in range(3):
            await asyncio.sleep(0.01)
            scene.courier.look([scene.attempt])
            await until(lambda: not scene.courier._busy)
        assert client.sent == [("at_1", 7)]

    play(act)


def quiet(path: Path) -> None:
    """Let a file have been quiet for a while."""
    os.utime(path, (1, 1))


def test_where_checkpoints_stay_local_nothing_waits(tmp_path: Path) -> None:
    async def act() -> None:
        scene = Scene(tmp_path, client := FakeClient(), Keeping.LOCAL)
        scene.courier.begin(scene.attempt)
        scene.save(7)
        scene.end()
        scene.courier.look([scene.attempt])
        assert scene.attempt.report().outcome is not None
        assert client.sent == []

    play(act)


def archived(folder: Path, step: int) -> tuple[bytes, CheckpointInfo]:
    """A checkpoint as the server keeps it."""
    folder.mkdir()
    (folder / "checkpoint.pt").write_bytes(b"theirs")
    (folder / "checkpoint.json").write_text(f'{{"step": {step}}}')
    taken = take(folder, folder / "a.tar", fingerprint(folder))
    info = CheckpointInfo(attempt_id="at_0", step=step, bytes=taken.size, sha256=digest(taken.path))
    return taken.path.read_bytes(), info


@pytest.mark.parametrize(
    ("here", "there", "content"),
    [(None, 5, b"theirs"), (4, 5, b"theirs"), (5, 5, b"x" * 100), (9, 5, b"x" * 100)],
    ids=["missing", "older", "the same", "later"],
)
def test_a_later_checkpoint_of_the_server_replaces_ours(
    tmp_path: Path, here: int | None, there: int, content: bytes
) -> None:
    async def act() -> None:
        gift, info = archived(tmp_path / "server", there)
        scene = Scene(tmp_path / "runs", FakeClient(gift=gift), checkpoint=info)
        if here is not None:
            scene.save(here)
        scene.courier.begin(scene.attempt)
        assert scene.attempt.arriving
        await until(lambda: not scene.attempt.arriving)
        assert (scene.home.path / "checkpoint.pt").read_bytes() == content

    play(act)


@pytest.mark.parametrize("damage", [b"", b"not an archive"])
def test_a_damaged_one_leaves_ours_as_it_was(tmp_path: Path, damage: bytes) -> None:
    async def act() -> None:
        _, info = archived(tmp_path / "server", 5)
        scene = Scene(tmp_path / "runs", FakeClient(gift=damage), checkpoint=info)
        scene.save(4)
        scene.courier.begin(scene.attempt)
        await until(lambda: not scene.attempt.arriving)
        assert scene.home.checkpoint_step() == 4

    play(act)
