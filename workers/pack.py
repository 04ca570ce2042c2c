"""One process on a device and the attempts that are its members."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studies.contract.packing import RunProfile
from studies.contract.worker_protocol import Outcome
from workers.attempt import Attempt
from workers.channel import BrokenFrame, Frame
from workers.objectives import modules_of
from workers.pack_folder import PackFolder
from workers.pack_terms import Pace, PackTerms, Peak
from workers.supervisor import PackHandle, Supervisor
from workers.verdict import (
    MAX_REASON,
    Remains,
    StopRequest,
    describe_error,
    describe_status,
    judge,
    last_words,
    ran_out_of_memory,
)

logger = logging.getLogger(__name__)

MEMBER_PATIENCE = 60.0
"""Seconds for one member to answer its stop order. Compiling a stacked model takes half a minute, in which a pack hears
nothing, and its other members should not pay for that."""

MAX_STARTS = 3
"""After so many processes that ended without having taken an attempt, the worker gives it up."""


@dataclass
class _Member:
    """One attempt in a pack.

    Attributes:
        taken: the process has it.
        said: its last frame.
    """

    attempt: Attempt
    taken: bool = False
    said: Mapping[str, Any] | None = None


class Pack:
    """A process from its launch to its end.

    Args:
        terms: what it is launched with.
        attempts: its first members; a probe's specimen, which is no member and goes on waiting.
        workdir: where the folders of packs live.
        grace_seconds: between SIGTERM and SIGKILL.
        changed: called when what it said, or its end, may change the plan.

    Attributes:
        pace: what it last said of its speed.
        held_bytes: memory of its process when last weighed.
        peak: the most memory that it was seen with.
        profile: what a probe has measured.
        trouble: why the process ended badly, or could not be started.
        most_members: it ever had at once.
        ran_out_of_memory: the process, or one of its members.
        refusal: why it gave a member back, empty while it has not: it takes no more then.
    """

    def __init__(
        self,
        terms: PackTerms,
        attempts: Sequence[Attempt],
        workdir: Path,
        grace_seconds: float,
        changed: Callable[[], None],
    ) -> None:
        self.terms = terms
        self.specimen = attempts[0] if terms.probe else None
        self.launched_at = time.monotonic()
        self.pace: Pace | None = None
        self.held_bytes: int | None = None
        self.peak = Peak()
        self.profile: RunProfile | None = None
        self.trouble = ""
        self.most_members = len(attempts)
        self.ran_out_of_memory = False
        self.refusal = ""
        self._first = tuple(attempts)
        self._members = {} if terms.probe else {each.id: _Member(each) for each in attempts}
        self._folder = PackFolder(workdir.resolve() / "packs" / terms.pack_id)
        self._grace = grace_seconds
        self._changed = changed
        self._handle: PackHandle | None = None
        self._started = asyncio.Event()
        self._ending = False

    @property
    def closed(self) -> bool:
        """Whether nobody may join any more: it gave a member back, or was told to end as a whole."""
        return bool(self.refusal) or self._ending

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Its members that have not ended."""
        return tuple(member.attempt for member in self._members.values())

    @property
    def pid(self) -> int | None:
        return self._handle.pid if self._handle else None

    def weigh(self, held_bytes: int) -> None:
        """Note what memory its process was seen with."""
        self.held_bytes = held_bytes
        self.glance(held_bytes)
        if held_bytes > self.peak.held_bytes:
            self.peak = Peak(held_bytes, max(1, len(self._members)))

    def glance(self, held_bytes: int) -> None:
        """Note for its members alone what its process holds: a young one has yet to show what it takes."""
        for attempt in self.attempts:
            attempt.usage.saw_memory(held_bytes)

    # --- its life --------------------------------------------------------------------------------------------------

    async def live(self, supervisor: Supervisor) -> None:
        """Run to the end: every member has ended then, or was never taken and waits for another process."""
        status = None
        try:
            status = await self._run(supervisor)
        except Exception as fault:  # Whatever it is, it ends this pack alone, not the agent with all others.
            self.trouble = f"the worker could not run it: {type(fault).__name__}: {fault}"[:MAX_REASON]
            logger.debug("pack %s: %s", self.terms.pack_id, self.trouble, exc_info=True)
        finally:
            self._started.set()
        self._settle(status)

    def expect(self, attempts: Sequence[Attempt]) -> None:
        """Count these runs among the members: they are on their way (`bring`)."""
        self._members |= {attempt.id: _Member(attempt) for attempt in attempts}
        self.most_members = max(self.most_members, len(self._members))

    async def bring(self, attempts: Sequence[Attempt]) -> None:
        """Send runs that are expected to the process; one that cannot be sent waits for another process."""
        await self._started.wait()
        for attempt in attempts:
            directory = await self._prepare(attempt)
            if directory is not None and not self._send_in(attempt, directory):
                self._drop(attempt.id)

    def stop(self, attempt: Attempt) -> None:
        """Have one member, which was told to stop, save its state and end: the whole process if it is the last one."""
        if self._handle is None:
            return  # It is seen to once the process has been started.
        if all(each.stop for each in self.attempts):
            self._ending = True
            self._handle.stop(self._grace)
        else:
            self._handle.send({"kind": "stop", "attempt": attempt.id})
            asyncio.get_running_loop().call_later(max(MEMBER_PATIENCE, self._grace), self._overdue, attempt.id)

    def end_the_silent(self, now: float) -> None:
        """Stop members that have said nothing for so long that they must hang.

        Where all of several are silent it is the process that hangs, and nobody knows whose fault that is: it is
        ended, and each of them runs alone next, where it answers for itself.

        Args:
            now: monotonic seconds.
        """
        silences = {attempt_id: member.attempt.silence(now) for attempt_id, member in self._members.items()}
        silent = {attempt_id: words for attempt_id, words in silences.items() if words}
        if not silent or self._ending or self.terms.probe:
            return
        hangs = len(silent) == len(self._members) and (len(silent) > 1 or not self._members[next(iter(silent))].taken)
        if hangs:
            self.trouble = self.trouble or f"the process {next(iter(silent.values()))}"
            self.kill()
            return
        for attempt_id, words in silent.items():
            attempt = self._members[attempt_id].attempt
            if attempt.request_stop(StopRequest("failed", words)):
                self.stop(attempt)

    def kill(self) -> None:
        """End the process with its whole tree now."""
        self._ending = True
        if self._handle is not None:
            self._handle.stop(0.0)

    async def _run(self, supervisor: Supervisor) -> int | None:
        prepared = [(each, directory) for each in self._first if (directory := await self._prepare(each))]
        members = tuple((each.id, str(directory)) for each, directory in prepared)
        if not members:
            return None
        await asyncio.to_thread(self._folder.prepare, self.terms.order(members))
        modules = modules_of(self._first[0].lease.run.objective)
        self._handle = await supervisor.launch(self._folder.path, modules, self._on_frame)
        self._started.set()
        for attempt in self.attempts:
            if attempt.stop:  # It came while the process was being started.
                self.stop(attempt)
        return await self._handle.ended

    async def _prepare(self, attempt: Attempt) -> Path | None:
        """Return the run directory; None where there is nothing to run here (any more)."""
        if not self._wanted(attempt):
            return None
        try:
            directory = await asyncio.to_thread(attempt.prepare)
        except Exception as fault:
            if self._wanted(attempt):
                reason = f"the worker could not run it: {type(fault).__name__}: {fault}"
                self._end(attempt, Outcome(state="failed", reason=reason[:MAX_REASON]))
            return None
        if attempt.stop is not None and self._wanted(attempt):
            self._end(attempt, judge(Remains(stop=attempt.stop, began=False)))
        return directory if self._wanted(attempt) else None

    def _wanted(self, attempt: Attempt) -> bool:
        return attempt.id in self._members or (attempt is self.specimen and not attempt.ended)

    def _send_in(self, attempt: Attempt, directory: Path) -> bool:
        frame = {"kind": "join", "attempt": attempt.id, "directory": str(directory)}
        return self._handle is not None and self._handle.send(frame)

    def _overdue(self, attempt_id: str) -> None:
        if attempt_id in self._members:
            logger.warning("pack %s does not answer a stop order: it is killed", self.terms.pack_id)
            self.kill()

    # --- what it says ----------------------------------------------------------------------------------------------

    def _on_frame(self, frame: Frame) -> None:
        match frame:
            case {
                "kind": "pace",
                "width": int(width),
                "samples_per_second": float() | int() as rate,
                "memory_bytes": memory,
            }:
                self._on_pace(Pace.checked(float(rate), memory), width)
            case {"kind": "profile", "profile": profile} if self.terms.probe:
                self.profile = RunProfile.model_validate(profile)
            case {"kind": str(kind), "attempt": str(attempt_id)}:
                if member := self._members.get(attempt_id):  # One that was given up may still speak.
                    self._on_word(member, kind, frame)
            case _:
                raise BrokenFrame(f"a frame of unknown kind: {frame.get('kind')!r}")

    def _on_pace(self, pace: Pace, width: int) -> None:
        self.pace = pace
        for member in self._members.values():
            if member.taken and width > 0:  # The members of a process go through one data stream side by side.
                member.attempt.usage.heard_pace(pace.samples_per_second / width)
        if pace.memory_bytes is not None:
            self.weigh(pace.memory_bytes)
        self._changed()

    def _on_word(self, member: _Member, kind: str, frame: Frame) -> None:
        if kind == "taken":
            member.taken = True
        elif (said := last_words(frame)) is None:
            self._hear(member, frame)
        else:
            member.said = said
            self.refusal = self.refusal or (said["reason"] if kind == "evicted" else "")
            if not self.terms.single:
                self._close(member, Remains(said))

    def _hear(self, member: _Member, frame: Frame) -> None:
        """User code shares a process with the sender: what is wrong with a frame is the fault of the run it names."""
        try:
            member.attempt.hear(frame)
        except Exception as fault:
            words = f"a frame could not be understood: {type(fault).__name__}: {fault}"
            error = {"type": BrokenFrame.__name__, "message": words}
            self._end(member.attempt, judge(Remains({"kind": "failed", "error": error})))
            if self._members and self._handle is not None:
                self._handle.send({"kind": "stop", "attempt": member.attempt.id})
            else:
                self.kill()

    # --- ends ------------------------------------------------------------------------------------------------------

    def _settle(self, status: int | None) -> None:
        """The process is gone: say of every member what became of it."""
        error, output = self._folder.read_error(), "" if self.terms.single else self._folder.tail()
        surprised = [member for member in self._members.values() if member.taken and member.said is None]
        for member in list(self._members.values()):
            if self._may_start_again(member, status):
                self._drop(member.attempt.id)
                continue
            if output and member in surprised:
                member.attempt.add_log(f"{output}\n")
            others = max(0, len(surprised) - 1)
            remains = Remains(member.said, status, error, others=others, output=output, trouble=self.trouble)
            self._close(member, replace(remains, began=member.taken))
        unmeasured = self.specimen is not None and not self.specimen.ended and self.profile is None
        if surprised or error or unmeasured:
            self.trouble = self.trouble or describe_error(error) or describe_status(status)
        self._folder.close(self.trouble)
        self._changed()

    def _may_start_again(self, member: _Member, status: int | None) -> bool:
        """Whether it never began. A process that ended well just missed it; others may have died of it."""
        attempt = member.attempt
        if member.taken or member.said is not None or attempt.stop is not None:
            return False
        attempt.starts += int(status != 0)
        return attempt.starts < MAX_STARTS

    def _close(self, member: _Member, remains: Remains) -> None:
        attempt = member.attempt
        self.ran_out_of_memory |= ran_out_of_memory(remains)
        self._end(attempt, judge(replace(remains, stop=attempt.stop, alone=attempt.lease.alone or self.terms.alone)))

    def _end(self, attempt: Attempt, outcome: Outcome) -> None:
        attempt.end(outcome)
        self._drop(attempt.id)

    def _drop(self, attempt_id: str) -> None:
        if member := self._members.pop(attempt_id, None):
            member.attempt.waiting_since = time.monotonic()
        self._changed()
