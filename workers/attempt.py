"""One attempt on this worker, from its lease to the acknowledgement of its outcome."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from studies.contract.worker_protocol import AttemptReport, Lease, Outcome
from workers.channel import BrokenFrame, Frame
from workers.log_tail import LogTail
from workers.outbox import Outbox
from workers.run_directory import RunDirectory
from workers.supervisor import RunHandle, Supervisor
from workers.verdict import MAX_REASON, Remains, StopRequest, judge

logger = logging.getLogger(__name__)


class Attempt:
    """Starts a run, listens to it, and keeps for the server what it says.

    Args:
        lease: the right to run it.
        workdir: where run directories live.
        grace_seconds: what a run gets between SIGTERM and SIGKILL.
    """

    def __init__(self, lease: Lease, workdir: Path, grace_seconds: float) -> None:
        self.lease = lease
        self.lost = False
        self._workdir = workdir
        self._grace = grace_seconds
        self._outbox = Outbox(lease.attempt_id, lease.token)
        self._home: RunDirectory | None = None
        self._tail: LogTail | None = None
        self._handle: RunHandle | None = None
        self._finished: Frame | None = None
        self._stop: StopRequest | None = None

    @property
    def label(self) -> str:
        run = self.lease.run
        return f"{run.study_name}/{run.stage} trial {run.trial_number}"

    @property
    def settled(self) -> bool:
        """Whether the server has acknowledged the outcome."""
        return self._outbox.finished

    async def live(self, supervisor: Supervisor) -> None:
        """Run to the end and leave the outcome in the outbox."""
        try:
            outcome = await self._run(supervisor)
        except ConnectionError as fault:
            outcome = Outcome(state="preempted", reason=f"the run could not be started: {fault}")
        except Exception as fault:  # Whatever it is, it ends this attempt alone, not the agent with all others.
            reason = f"the worker could not run it: {type(fault).__name__}: {fault}"
            logger.debug("%s: %s", self.label, reason, exc_info=True)
            outcome = Outcome(state="failed", reason=reason[:MAX_REASON])
        while self._take_log():
            pass
        self._outbox.close(outcome)
        logger.info("%s: %s%s", self.label, outcome.state, f" ({outcome.reason})" if outcome.reason else "")

    def refuse(self, reason: str) -> None:
        """Do not run it, and say why."""
        self._outbox.close(Outcome(state="failed", reason=reason))

    def stop(self, request: StopRequest) -> None:
        """Tell the run to save its state and end; the first request counts."""
        if self._stop is None:
            self._stop = request
            if self._handle is not None:
                self._handle.stop(self._grace)

    def abandon(self) -> None:
        """The lease is lost: end the run, and say no more about it."""
        self.lost = True
        self.stop(StopRequest("stopped", "the lease was lost"))

    def kill(self) -> None:
        """End the run's whole tree now."""
        if self._handle is not None:
            self._handle.stop(0.0)

    def report(self) -> AttemptReport:
        """Return heartbeat and news in one."""
        self._take_log()
        return self._outbox.report()

    def heartbeat(self) -> AttemptReport:
        return self._outbox.heartbeat()

    def acknowledge(self) -> None:
        """The server has what was last reported; note down how far that goes, for a later attempt."""
        before = self._outbox.delivered
        self._outbox.acknowledge()
        if self._home is None or self._outbox.delivered == before:
            return
        try:
            self._home.write_delivered(self._outbox.delivered)
        except OSError as fault:  # A later attempt repeats a little more then, that is all.
            logger.warning("%s: cannot note what was delivered: %s", self.label, fault)

    def _take_log(self) -> bool:
        """Take the next piece of the log; return whether there was one and there may be more to take."""
        if self._tail is None:
            return False
        try:
            piece = self._tail.read()
        except OSError as fault:
            logger.warning("%s: its log cannot be read: %s", self.label, fault)
            return False
        self._outbox.add_log(piece)
        return bool(piece) and not self._outbox.log_is_full

    async def _run(self, supervisor: Supervisor) -> Outcome:
        self._home = home = RunDirectory.of(self._workdir, self.lease.run)
        await asyncio.to_thread(home.prepare, self.lease.run)
        self._tail = LogTail(home.log)
        if self._stop is None:
            self._handle = await supervisor.launch(self.lease, home, self._on_frame)
        if self._handle is None:
            return judge(Remains(stop=self._stop))
        if self._stop is not None:  # It came while the run was being started.
            self._handle.stop(self._grace)
        status = await self._handle.ended
        return judge(Remains(self._finished, status, home.read_error(), self._stop))

    def _on_frame(self, frame: Frame) -> None:
        match frame:
            case {"kind": "points", "points": points}:
                for name, (steps, values) in points.items():
                    self._outbox.add_points(name, steps, values)
            case {"kind": "started", "step": int(step), "note": str(note)}:
                self._on_started(step, note)
            case {"kind": "evaluated", "step": step, "metrics": metrics}:
                logger.info("%s: step %d/%d  %s", self.label, step, self.lease.run.num_steps, _figures(metrics))
            case {"kind": "finished", "state": str(), "step": int(), "reason": str()}:
                self._finished = frame
            case _:
                raise BrokenFrame(f"a frame of unknown kind: {frame.get('kind')!r}")

    def _on_started(self, step: int, note: str) -> None:
        self._outbox.started_from = max(0, step)
        if self._home is not None:  # What was delivered beyond this step is superseded from now on.
            self._home.write_delivered(min(self._home.delivered, step))
        logger.info("%s: %s", self.label, note or f"started on {self.lease.device}")


def _figures(metrics: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
