"""How an attempt ended, decided from what is left of it. Pure."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from studies.contract.base import Scalar
from studies.contract.worker_protocol import Outcome

MAX_REASON = 2_000


@dataclass(frozen=True)
class StopRequest:
    """That the worker told the run to stop, as what this ends, and why."""

    state: Literal["stopped", "preempted"]
    reason: str


@dataclass(frozen=True)
class Remains:
    """What a run leaves behind.

    Attributes:
        finished: its last frame, in which it says how it ended; None if it did not get to say so.
        status: its wait status (as `os.waitpid` gives it); None if its keeper died with it.
        error: the error record that it wrote.
        stop: the stop request it was given.
    """

    finished: Mapping[str, Any] | None = None
    status: int | None = None
    error: Mapping[str, Scalar] | None = None
    stop: StopRequest | None = None


def judge(remains: Remains) -> Outcome:
    """Return the attempt's outcome. "Stopped" is not "died": a run that was told to stop did not fail."""
    finished, stop = remains.finished, remains.stop
    if finished and finished["state"] in {"completed", "diverged"}:
        return Outcome(state=finished["state"], reason=str(finished["reason"])[:MAX_REASON])
    if stop:
        checkpoint = f"stopped at step {finished['step']}" if finished else "ended before it could save its state"
        return Outcome(state=stop.state, reason=f"{stop.reason}: {checkpoint}"[:MAX_REASON])
    if finished:
        return Outcome(state="preempted", reason="someone on the node sent it SIGTERM, it saved its state and ended")
    if remains.error:
        reason = f"{remains.error.get('type')}: {remains.error.get('message')}"[:MAX_REASON]
        return Outcome(state="failed", reason=f"{reason} (see the log)", error=dict(remains.error))
    return Outcome(state="failed", reason=describe_status(remains.status))


def describe_status(status: int | None) -> str:
    """Say in words what a wait status means."""
    if status is None:
        return "its keeper process ended with it: perhaps killed from outside, or the node ran out of memory"
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        hint = ", perhaps out of memory" if name == "SIGKILL" else " (see the log)"
        return f"killed by {name}{hint}"
    code = os.WEXITSTATUS(status)
    return f"exited with code {code} before it had finished (see the log)"
