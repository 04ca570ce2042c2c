"""The keeper: one small process per pack that owns the whole process tree of the pack.

It is forked from the nursery and forks the pack's process. As a subreaper it inherits whatever that leaves behind, so
that "the pack has ended" means that nothing of it is left. Its control socket is also its lifeline: when the agent
dies, however suddenly, the socket closes and the keeper ends the tree.

    agent -> keeper   {"stop": seconds}   SIGTERM to the process now, SIGKILL to its tree after that many seconds
    keeper -> agent   {"pid": n}          the process's id, at the beginning
                      {"status": n}       its wait status, once the tree is gone
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from workers.channel import HEADER, FrameWriter, body_length, decode
from workers.processes import become_subreaper, kill_descendants

NEVER = float("inf")


def keep(control: socket.socket, channel: Sequence[int], start: Callable[[], NoReturn]) -> NoReturn:
    """Fork the pack's process, watch over it to its end, report, and exit. Called in a freshly forked process.

    Args:
        control: the keeper's end of the socket to the agent.
        channel: the process's descriptors for frames, closed here so that they end with it.
        start: what the forked process does; it never returns.
    """
    os.setsid()
    become_subreaper()
    wake = _wake_on_child_end()
    process = os.fork()
    if process == 0:
        control.close()
        start()
    for descriptor in channel:
        os.close(descriptor)
    _tell(control, {"pid": process})
    status = _watch(process, control, wake)
    kill_descendants()
    _tell(control, {"status": status})
    os._exit(0)


def _watch(process: int, control: socket.socket, wake: int) -> int:
    """Return the process's wait status; -1 if it had to be killed first because the agent is gone or time was up."""
    deadline = NEVER
    while True:
        timeout = None if deadline == NEVER else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([control.fileno(), wake], [], [], timeout)
        if wake in readable:
            os.read(wake, 4096)
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                return status
        if control.fileno() in readable:
            grace = _read_order(control)
            if grace is None:
                return _kill(process)
            # SIGTERM goes to the process alone: its helpers have to live while it writes checkpoints.
            os.kill(process, signal.SIGTERM)
            deadline = min(deadline, time.monotonic() + grace)
        if time.monotonic() >= deadline:
            return _kill(process)


def _kill(process: int) -> int:
    os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1]


def _read_order(control: socket.socket) -> float | None:
    """Return the seconds of grace of a stop order, None when the agent is gone."""
    try:
        header = control.recv(HEADER.size, socket.MSG_WAITALL)
        body = control.recv(body_length(header), socket.MSG_WAITALL) if len(header) == HEADER.size else b""
    except ConnectionError:
        return None
    return float(decode(body)["stop"]) if body else None


def _tell(control: socket.socket, message: Mapping[str, int]) -> None:
    with suppress(ConnectionError):  # The agent is gone: nobody waits for this.
        FrameWriter(control.fileno())(message)


def _wake_on_child_end() -> int:
    """Return a descriptor that becomes readable when a child ends."""
    readable, writable = os.pipe()
    for end in (readable, writable):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    return readable
