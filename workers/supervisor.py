"""The supervisor: starts the nursery, has it fork runs, and is told of everything they say and of their end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studies.contract.worker_protocol import Lease
from workers.channel import BrokenFrame, Frame, encode, frames
from workers.objectives import modules_of
from workers.run_directory import RunDirectory

logger = logging.getLogger(__name__)

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Runs share the cores: each computes on one (and a process must have no threads when it is forked)."""


class NurseryDied(Exception):
    """The nursery ended before it was warm: try `python -c 'import torch'` on the node, its error is on screen."""


@dataclass
class _Nursery:
    process: asyncio.subprocess.Process
    socket: socket.socket
    warm: asyncio.Event


class RunHandle:
    """A live run, as the agent holds it. `ended` holds its wait status, None where its keeper died."""

    def __init__(self, control: asyncio.StreamWriter, ended: asyncio.Task[int | None]) -> None:
        self._control = control
        self.ended = ended

    def stop(self, grace_seconds: float) -> None:
        """SIGTERM now, SIGKILL to the whole tree after the grace time. Asking again can only shorten it."""
        if not self.ended.done():
            self._control.write(encode({"stop": grace_seconds}))


class Supervisor:
    """Starts runs in processes of their own.

    Args:
        modules: what the nursery imports before it calls itself warm.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)
        self._nursery: _Nursery | None = None

    @property
    def warm(self) -> bool:
        """Whether a run would start at once."""
        return self._nursery is not None and self._nursery.warm.is_set()

    async def watch(self) -> None:
        """Keep a nursery alive, for ever: replace it when it dies.

        Raises:
            NurseryDied: it died while it warmed up, so that another would too.
        """
        while True:
            nursery = self._nursery = await _start_nursery(self._modules)
            reader, writer = await asyncio.open_connection(sock=nursery.socket.dup())
            async for _ready in frames(reader):
                nursery.warm.set()
            writer.close()
            nursery.socket.close()
            if not nursery.warm.is_set():
                raise NurseryDied
            nursery.warm.clear()
            logger.warning("the nursery has died: starting another; live runs go on")

    async def launch(self, lease: Lease, home: RunDirectory, on_frame: Callable[[Frame], None]) -> RunHandle:
        """Start a run and return once it has been asked for; `on_frame` is called for everything it says.

        Raises:
            ConnectionError: the nursery died this moment: try again when it is warm.
        """
        nursery = self._nursery
        if nursery is None:
            raise ConnectionError("the nursery is not up yet")
        await nursery.warm.wait()
        ours, theirs = socket.socketpair()
        readable, writable = os.pipe()
        try:
            request = {"directory": str(home.path), "device": lease.device, "modules": modules_of(lease.run.objective)}
            _send(nursery.socket, request, [theirs.fileno(), writable])
        finally:
            theirs.close()
            os.close(writable)
        return await _attend(ours, readable, on_frame)

    async def close(self) -> None:
        """End the nursery. Runs still alive end with their control sockets."""
        if self._nursery is not None:
            self._nursery.socket.close()
            if self._nursery.process.returncode is None:
                self._nursery.process.kill()
            await self._nursery.process.wait()


async def _start_nursery(modules: Sequence[str]) -> _Nursery:
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
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": _import_path()},
        )
    return _Nursery(process, ours, asyncio.Event())


def _import_path() -> str:
    """Let the nursery find these packages where this process found them."""
    here = str(Path(__file__).resolve().parent.parent)
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", ""))))


def _send(nursery: socket.socket, message: Mapping[str, Any], descriptors: list[int]) -> None:
    """Descriptors travel with the first byte; a message is far smaller than the socket's buffer."""
    frame = encode(message)
    if socket.send_fds(nursery, [frame], descriptors) < len(frame):
        raise ConnectionError("the nursery does not read its requests")


async def _attend(control: socket.socket, channel: int, on_frame: Callable[[Frame], None]) -> RunHandle:
    reader, writer = await asyncio.open_connection(sock=control)
    said = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(said), os.fdopen(channel, "rb", buffering=0)
    )

    async def listen() -> int | None:
        status = None
        try:
            async for frame in frames(said):
                _hand_over(frame, on_frame)
            async for frame in frames(reader):
                status = int(frame["status"])
        finally:
            writer.close()  # Wherever this ends, the keeper takes it as the order to end the tree.
        return status

    return RunHandle(writer, asyncio.create_task(listen(), name="run"))


def _hand_over(frame: Frame, on_frame: Callable[[Frame], None]) -> None:
    """User code shares a process with the sender of these frames: whatever is wrong with one is the run's fault."""
    try:
        on_frame(frame)
    except Exception as fault:
        raise BrokenFrame(f"a frame could not be understood: {type(fault).__name__}: {fault}") from fault
