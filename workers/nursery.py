"""The nursery: a warm process that has imported the heavy libraries and is forked for each pack.

Importing torch costs seconds, forking costs milliseconds. It never touches CUDA, because a CUDA context does not
survive a fork. Started by the agent as ``python -m workers.nursery DESCRIPTOR MODULE...``; it ends with the agent.

    nursery -> agent   {"ready": true}     the modules are imported
    agent -> nursery   {"folder": ..., "modules": [...]} with three descriptors: the keeper's control socket, and the
                       pipes on which the pack hears and speaks
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from workers.channel import HEADER, Frame, FrameWriter, body_length, decode
from workers.child import run_child
from workers.keeper import keep

DESCRIPTORS = 3


def main(arguments: list[str]) -> None:
    """Warm up, then fork a keeper for every request until the agent closes the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    agent = socket.socket(fileno=int(arguments[0]))
    warm_up(arguments[1:])
    FrameWriter(agent.fileno())({"ready": True})
    while request := _receive(agent):
        message, descriptors = request
        warm_up(message["modules"])
        _fork_keeper(agent, Path(message["folder"]), descriptors)
        _reap()


def warm_up(modules: Iterable[str]) -> None:
    """Import what is there. A run that needs what is missing will say so itself, with the name."""
    for module in modules:
        with suppress(ModuleNotFoundError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)


def _receive(agent: socket.socket) -> tuple[Frame, list[int]] | None:
    header, descriptors, _, _ = socket.recv_fds(agent, HEADER.size, DESCRIPTORS)
    if len(header) < HEADER.size:
        return None
    body = agent.recv(body_length(header), socket.MSG_WAITALL)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # noqa: FBT003  (the standard library takes it by position)
    return decode(body), descriptors


def _fork_keeper(agent: socket.socket, folder: Path, descriptors: Sequence[int]) -> None:
    if os.fork() == 0:
        agent.close()
        try:
            _become_keeper(folder, *descriptors)
        finally:
            os._exit(os.EX_SOFTWARE)
    for descriptor in descriptors:
        os.close(descriptor)


def _become_keeper(folder: Path, control: int, heard: int, said: int) -> NoReturn:
    keeper = os.getpid()

    def start() -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        run_child(folder, heard, said, keeper)

    keep(socket.socket(fileno=control), (heard, said), start)


def _reap() -> None:
    """Take the keepers that have ended; the others are taken later."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            continue


if __name__ == "__main__":
    main(sys.argv[1:])
