"""The courier: brings checkpoints to the server and back, so that a run outlives the node it ran on.

An attempt fetches before it starts, where the server has a later checkpoint than this node. It hands in while it runs,
now and then, and once more when it has ended and may be gone on with: its outcome waits for that, since a lease that
has ended opens no door any more. Whatever goes wrong costs steps that are done again, never the run.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path

from studies.contract.worker_protocol import Outcome
from workers import archive
from workers.archive import BadArchive, Changed
from workers.attempt import Attempt
from workers.client import Client, LeaseLost, ServerTrouble
from workers.run_directory import RunDirectory

logger = logging.getLogger(__name__)

HAND_IN_SECONDS = 60.0
"""Between two checkpoints that one run hands in while it goes on, unless told otherwise."""

QUIET_SECONDS = 2.0
"""A folder in which a user's code has just written is left alone: it may not be through."""

LAST_SECONDS = 60.0
"""How long the outcome of a run waits for its last checkpoint."""

AT_ONCE = 4
"""Checkpoints on their way together."""

RESUMABLE = ("preempted", "stopped", "evicted", "completed")
"""Ends that the trial may go on from: a completed one may be given more steps."""


Errand = Callable[[], Coroutine[None, None, None]]


class Keeping(StrEnum):
    """``--checkpoints``."""

    SERVER = "server"
    """The server keeps them: another node goes on from there."""
    LOCAL = "local"
    """They stay in ``--workdir``: for one machine, or where all workers share that folder."""


