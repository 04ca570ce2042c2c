"""How an attempt ended, decided from what is left of it. Pure."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from studies.contract.base import Scalar
from studies.contract.worker_protocol import Outcome
from workers.memory_faults import OUT_OF_MEMORY

MAX_REASON = 2_000
MAX_MESSAGE = 4_000
MAX_TRACEBACK = 20_000
"""Characters that travel to the server: the end of a traceback, all of which is in the log on disk."""


IN_THEIR_OWN_WORDS = {"NoMetric": "no-metric: ", "CommandFailed": ""}
"""Types of exceptions whose message needs no name of a class before it, and what stands there instead."""


@dataclass(frozen=True)
class StopRequest:
    """That the worker told the run to stop, as what this ends, and why."""

    state: Literal["stopped", "preempted", "failed"]
    reason: str


@dataclass(frozen=True)
class Remains:
    """What an attempt leaves behind.

    Attributes:
        said: its last frame, in which it says how it ended (`workers.pack_protocol`: finished, failed or evicted);
            None if it did not get to say so.
        status: the wait status of its process (as `os.waitpid` gives it); None if its keeper died with it.
        error: the error record that the process wrote.
        stop: the stop request it was given.
        alone: nothing else ran on the device.
        others: members that the end of the process took by surprise as well.
        output: the last that the process printed, where no run's log has it.
        trouble: what kept the worker from running it, or from running it to its end.
        began: whether a process had taken it.
    """

    said: Mapping[str, Any] | None = None
    status: int | None = None
    error: Mapping[str, Scalar] | None = None
    stop: StopRequest | None = None
    alone: bool = False
    others: int = 0
    output: str = ""
    trouble: str = ""
    began: bool = True


def last_words(frame: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a frame in which a run says how it ended, None where it says something else."""
    match frame:
        case {"kind": "finished", "state": str(), "step": int(), "reason": str()} | {
            "kind": "evicted",
            "reason": str(),
        }:
            return frame
        case {"kind": "failed", "error": {"type": str(kind), "message": str(message), "traceback": str(trace)}}:
            error = {"type": kind[:200], "message": message[:MAX_MESSAGE], "traceback": trace[-MAX_TRACEBACK:]}
            return {"kind": "failed", "error": error}
    return None


def judge(remains: Remains) -> Outcome:
    """Return the attempt's outcome. "Stopped" is not "died": a run that was told to stop did not fail."""
    said, stop = remains.said or {}, remains.stop
    if said.get("state") in {"completed", "diverged"}:
        return Outcome(state=said["state"], reason=str(said["reason"])[:MAX_REASON])
    if stop:
        return Outcome(state=stop.state, reason=f"{stop.reason}: {_standing(remains)}"[:MAX_REASON])
    match said:
        case {"kind": "finished"}:
            return Outcome(
                state="preempted", reason="someone on the node sent it SIGTERM, it saved its state and ended"
            )
        case {"kind": "evicted", "reason": reason}:
            return _evicted(str(reason), remains)
        case {"kind": "failed", "error": error}:
            return _fault(error, remains)
    return _surprised(remains)


def ran_out_of_memory(remains: Remains) -> bool:
    """Say whether it was memory that the attempt, its pack or its process lacked."""
    said = remains.said or {}
    error = said.get("error") or remains.error or {}
    return error.get("type") in OUT_OF_MEMORY or (said.get("kind") == "evicted" and "out of memory" in said["reason"])


def _standing(remains: Remains) -> str:
    if remains.said and "step" in remains.said:
        return f"stopped at step {remains.said['step']}"
    return "ended before it could save its state" if remains.began else "it had not begun"


def _surprised(remains: Remains) -> Outcome:
    """Judge an attempt whose process ended without a word about it: with others in it, nobody knows whose fault."""
    words = remains.trouble or describe_error(remains.error) or describe_status(remains.status)
    if remains.others:
        return _evicted(f"its process, shared with {remains.others} more, ended: {words}", remains)
    if remains.error and not remains.trouble:
        return _fault(remains.error, remains)
    return Outcome(state="failed", reason=_with_output(words, remains))


def _fault(error: Mapping[str, Scalar], remains: Remains) -> Outcome:
    """Judge an exception. Out of memory beside others is nobody's fault; alone it is the run's own."""
    if error.get("type") not in OUT_OF_MEMORY:
        return Outcome(state="failed", reason=f"{describe_error(error)} (see the log)", error=dict(error))
    if not remains.alone:
        return _evicted(f"out of memory beside other runs: {describe_error(error)}", remains)
    advice = "it does not fit on this device even alone: use a smaller batch or model, or a device with more memory"
    return Outcome(state="failed", reason=f"{advice} ({describe_error(error)})"[:MAX_REASON], error=dict(error))


def _evicted(reason: str, remains: Remains) -> Outcome:
    reason = _with_output(reason, remains)
    return Outcome(state="failed" if remains.alone else "evicted", reason=reason)


def _with_output(reason: str, remains: Remains) -> str:
    """Add the last line that the process printed: it often names the cause of a sudden death."""
    last = remains.output.rpartition("\n")[2]
    return (f"{reason}; it printed last: {last}" if last else reason)[:MAX_REASON]


def describe_error(error: Mapping[str, Scalar] | None) -> str:
    """Say in a line what an error record holds, nothing where there is none."""
    if not error:
        return ""
    kind = str(error.get("type"))
    return f"{IN_THEIR_OWN_WORDS.get(kind, f'{kind}: ')}{error.get('message')}"[:MAX_REASON]


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
