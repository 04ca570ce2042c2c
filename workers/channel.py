"""Framed messages between processes: four bytes of length, then JSON. No pickle, and nothing that a print can reach."""

from __future__ import annotations

import asyncio
import json
import os
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

HEADER = struct.Struct(">I")
MAX_FRAME_BYTES = 64 * 2**20
READ_BYTES = 64 * 1024

Frame = dict[str, Any]


class BrokenFrame(Exception):
    """What came over the channel is no frame: the other side does not speak this protocol."""


def encode(message: Mapping[str, Any]) -> bytes:
    """Return `message` as one frame. NaN and the infinities are allowed: both ends are Python."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


def decode(body: bytes) -> Frame:
    """Read a frame's body back.

    Raises:
        BrokenFrame: not a JSON object.
    """
    try:
        message = json.loads(body)
    except ValueError as fault:
        raise BrokenFrame("a frame does not hold JSON") from fault
    if not isinstance(message, dict):
        raise BrokenFrame("a frame does not hold an object")
    return message


def body_length(header: bytes) -> int:
    """Return the length that a frame's header announces.

    Raises:
        BrokenFrame: longer than any frame that we write.
    """
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME_BYTES:
        raise BrokenFrame(f"a frame announces {length} bytes, more than {MAX_FRAME_BYTES}")
    return int(length)


class FrameWriter:
    """Writes frames to a blocking descriptor, whole, whatever the pipe takes at a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, message: Mapping[str, Any]) -> None:
        rest = memoryview(encode(message))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


class FrameInbox:
    """Reads frames from a pipe without ever waiting for one: made for a process that has a model to train."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._bytes = bytearray()

    def take(self) -> list[Frame]:
        """Return the whole frames that have come since the last call."""
        self._read()
        taken = []
        while len(self._bytes) >= HEADER.size:
            end = HEADER.size + body_length(bytes(self._bytes[: HEADER.size]))
            if len(self._bytes) < end:
                break
            taken.append(decode(bytes(self._bytes[HEADER.size : end])))
            del self._bytes[:end]
        return taken

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while piece := os.read(self._descriptor, READ_BYTES):
                self._bytes += piece


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[Frame]:
    """Yield frames until the other side closes; a frame that is cut off by its sender's death is dropped."""
    while True:
        try:
            header = await reader.readexactly(HEADER.size)
            body = await reader.readexactly(body_length(header))
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return
        yield decode(body)
