"""The artifact folder and its routes: fenced, streamed to disk, bounded, and swept."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import artifacts as artifacts_module
from service import sweeping
from service.app import create_app
from service.artifacts import Artifacts, NoSpace, TooLarge
from service.settings import Settings
from service.sweeping import sweep, sweep_for_ever
from studies.contract.digest import content_digest, sha256_of
from studies.contract.states import StudyCommand
from studies.contract.worker_protocol import CheckpointInfo, Lease
from studies.errors import StorageUnavailable
from studies.storage import MemoryStore
from tests import builders as build
from tests.asgi import client_of
from tests.contract.conftest import HandClock
from tests.contract.scenes import running_study, take

LIMIT = 100_000


@given(st.binary(min_size=32, max_size=32))
def test_a_digest_survives_its_field(digest: bytes) -> None:
    assert sha256_of(content_digest(digest.hex())) == digest.hex()


@pytest.mark.parametrize(
    "field", ["", "sha-256", "sha-256=::", "sha-512=:" + "A" * 43 + "=:", "sha-256=:" + "A" * 44 + ":"]
)
def test_other_digests_are_none(field: str) -> None:
    assert sha256_of(field) is None


class Scene:
    """A service with one running attempt."""

    def __init__(self, http: httpx.Client, store: MemoryStore, clock: HandClock, folder: Path) -> None:
        self.http, self.store, self.clock, self.folder = http, store, clock, folder
        self.study_id = running_study(store, "a")
        self.lease = take(store, store.register_worker(build.worker()))

    def put(self, body: bytes, lease: Lease | None = None, **headers: str) -> httpx.Response:
        lease = lease or self.lease
        given = {
            "Stagetune-Lease": lease.token,
            "Stagetune-Step": "7",
            "Content-Digest": content_digest(hashlib.sha256(body).hexdigest()),
        }
        path = f"/api/v1/attempts/{lease.attempt_id}/checkpoint"
        return self.http.put(path, content=body, headers=given | headers)

    def get(self, lease: Lease | None = None) -> httpx.Response:
        lease = lease or self.lease
        headers = {"Stagetune-Lease": lease.token}
        return self.http.get(f"/api/v1/attempts/{lease.attempt_id}/checkpoint", headers=headers)

    def next_lease(self) -> Lease:
        self.clock.advance(31)
        assert self.store.expire_leases() == 1
        return take(self.store, self.store.register_worker(build.worker()))

    @property
    def files(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.folder / "checkpoints").glob("*")]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    clock = HandClock()
    store = MemoryStore(clock, 30.0)
    settings = Settings(
        database_url="memory://",
        artifacts=tmp_path / "artifacts",
        max_checkpoint_bytes=LIMIT,
        max_artifact_bytes=2 * LIMIT,
        max_body_bytes=1024,
    )
    with client_of(create_app(settings, store, tick=lambda: None)) as http:
        yield Scene(http, store, clock, tmp_path / "artifacts")


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("type", "").rpartition("/")[2]


def test_what_one_attempt_hands_in_the_next_one_fetches(scene: Scene) -> None:
    body = b"state" * 10_000
    assert scene.put(body).json()["bytes"] == len(body)
    following = scene.next_lease()
    assert following.checkpoint == CheckpointInfo.model_validate(
        {
            "attempt_id": scene.lease.attempt_id,
            "step": 7,
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
    )
    answer = scene.get(following)
    assert answer.content == body
    assert sha256_of(answer.headers["Content-Digest"]) == following.checkpoint.sha256


def test_the_latest_replaces_the_one_before_and_sent_twice_is_once(scene: Scene) -> None:
    for body in (b"one", b"two", b"two"):
        assert scene.put(body).status_code == 200
    assert scene.files == [b"two"]
    assert scene.get().content == b"two"


def test_a_stale_worker_gets_lease_lost_and_leaves_nothing(scene: Scene) -> None:
    scene.next_lease()
    assert problem(scene.put(b"late")) == (409, "lease-lost")
    assert problem(scene.get()) == (409, "lease-lost")
    assert scene.files == []


@pytest.fixture
def lost_meanwhile(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call this, and the lease runs out while the next body is on its way."""
    received = Artifacts.receive

    async def slow(self: Artifacts, chunks: AsyncIterator[bytes]) -> Any:
        result = await received(self, chunks)
        scene.clock.advance(31)
        scene.store.expire_leases()
        return result

    return lambda: monkeypatch.setattr(Artifacts, "receive", slow)


def test_a_lease_that_is_lost_while_it_is_sent_counts_as_lost(scene: Scene, lost_meanwhile: Callable[[], None]) -> None:
    lost_meanwhile()
    assert problem(scene.put(b"state")) == (409, "lease-lost")
    Artifacts(scene.folder, LIMIT, LIMIT).sweep(scene.store.retire_checkpoints().values(), older_than=0)
    assert scene.files == []


