"""The supervisor: starts the nursery, has it fork packs, and is told of everything they say and of their end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from select import PIPE_BUF
from typing import Any

from workers.channel import BrokenFrame, Frame, encode, frames

logger = logging.getLogger(__name__)

OnFrame = Callable[[Frame], None]


class NurseryDied(Exception):
    """The nursery ended before it was warm: try `python -c 'import torch'` on the node, its error is on screen."""


@dataclass
class _Nursery:
    process: asyncio.subprocess.Process
    socket: socket.socket


class PackHandle:
    """A pack's live process, as the agent holds it.

    Attributes:
        pid: its process id, None until its keeper has told.
        ended: its wait status, None where its keeper died.
    """

    def __init__(self, control: asyncio.StreamWriter, orders: int) -> None:
        self.pid: int | None = None
        self.ended: asyncio.Task[int | None]
        self._control = control
        self._orders = orders

    def send(self, message: Mapping[str, Any]) -> bool:
        """Give the process an order; return whether it is on its way (a short one goes whole or not at all)."""
        frame = encode(message)
        if self.ended.done() or len(frame) > PIPE_BUF:
            return False
        try:
            os.write(self._orders, frame)
        except (BlockingIOError, BrokenPipeError):
            return False
        return True

    def stop(self, grace_seconds: float) -> None:
        """SIGTERM now, SIGKILL to the whole tree after the grace time. Asking again can only shorten it."""
        if not self.ended.done():
            self._control.write(encode({"stop": grace_seconds}))

    def attend(self, said: asyncio.StreamReader, keeper: asyncio.StreamReader, on_frame: OnFrame) -> None:
        """Listen to the process and its keeper from now on."""
        self.ended = asyncio.create_task(self._listen(said, keeper, on_frame), name="pack")

    async def _listen(self, said: asyncio.StreamReader, keeper: asyncio.StreamReader, on_frame: OnFrame) -> int | None:
        try:
            self.pid = (await _next(keeper)).get("pid")
            async for frame in frames(said):
                _hand_over(frame, on_frame)
            return (await _next(keeper)).get("status")
        finally:
            self._control.close()  # Wherever this ends, the keeper takes it as the order to end the tree.
            os.close(self._orders)


class Supervisor:
    """Starts packs in processes of their own.

    Args:
        modules: what the nursery imports before it calls itself warm.
        environ: the environment of the nursery and of all runs (`workers.environment`).
    """

    def __init__(self, modules: Sequence[str], environ: Mapping[str, str]) -> None:
        self._modules = tuple(modules)
        self._environ = dict(environ)
        self._nursery: _Nursery | None = None
        self._warm = asyncio.Event()

    @property
    def warm(self) -> bool:
        """Whether a pack would start at once."""
        return self._warm.is_set()

    async def watch(self) -> None:
        """Keep a nursery alive, for ever: replace it when it dies.

        Raises:
            NurseryDied: it died while it warmed up, so that another would too.
        """
        while True:
            nursery = self._nursery = await _start_nursery(self._modules, self._environ)
            reader, writer = await asyncio.open_connection(sock=nursery.socket.dup())
            async for _ready in frames(reader):
                self._warm.set()
            writer.close()
            if not self._warm.is_set():
                raise NurseryDied
            self._warm.clear()
            nursery.socket.close()
            logger.warning("the nursery has died: starting another; live runs go on")

    async def launch(self, folder: Path, modules: Sequence[str], on_frame: OnFrame) -> PackHandle:
        """Start the pack whose order lies in `folder`; `on_frame` is called for everything it says.

        Raises:
            ConnectionError: the nursery died this moment: try again.
        """
        await self._warm.wait()
        if self._nursery is None:
            raise ConnectionError("the nursery is not up yet")
        ours, theirs = socket.socketpair()
        heard, orders = os.pipe()
        words, said = os.pipe()
        try:
            request = {"folder": str(folder), "modules": modules}
            _send(self._nursery.socket, request, [theirs.fileno(), heard, said])
        except OSError as fault:
            ours.close()
            os.close(orders)
            os.close(words)
            raise ConnectionError("the nursery has just died") from fault
        finally:
            theirs.close()
            os.close(heard)
            os.close(said)
        return await _attend(ours, orders, words, on_frame)

    async def close(self) -> None:
        """End the nursery. Packs still alive end with their control sockets."""
        if self._nursery is not None:
            self._nursery.socket.close()
            if self._nursery.process.returncode is None:
                self._nursery.process.kill()
            await self._nursery.process.wait()


async def _start_nursery(modules: Sequence[str], environ: Mapping[str, str]) -> _Nursery:
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "workers.nursery",
            str(theirs.fileno()),
            *modules,
            pass_fds=[theirs.fileno()],
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # A Ctrl-C in the terminal is the agent's to handle.
            env=environ,
        )
    return _Nursery(process, ours)


def _send(nursery: socket.socket, message: Mapping[str, Any], descriptors: list[int]) -> None:
    """Descriptors travel with the first byte; a message is far smaller than the socket's buffer."""
    frame = encode(message)
    if socket.send_fds(nursery, [frame], descriptors) < len(frame):
        raise ConnectionError("the nursery does not read its requests")


async def _attend(control: socket.socket, orders: int, words: int, on_frame: OnFrame) -> PackHandle:
    os.set_blocking(orders, False)
    keeper, writer = await asyncio.open_connection(sock=control)
    said = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(said), os.fdopen(words, "rb", buffering=0)
    )
    handle = PackHandle(writer, orders)
    handle.attend(said, keeper, on_frame)
    return handle


async def _next(reader: asyncio.StreamReader) -> Frame:
    """Return the next frame, an empty one where the other side has closed."""
    async for frame in frames(reader):
        return frame
    return {}


def _hand_over(frame: Frame, on_frame: Callable[[Frame], None]) -> None:
    """User code shares a process with the sender of these frames: whatever is wrong with one is the pack's fault."""
    try:
        on_frame(frame)
    except Exception as fault:
        raise BrokenFrame(f"a frame could not be understood: {type(fault).__name__}: {fault}") from fault
