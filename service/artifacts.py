"""The artifact folder: the files of checkpoints that workers hand in. What they mean stands in the store.

A file is written under a temporary name, flushed to disk and put in place under the name of its attempt and digest,
and only then told to the store; so the store never names a file that is not whole. Files that the store does not name
(any more) are swept.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from studies.contract.worker_protocol import CheckpointInfo

ORPHAN_SECONDS = 300.0
"""How old a file must be before it is swept that the store does not name: one being handed in is younger."""

WRITE_BYTES = 1024 * 1024


class TooLarge(Exception):
    """More bytes came than may."""


class NoSpace(Exception):
    """The folder takes no more: its message says why."""


@dataclass(frozen=True)
class Received:
    """A file under its temporary name, with what was counted while it came."""

    path: Path
    size: int
    sha256: str


class Artifacts:
    """The checkpoints below a folder; nothing is created before the first is received.

    Args:
        folder: where they lie.
        max_bytes: largest file.
        max_total_bytes: of all files together.
    """

    def __init__(self, folder: Path, max_bytes: int, max_total_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._max_total_bytes = max_total_bytes
        self._folder = folder / "checkpoints"

    def path(self, info: CheckpointInfo) -> Path:
        """Return where a checkpoint's file lies."""
        return self._folder / f"{info.attempt_id}.{info.sha256}.tar"

    def require_room(self, size: int = 0) -> None:
        """Raise `NoSpace` where the files, with one more of this size, would be larger than they may be together."""
        used = sum(_size(entry) for entry in self._entries())
        if used >= self._max_total_bytes or used + size > self._max_total_bytes:
            raise NoSpace(f"{used:,} of {self._max_total_bytes:,} bytes are taken")

    async def receive(self, chunks: AsyncIterator[bytes]) -> Received:
        """Write what comes to a temporary file, never more of it in memory than a piece.

        Raises:
            TooLarge: it is longer than `max_bytes`.
            NoSpace: the disk is full, or the folder cannot be written.
        """
        path = self._folder / f".{secrets.token_hex(8)}.part"
        with _disk_faults():
            file = await asyncio.to_thread(self._open, path)
            try:
                return await self._fill(file, path, chunks)
            except BaseException:
                await asyncio.shield(asyncio.to_thread(_drop, path))
                raise

    async def _fill(self, file: BinaryIO, path: Path, chunks: AsyncIterator[bytes]) -> Received:
        digest, size = hashlib.sha256(), 0
        with file:
            async for piece in _in_pieces(chunks):
                size += len(piece)
                if size > self.max_bytes:
                    raise TooLarge
                digest.update(piece)
                await asyncio.to_thread(file.write, piece)
            await asyncio.to_thread(_flush, file)
        return Received(path, size, digest.hexdigest())

    def put_in_place(self, received: Received, info: CheckpointInfo) -> None:
        """Give a received file its name."""
        received.path.replace(self.path(info))

    def drop(self, info: CheckpointInfo) -> None:
        """Remove a checkpoint's file if it is there."""
        _drop(self.path(info))

    def discard(self, received: Received) -> None:
        """Remove a received file that has no name yet."""
        _drop(received.path)

    def sweep(self, kept: Collection[CheckpointInfo], older_than: float = ORPHAN_SECONDS) -> int:
        """Remove the files that are not `kept` and older than so many seconds; return how many."""
        names = {self.path(info).name for info in kept}
        before = time.time() - older_than
        stray = [entry for entry in self._entries() if entry.name not in names and _changed(entry) <= before]
        for entry in stray:
            _drop(Path(entry.path))
        return len(stray)

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder) as entries:
                return list(entries)
        except FileNotFoundError:
            return []

    def _open(self, path: Path) -> BinaryIO:
        self._folder.mkdir(parents=True, exist_ok=True)
        return path.open("xb")


@contextmanager
def _disk_faults() -> Iterator[None]:
    """Say of the disk's errors that there is no space. A timeout is one of the body."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError as fault:
        raise NoSpace(f"the artifact folder cannot be written ({fault.strerror})") from fault


async def _in_pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Gather small chunks: a thread is asked once a piece."""
    piece = bytearray()
    async for chunk in chunks:
        piece += chunk
        if len(piece) >= WRITE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _drop(path: Path) -> None:
    path.unlink(missing_ok=True)


def _size(entry: os.DirEntry[str]) -> int:
    with suppress(FileNotFoundError):
        return entry.stat().st_size
    return 0


def _changed(entry: os.DirEntry[str]) -> float:
    with suppress(FileNotFoundError):
        return entry.stat().st_mtime
    return float("inf")
