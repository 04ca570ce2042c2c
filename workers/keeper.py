"""The keeper: one small process per run that owns the run's whole process tree.

It is forked from the nursery and forks the run. As a subreaper it inherits whatever the run leaves behind, so that
"the run has ended" means that nothing of it is left. Its control socket is also its lifeline: when the agent dies,
however suddenly, the socket closes and the keeper ends the tree.

    agent -> keeper   {"stop": seconds}   SIGTERM to the run now, SIGKILL to its tree after that many seconds
    keeper -> agent   {"status": n}       the run's wait status, once the tree is gone
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import NoReturn

from workers.channel import HEADER, FrameWriter, body_length, decode
from workers.processes import become_subreaper, kill_descendants

NEVER = float("inf")


def keep(control: socket.socket, channel: int, start_run: Callable[[], NoReturn]) -> NoReturn:
    """Fork the run, watch over it to its end, report, and exit. Called in a freshly forked process.

    Args:
        control: the keeper's end of the socket to the agent.
        channel: the run's descriptor for frames, closed here so that it ends with the run.
        start_run: what the forked run does; it never returns.
    """
    os.setsid()
    become_subreaper()
    wake = _wake_on_child_end()
    run = os.fork()
    if run == 0:
        control.close()
        start_run()
    os.close(channel)
    status = _watch(run, control, wake)
    kill_descendants()
    _tell(control, status)
    os._exit(0)


def _watch(run: int, control: socket.socket, wake: int) -> int:
    """Return the run's wait status; -1 if it had to be killed first because the agent is gone or time was up."""
    deadline = NEVER
    while True:
        timeout = None if deadline == NEVER else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([control.fileno(), wake], [], [], timeout)
        if wake in readable:
            os.read(wake, 4096)
            ended, status = os.waitpid(run, os.WNOHANG)
            if ended:
                return status
        if control.fileno() in readable:
            grace = _read_order(control)
            if grace is None:
                return _kill(run)
            # SIGTERM goes to the run alone: its helpers have to live while it writes its checkpoint.
            os.kill(run, signal.SIGTERM)
            deadline = min(deadline, time.monotonic() + grace)
        if time.monotonic() >= deadline:
            return _kill(run)


def _kill(run: int) -> int:
    os.kill(run, signal.SIGKILL)
    return os.waitpid(run, 0)[1]


def _read_order(control: socket.socket) -> float | None:
    """Return the seconds of grace of a stop order, None when the agent is gone."""
    try:
        header = control.recv(HEADER.size, socket.MSG_WAITALL)
        body = control.recv(body_length(header), socket.MSG_WAITALL) if len(header) == HEADER.size else b""
    except ConnectionError:
        return None
    return float(decode(body)["stop"]) if body else None


def _tell(control: socket.socket, status: int) -> None:
    try:
        FrameWriter(control.fileno())({"status": status})
    except ConnectionError:
        return  # The agent is gone: nobody waits for the answer.


def _wake_on_child_end() -> int:
    """Return a descriptor that becomes readable when a child ends."""
    readable, writable = os.pipe()
    for end in (readable, writable):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    return readable
