"""The worker that `run` starts on this machine: a process of its own, which never outlives `run`."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

Packing = Literal["auto", "processes", "off"]
"""How a worker lets runs share a device: its own flag of this name, handed on."""

DRAIN_SECONDS = 20.0
"""A worker that was asked to stop lets its runs save their checkpoints; after so long it is killed."""

_PR_SET_PDEATHSIG = 1


class WorkerProcess:
    """A worker in a session of its own: Ctrl-C reaches `run` alone, which then stops the worker in good order.

    Args:
        command: what to start.
        log: file that its output is appended to.
        environment: variables added to our own; a secret on the command line could be read by everybody.
    """

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 (the command is our own)
                command,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent(),  # noqa: PLW1509 (one system call, made before other threads run)
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to stop and wait; kill it if that takes too long or the user presses Ctrl-C again."""
        self._process.terminate()
        try:
            self._process.wait(DRAIN_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.kill()
            self._process.wait()


def worker_command(
    server: str,
    devices: str,
    workdir: Path,
    allow: Sequence[str] = (),
    *,
    builtin: bool = True,
    packing: Packing | None = None,
    env: Sequence[str] = (),
) -> list[str]:
    """Return the command line of a worker for `server`; `allow`: code that it may run; `env`: what that sees."""
    command = [sys.executable, "-m", "workers.cli", "--server", server, "--devices", devices]
    command += ["--workdir", str(workdir), "--name", "local"]
    command += ["--checkpoints", "local"]  # in `workdir`, where the next `run` finds them
    command += [] if builtin else ["--no-builtin"]
    command += [] if packing is None else ["--packing", packing]
    for target in allow:
        command += ["--allow", target]
    for pattern in env:
        command += ["--env", pattern]
    return command


def _end_with_parent() -> Callable[[], None] | None:
    """Return what makes a child get SIGTERM when `run` dies, however it dies (Linux; elsewhere None)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the call
            os.kill(os.getpid(), signal.SIGTERM)

    return arrange
