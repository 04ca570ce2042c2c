"""The pack's side of the channel: members come and go, and every one of them has its own line to the agent."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.channel import Frame, FrameInbox, FrameWriter
from workers.memory_faults import kind_of
from workers.pack_protocol import PackOrder
from workers.run_directory import RunDirectory
from workers.runtime.reporter import Reporter
from workers.runtime.run_context import Ending, RunContext
from workers.verdict import MAX_MESSAGE, MAX_TRACEBACK

POLL_SECONDS = 0.02
"""Between two looks into the channel: a step of a small model takes a millisecond, and a look is a system call."""


@dataclass
class _Member:
    attempt: str
    context: RunContext


class ChannelSurroundings:
    """What a pack's training loop knows of the world, as `workers.runtime.pack.PackSurroundings` has it.

    Args:
        order: what the process is to do; its members are the first to arrive.
        inbox: frames of the agent.
        send: writes one frame to the agent.
        clock: seconds, monotonic.
    """

    def __init__(
        self, order: PackOrder, inbox: FrameInbox, send: FrameWriter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._device = order.device
        self._inbox = inbox
        self._send = send
        self._clock = clock
        self._looked_at = -POLL_SECONDS
        self._waiting = list(order.members)
        self._members: list[_Member] = []
        self._told: set[str] = set()
        self._terminated = False

    def stop_on_sigterm(self) -> None:
        """From now on SIGTERM tells every member to stop, and nobody joins any more."""
        signal.signal(signal.SIGTERM, self._on_sigterm)

    def arrivals(self) -> Sequence[RunContext]:
        self._look()
        if not self._waiting or self._terminated:
            return ()
        waiting, self._waiting = self._waiting, []
        return [context for attempt, directory in waiting if (context := self._take(attempt, Path(directory)))]

    def ended(self, context: RunContext, ending: Ending) -> None:
        member = self._leave(context)
        self._tell(member, {"kind": "finished", "state": ending.state, "step": ending.step, "reason": ending.reason})

    def failed(self, context: RunContext, fault: BaseException) -> None:
        self._fail(self._leave(context).attempt, RunDirectory(context.directory), fault)

    def evicted(self, context: RunContext, reason: str) -> None:
        self._tell(self._leave(context), {"kind": "evicted", "reason": reason})

    def pace(self, width: int, samples_per_second: float, memory_bytes: int | None) -> None:
        speed = {"width": width, "samples_per_second": samples_per_second, "memory_bytes": memory_bytes}
        self._send({"kind": "pace", **speed})

    # --- members ---------------------------------------------------------------------------------------------------

    def _take(self, attempt: str, directory: Path) -> RunContext | None:
        """Make a member of a run; where even that is not possible, only that run fails."""
        self._send({"kind": "taken", "attempt": attempt})
        home = RunDirectory(directory)
        try:
            context = self.context(attempt, home)
        except Exception as fault:
            self._fail(attempt, home, fault)
            return None
        self._members.append(_Member(attempt, context))
        return context

    def context(self, attempt: str, home: RunDirectory) -> RunContext:
        """Return the surroundings of one run, whose frames carry its attempt's id."""
        reporter = Reporter(lambda frame: self._send({**frame, "attempt": attempt}))
        return RunContext(
            home.read_spec(), self._device, home.path, home.delivered, reporter, lambda: self._stopping(attempt)
        )

    def _leave(self, context: RunContext) -> _Member:
        member = next(each for each in self._members if each.context is context)
        self._members.remove(member)
        return member

    def _stopping(self, attempt: str) -> bool:
        self._look()
        return self._terminated or attempt in self._told

    def _fail(self, attempt: str, home: RunDirectory, fault: BaseException) -> None:
        with suppress(OSError):  # The disk may be what is wrong, and the other members have not come to that.
            with home.log.open("a") as log:
                traceback.print_exception(fault, file=log)
            home.write_error(error_record(fault))
        self._send({"kind": "failed", "attempt": attempt, "error": error_record(fault)})

    def _tell(self, member: _Member, frame: Mapping[str, Any]) -> None:
        self._send({**frame, "attempt": member.attempt})

    # --- orders ----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read what the agent has sent, at most every `POLL_SECONDS`."""
        now = self._clock()
        if now - self._looked_at < POLL_SECONDS:
            return
        self._looked_at = now
        for frame in self._inbox.take():
            self._obey(frame)

    def _obey(self, frame: Frame) -> None:
        match frame:
            case {"kind": "join", "attempt": str(attempt), "directory": str(directory)}:
                self._waiting.append((attempt, directory))
            case {"kind": "stop", "attempt": str(attempt)}:
                self._told.add(attempt)

    def _on_sigterm(self, *_: object) -> None:
        self._terminated = True


def error_record(fault: BaseException) -> dict[str, Any]:
    """Return an exception as data: type, message, traceback (its end, where it is long)."""
    text = "".join(traceback.format_exception(fault))
    return {"type": kind_of(fault), "message": str(fault)[:MAX_MESSAGE], "traceback": text[-MAX_TRACEBACK:]}
