"""One attempt on this worker, from its lease to the acknowledgement of its outcome."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from studies.contract.worker_protocol import AttemptReport, Lease, Outcome
from studies.log_lines import About
from workers.channel import BrokenFrame, Frame
from workers.log_tail import LogTail
from workers.outbox import Outbox
from workers.run_directory import RunDirectory
from workers.usage import Usage
from workers.verdict import StopRequest

logger = logging.getLogger(__name__)


class Attempt:
    """Keeps for the server what a run says, whichever process it is in.

    Args:
        lease: the right to run it.
        workdir: where run directories live.

    Attributes:
        run_class: the class of runs that it belongs to.
        lost: the server has given its trial to someone else: nothing more is said about it.
        stop: what it was told; the first request counts.
        ended: whether it has its outcome, so that no process works on it any more.
        starts: processes that ended before they had begun with it.
        waiting_since: when it last began to wait for a process (monotonic seconds).
        arriving: its checkpoint is on its way here: it does not start before.
        held_back: its outcome waits until its last checkpoint is where another node finds it.
        outcome: how it ended, None while it has not.
        home: its run directory, None before it was prepared.
        heard_at: when it last said something: a metric, a line of its log (monotonic seconds).
        usage: the memory and the speed that it was seen with.
    """

    def __init__(self, lease: Lease, workdir: Path) -> None:
        self.lease = lease
        self.run_class = lease.run.run_class
        self.lost = False
        self.stop: StopRequest | None = None
        self.ended = False
        self.arriving = False
        self.held_back = False
        self.outcome: Outcome | None = None
        self.home: RunDirectory | None = None
        self.starts = 0
        self.usage = Usage(lease.run.params)
        self.waiting_since = self.heard_at = time.monotonic()
        self._workdir = workdir
        self._outbox = Outbox(lease.attempt_id, lease.token)
        self._log = About(logger, study=lease.run.study_id, trial=lease.run.trial_id, attempt=lease.attempt_id)
        self._last_step = 0
        self._tail: LogTail | None = None

    @property
    def id(self) -> str:
        return self.lease.attempt_id

    @property
    def label(self) -> str:
        run = self.lease.run
        return f"{run.study_name}/{run.stage} trial {run.trial_number}"

    @property
    def settled(self) -> bool:
        """Whether the server has acknowledged the outcome."""
        return self._outbox.finished

    def prepare(self) -> Path:
        """Write down what is to be run and follow its log from here on; return the run directory.

        Raises:
            ValueError: an id that no folder is made of.
            OSError: the directory cannot be written.
        """
        home = RunDirectory.of(self._workdir, self.lease.run)
        home.prepare(self.lease.run)
        self._tail = self._tail or LogTail(home.log)
        self.home = home
        self.heard_at = time.monotonic()
        return home.path

    def checkpoint_step(self, *, last: bool) -> int:
        """Return the step that its checkpoint stands at, 0 where that is not known.

        Args:
            last: the run is over, so that a user's own files stand at the last step that it said.
        """
        step = self.home.checkpoint_step() if self.home else 0
        own = self.home is not None and not (self.home.path / "checkpoint.pt").exists()
        return max(0, step, self._last_step if last and own else 0)

    def request_stop(self, request: StopRequest) -> bool:
        """Remember the first request; return whether it was the first."""
        first = self.stop is None
        self.stop = self.stop or request
        return first

    def silence(self, now: float) -> str:
        """Return that it has said nothing for so long that it must hang, in words; "" while it has not.

        Args:
            now: monotonic seconds.
        """
        limit = self.lease.run.stall_timeout
        if not limit or now - self.heard_at <= limit:
            return ""
        self._take_log()  # The log is read with each report: the latest may be a while ago.
        return f"said nothing for {limit:g} s (stall_timeout)" if now - self.heard_at > limit else ""

    def hear(self, frame: Frame) -> None:
        """Take what the run says while it runs.

        Raises:
            BrokenFrame: not of this protocol.
            ValueError, TypeError, OverflowError: points that no metric chunk could carry.
        """
        self.heard_at = time.monotonic()
        match frame:
            case {"kind": "points", "points": points}:
                for name, (steps, values) in points.items():
                    self._outbox.add_points(name, steps, values)
                    self._last_step = max(self._last_step, *steps)
                self.usage.heard_step(self._last_step, self.heard_at)
            case {"kind": "started", "step": int(step), "note": str(note)}:
                self._on_started(step, note)
            case {"kind": "evaluated", "step": step, "metrics": metrics}:
                self._log.info("%s: step %d/%d  %s", self.label, step, self.lease.run.num_steps, _figures(metrics))
            case _:
                raise BrokenFrame(f"a frame of unknown kind: {frame.get('kind')!r}")

    def add_log(self, text: str) -> None:
        """Take output that its own log does not have."""
        self._outbox.add_log(text)

    def end(self, outcome: Outcome) -> None:
        """Leave the outcome, behind the last of the log, for the server."""
        while self._take_log():
            pass
        self.ended = True
        self.outcome = outcome
        self._outbox.close(outcome)
        self._log.info("%s: %s%s", self.label, outcome.state, f" ({outcome.reason})" if outcome.reason else "")

    def report(self) -> AttemptReport:
        """Return heartbeat and news in one."""
        self._take_log()
        return self._outbox.report(hold_outcome=self.held_back).model_copy(update=self.usage.figures())

    @property
    def postponed(self) -> bool:
        """Whether its news had no room in the last request."""
        return self._outbox.postponed

    def heartbeat(self) -> AttemptReport:
        return self._outbox.heartbeat()

    def acknowledge(self) -> None:
        """The server has what was last reported; note down how far that goes, for a later attempt."""
        before = self._outbox.delivered
        self._outbox.acknowledge()
        if self.home is None or self._outbox.delivered == before:
            return
        try:
            self.home.write_delivered(self._outbox.delivered)
        except OSError as fault:  # A later attempt repeats a little more then, that is all.
            self._log.warning("%s: cannot note what was delivered: %s", self.label, fault)

    def _take_log(self) -> bool:
        """Take the next piece of the log; return whether there was one and there may be more to take."""
        if self._tail is None or self.ended:
            return False
        try:
            piece = self._tail.read()
        except OSError as fault:
            self._log.warning("%s: its log cannot be read: %s", self.label, fault)
            return False
        if piece:
            self.heard_at = time.monotonic()
        self._outbox.add_log(piece)
        return bool(piece) and not self._outbox.log_is_full

    def _on_started(self, step: int, note: str) -> None:
        self._outbox.started_from = max(0, step)
        if self.home is not None:  # What was delivered beyond this step is superseded from now on.
            self.home.write_delivered(min(self.home.delivered, step))
        self._log.info("%s: %s", self.label, note or f"started on {self.lease.device}")


def _figures(metrics: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