def test_a_copy_that_comes_after_the_lease_takes_nothing_back(scene: Scene, lost_meanwhile: Callable[[], None]) -> None:
    """The first one was kept and its answer lost on the way: the next attempt resumes from it all the same."""
    assert scene.put(b"state").status_code == 200
    lost_meanwhile()
    assert problem(scene.put(b"state")) == (409, "lease-lost")
    following = take(scene.store, scene.store.register_worker(build.worker()))
    assert following.checkpoint is not None
    assert scene.get(following).content == b"state"


def test_what_is_not_what_was_announced_is_refused(scene: Scene) -> None:
    other = content_digest(hashlib.sha256(b"other").hexdigest())
    assert problem(scene.put(b"state", **{"Content-Digest": other})) == (422, "digest-mismatch")
    assert problem(scene.put(b"state", **{"Content-Digest": "md5=:AAAA:"})) == (422, "invalid-request")
    assert problem(scene.put(b"state", **{"Stagetune-Step": "-1"})) == (422, "invalid-request")
    assert scene.files == []


def test_what_is_too_large_is_refused_by_its_length_or_while_it_comes(scene: Scene) -> None:
    assert problem(scene.put(b"x" * (LIMIT + 1))) == (413, "body-too-large")

    def unannounced() -> Iterator[bytes]:
        yield from (b"x" * 10_000 for _ in range(11))

    headers = {"Stagetune-Lease": scene.lease.token, "Stagetune-Step": "1", "Content-Digest": content_digest("0" * 64)}
    path = f"/api/v1/attempts/{scene.lease.attempt_id}/checkpoint"
    assert problem(scene.http.put(path, content=unannounced(), headers=headers)) == (413, "body-too-large")
    assert scene.files == []


def test_a_full_disk_is_507_and_leaves_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(artifacts_module, "_flush", full)
    answer = scene.put(b"state")
    assert problem(answer) == (507, "artifacts-full")
    assert "No space left on device" in answer.json()["detail"]
    assert scene.files == []


def test_a_full_folder_is_507(scene: Scene) -> None:
    scene.put(b"x" * LIMIT)
    (scene.folder / "checkpoints" / "of-another-trial.tar").write_bytes(b"x" * LIMIT)
    assert problem(scene.put(b"more")) == (507, "artifacts-full")


def test_a_folder_without_room_for_what_is_announced_is_507(scene: Scene) -> None:
    scene.put(b"x" * LIMIT)
    assert problem(scene.put(b"y" * LIMIT)) == (200, "")
    (scene.folder / "checkpoints" / "of-another-trial.tar").write_bytes(b"x" * (LIMIT - 10))
    assert problem(scene.put(b"x" * 11)) == (507, "artifacts-full")
    assert problem(scene.put(b"x" * 10)) == (200, "")


def test_a_checkpoint_that_never_was_is_not_found(scene: Scene) -> None:
    assert problem(scene.get()) == (404, "not-found")


def test_what_nobody_resumes_from_is_swept(scene: Scene) -> None:
    scene.put(b"state")
    artifacts = Artifacts(scene.folder, LIMIT, LIMIT)
    (scene.folder / "checkpoints" / ".0123.part").write_bytes(b"torn by a crash")
    assert sweep(artifacts, scene.store) == 0  # young
    assert artifacts.sweep(scene.store.retire_checkpoints().values(), older_than=0) == 1
    assert scene.files == [b"state"]
    scene.store.command(scene.study_id, StudyCommand.CANCEL)
    assert artifacts.sweep(scene.store.retire_checkpoints().values(), older_than=0) == 1
    assert scene.files == []


def test_a_body_that_stops_coming_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(Artifacts(tmp_path, LIMIT, LIMIT).receive(broken()))
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_space(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    artifacts = Artifacts(tmp_path / "file", LIMIT, LIMIT)

    async def body() -> AsyncIterator[bytes]:
        yield b"x"

    with pytest.raises(NoSpace, match="cannot be written"):
        asyncio.run(artifacts.receive(body()))
    with pytest.raises(TooLarge):
        asyncio.run(Artifacts(tmp_path / "folder", 0, LIMIT).receive(body()))


@pytest.mark.parametrize("error", [StorageUnavailable(), PermissionError("no"), ValueError("a row nobody can read")])
def test_the_sweep_goes_on_after_whatever_befalls_it(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    swept = asyncio.Event()
    outcomes: list[Exception | int] = [error, 0, 0, 0]

    def sweep_once(*_: object) -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        loop.call_soon_threadsafe(swept.set)
        return outcome

    async def story() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(sweep_for_ever(Artifacts(tmp_path, LIMIT, LIMIT), MemoryStore()))
        done, _ = await asyncio.wait(
            [task, asyncio.create_task(swept.wait())], timeout=10, return_when=asyncio.FIRST_COMPLETED
        )
        assert task not in done
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    loop: asyncio.AbstractEventLoop
    monkeypatch.setattr(sweeping, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(sweeping, "sweep", sweep_once)
    asyncio.run(story())
    assert swept.is_set()
    assert "old checkpoints stay" in caplog.text