class Courier:
    """Moves the checkpoints of one worker.

    Args:
        client: talks to the server.
        keeping: where checkpoints are kept.
        workdir: where run directories live.
        every_seconds: between two checkpoints of a run that goes on: what a lost node costs at most.
        lose: called with an attempt whose lease turns out to be lost.
        news: called when an attempt's outcome need not wait any more, or it may start.
    """

    def __init__(
        self,
        client: Client,
        keeping: Keeping,
        workdir: Path,
        *,
        every_seconds: float,
        lose: Callable[[Attempt], None],
        news: Callable[[], None],
    ) -> None:
        self.max_bytes = 0
        self._client = client
        self._keeping = keeping
        self._workdir = workdir
        self._every = every_seconds
        self._lose = lose
        self._news = news
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._looked_at: dict[str, float] = {}
        self._known: dict[str, archive.Fingerprint] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    def begin(self, attempt: Attempt) -> None:
        """Take care of an attempt from its lease on; it waits where the server has a later checkpoint."""
        if self._keeping is Keeping.LOCAL:
            return
        attempt.held_back = True
        self._looked_at[attempt.id] = time.monotonic()
        if attempt.lease.checkpoint is not None:
            attempt.arriving = True
            self._start(attempt, partial(self._fetch, attempt))

    def look(self, attempts: Iterable[Attempt]) -> None:
        """Start what is due: a checkpoint now and then, and the last one of a run that has ended."""
        now, present = time.monotonic(), dict[str, Attempt]()
        for attempt in attempts:
            present[attempt.id] = attempt
            if not attempt.held_back or attempt.lost or attempt.id in self._busy:
                continue
            if attempt.outcome is None:
                if now - self._looked_at[attempt.id] > self._every:
                    self._start(attempt, partial(self._hand_in, attempt, last=False))
            elif self._leaves_something(attempt, attempt.outcome):
                self._start(attempt, partial(self._hand_in_last, attempt))
            else:
                attempt.held_back = False
        for attempt_id in self._looked_at.keys() - present.keys():
            self._looked_at.pop(attempt_id)
            self._known.pop(attempt_id, None)

    def _leaves_something(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Whether the run has left a checkpoint that its trial may be gone on with: most short ones have none."""
        if outcome.state not in RESUMABLE or attempt.home is None or not self.max_bytes:
            return False
        return archive.exists(attempt.home.path)

    def release(self, attempts: Iterable[Attempt]) -> None:
        """There is no time left: outcomes wait for nothing any more."""
        for attempt in attempts:
            attempt.held_back = False

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._busy.values():
            task.cancel()
        await asyncio.gather(*self._busy.values(), return_exceptions=True)

    def _start(self, attempt: Attempt, errand: Errand) -> None:
        self._busy[attempt.id] = asyncio.create_task(self._run(attempt, errand), name=f"checkpoint of {attempt.id}")

    async def _run(self, attempt: Attempt, errand: Errand) -> None:
        """Do an errand; what goes wrong with it is said, and the run goes on with what there is."""
        try:
            async with self._places:
                await errand()
        except LeaseLost:
            self._lose(attempt)
        except (ServerTrouble, BadArchive, OSError) as fault:  # a timeout too
            logger.warning("%s: its checkpoint stays where it is: %s", attempt.label, fault or type(fault).__name__)
        except Changed:
            logger.debug("%s: its checkpoint is being written, later then", attempt.label)
        finally:
            del self._busy[attempt.id]
            self._looked_at[attempt.id] = time.monotonic()
            self._news()

    # --- fetching --------------------------------------------------------------------------------------------------

    async def _fetch(self, attempt: Attempt) -> None:
        """Bring the server's checkpoint here where it is later than this node's."""
        info = attempt.lease.checkpoint
        try:
            home = RunDirectory.of(self._workdir, attempt.lease.run)
            if info is None or await asyncio.to_thread(home.checkpoint_step) >= info.step:
                return
            await asyncio.to_thread(home.path.mkdir, parents=True, exist_ok=True)
            target = home.path / ".arriving.tar"
            try:
                await self._client.fetch_checkpoint(attempt.id, attempt.lease.token, target, info.bytes)
                if await asyncio.to_thread(archive.digest, target) != info.sha256:
                    raise BadArchive("what came is not what the server was given")
                if not attempt.ended:
                    await asyncio.to_thread(home.adopt, target, info.step)
            finally:
                target.unlink(missing_ok=True)
            self._known[attempt.id] = await asyncio.to_thread(archive.fingerprint, home.path)
            logger.info("%s: goes on from the checkpoint of step %d, which the server kept", attempt.label, info.step)
        except ValueError as fault:  # an id that no folder is made of: starting it will say so
            raise BadArchive(str(fault)) from fault
        finally:
            attempt.arriving = False

    # --- handing in ------------------------------------------------------------------------------------------------

    async def _hand_in_last(self, attempt: Attempt) -> None:
        """Hand in what a run has left; its outcome may go then."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self._hand_in(attempt, last=True)
        finally:
            attempt.held_back = False

    async def _hand_in(self, attempt: Attempt, *, last: bool) -> None:
        home = attempt.home
        if home is None or not self.max_bytes:
            return
        found = await asyncio.to_thread(archive.fingerprint, home.path)
        if not found or found == self._known.get(attempt.id) or (not last and _fresh(found)):
            return
        size = sum(size for _, size, _ in found)
        if size > self.max_bytes:
            self._known[attempt.id] = found
            logger.warning(
                "%s: its checkpoint of %d bytes stays on this node, the server keeps up to %d (share --workdir between "
                "the workers, or raise STAGETUNE_MAX_CHECKPOINT_BYTES)", attempt.label, size, self.max_bytes,
            )  # fmt: skip
            return
        step = await asyncio.to_thread(attempt.checkpoint_step, last=last)
        target = home.path / ".leaving.tar"
        try:
            taken = await asyncio.to_thread(archive.take, home.path, target, found)
            await self._client.send_checkpoint(attempt.id, attempt.lease.token, taken, step)
        finally:
            with suppress(OSError):
                target.unlink(missing_ok=True)
        self._known[attempt.id] = found
        logger.debug("%s: the server has its checkpoint of step %d, %d bytes", attempt.label, step, taken.size)


def _fresh(found: archive.Fingerprint) -> bool:
    """Whether a file has just been written."""
    return time.time() - max(changed for _, _, changed in found) / 1e9 < QUIET_SECONDS
