"""Process trees: who dies with whom, and how to end a tree to its last member."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress

import psutil  # type: ignore[import-untyped]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Let orphaned descendants of this process become its children instead of init's, so that none is lost."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Be killed when the parent process dies; at once, if it already has.

    Args:
        parent: process id of the parent as it was before the fork.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def kill_descendants() -> None:
    """SIGKILL and reap every descendant of this process, daemonised ones included; return when none is left.

    Needs `become_subreaper`: a process that leaves its group or session still has its ancestors.
    """
    while descendants := psutil.Process().children(recursive=True):
        for process in descendants:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _reap_all()


def _reap_all() -> None:
    """Wait for one child to end, then take all that have ended too."""
    with suppress(ChildProcessError):
        os.waitpid(-1, 0)
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            continue


def _prctl(option: int, value: int) -> None:
    """Linux alone has these; elsewhere the lifeline to the agent has to do."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
