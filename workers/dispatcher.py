"""Brings leased attempts and processes together: asks the plan at every change, and does what it says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from studies.contract.packing import RunProfile
from studies.contract.worker_protocol import Device, DeviceReport, Lease, Outcome
from workers.attempt import Attempt
from workers.floor import Floor
from workers.gauges import Gauges
from workers.pack import Pack
from workers.pack_terms import PackTerms
from workers.packing.device_state import Join, Launch, Placement, Probe, Wait
from workers.packing.mode import Packing
from workers.packing.plan import plan
from workers.profile_book import ProfileBook
from workers.supervisor import Supervisor
from workers.verdict import Remains, StopRequest, judge

logger = logging.getLogger(__name__)

REVIEW_SECONDS = 1.0
"""Between two looks at the plan when nothing happens: memory comes free without a word."""

PATIENCE_SECONDS = 10.0
"""How long a leased run waits here for a place before another worker may have it."""

PROBE_SECONDS = 600.0
"""For a whole probe: its steps take seconds, loading a large data set or compiling may take minutes."""

HARD_STOP_SECONDS = 5.0


class Dispatcher:
    """All attempts of the worker and all processes on its devices.

    Args:
        devices: what the worker offers.
        mode: how much packing there is.
        workdir: where the directories of runs and packs live.
        grace_seconds: between SIGTERM and SIGKILL of a process.
        supervisor: starts processes.
        gauges: tell memory and utilization of the devices.
        software: with which classes of runs are measured.
        news: called when the server should hear from this worker at once.

    Attributes:
        attempts: by id, until the server has acknowledged their outcome.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        *,
        mode: Packing,
        workdir: Path,
        grace_seconds: float,
        supervisor: Supervisor,
        gauges: Gauges,
        news: Callable[[], None],
        software: str = "",
    ) -> None:
        self.attempts: dict[str, Attempt] = {}
        self._book = ProfileBook(software)
        self._floors = {device.name: Floor(device, mode, self._book, gauges) for device in devices}
        self._workdir = workdir
        self._grace = grace_seconds
        self._supervisor = supervisor
        self._news = news
        self._changed = asyncio.Event()
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._told: set[str] = set()

    async def serve(self, tasks: asyncio.TaskGroup) -> None:
        """Review the plan at every change, for ever. Processes live in `tasks`."""
        looked_at = 0.0
        while True:
            if (now := time.monotonic()) - looked_at > REVIEW_SECONDS:
                looked_at = now
                self._look(now)
            self.review(tasks)
            with suppress(TimeoutError):
                async with asyncio.timeout(REVIEW_SECONDS):
                    await self._changed.wait()
            self._changed.clear()

    def _look(self, now: float) -> None:
        for floor in self._floors.values():
            floor.look(now)
        for pack in self._packs():
            pack.end_the_silent(now)

    # --- leases ----------------------------------------------------------------------------------------------------

    def take(self, lease: Lease) -> Attempt:
        """Take a lease; its run starts when the plan finds a place for it."""
        attempt = self.attempts[lease.attempt_id] = Attempt(lease, self._workdir)
        if lease.profile is not None:
            self._book.learn(lease.profile)
        if lease.device not in self._floors:
            attempt.end(Outcome(state="failed", reason=f"this worker has no device {lease.device}"))
        self._changed.set()
        return attempt

    def stop(self, attempt: Attempt, request: StopRequest) -> None:
        """Have a run save its state and end; the first request counts."""
        if attempt.ended or not attempt.request_stop(request):
            return
        if pack := self._pack_of(attempt):
            pack.stop(attempt)
        else:
            attempt.end(judge(Remains(stop=attempt.stop, began=False)))
        self._changed.set()

    def poke(self) -> None:
        """Something outside has changed what may start or be told: look at it at once."""
        self._changed.set()
        self._news()

    def stop_all(self, request: StopRequest) -> None:
        for attempt in list(self.attempts.values()):
            self.stop(attempt, request)

    def kill(self) -> None:
        """Kill every process; what does not even die then is left to its keeper."""
        for pack in self._packs():
            pack.kill()
        for life in self._lives.values():
            asyncio.get_running_loop().call_later(HARD_STOP_SECONDS, life.cancel)

    def forget(self) -> None:
        """Drop attempts of which nothing is left to say and nothing runs."""
        for attempt_id, attempt in list(self.attempts.items()):
            if attempt.ended and (attempt.settled or attempt.lost):
                del self.attempts[attempt_id]
                self._told.discard(attempt_id)

    # --- reports ---------------------------------------------------------------------------------------------------

    def device_reports(self, *, open_to_more: bool) -> tuple[DeviceReport, ...]:
        return tuple(floor.report(self._waiting(floor), open_to_more=open_to_more) for floor in self._floors.values())

    def profiles(self) -> tuple[RunProfile, ...]:
        """Return what the server has yet to hear of classes of runs."""
        return self._book.news()

    def acknowledge_profiles(self, told: Iterable[RunProfile]) -> None:
        self._book.acknowledge(told)

    # --- the plan --------------------------------------------------------------------------------------------------

    def review(self, tasks: asyncio.TaskGroup) -> None:
        """Ask the plan what to do about the attempts that wait, and do it."""
        for floor in self._floors.values():
            self._end_vain_probes(floor)
            floor.heed()
            waiting = self._waiting(floor)
            for placement in plan([floor.want(attempt) for attempt in waiting], floor.state()):
                self._act(placement, floor, tasks)
        ended = {attempt_id for attempt_id, attempt in self.attempts.items() if attempt.ended}
        if ended - self._told:
            self._told |= ended
            self._news()

    def _waiting(self, floor: Floor) -> list[Attempt]:
        """Return the attempts for a device that no process has, oldest first; attempts of one trial take turns."""
        placed = {attempt.id for pack in floor.packs.values() for attempt in pack.attempts}
        waiting, trials = [], set()
        for attempt in self.attempts.values():
            if attempt.ended or attempt.arriving:
                continue
            trial_id = attempt.lease.run.trial_id
            if attempt.lease.device == floor.device.name and attempt.id not in placed and trial_id not in trials:
                waiting.append(attempt)
            trials.add(trial_id)
        return waiting

    def _act(self, placement: Placement, floor: Floor, tasks: asyncio.TaskGroup) -> None:
        match placement:
            case Join(pack_id, attempt_ids):
                attempts = [self.attempts[each] for each in attempt_ids]
                floor.packs[pack_id].expect(attempts)
                tasks.create_task(floor.packs[pack_id].bring(attempts), name=f"joining {pack_id}")
            case Probe() | Launch() if floor.unsettled:
                return  # One after the other: the newcomer has yet to show what memory it takes.
            case Probe(attempt_id=attempt_id):
                self._launch(floor, floor.terms_of_probe(placement), [self.attempts[attempt_id]], tasks)
            case Launch(attempts=attempt_ids):
                attempts = [self.attempts[each] for each in attempt_ids]
                self._launch(floor, floor.terms_of_launch(placement), attempts, tasks)
            case Wait(attempt_id, reason):
                self._wait(floor, self.attempts[attempt_id], reason)

    def _launch(self, floor: Floor, terms: PackTerms, attempts: Sequence[Attempt], tasks: asyncio.TaskGroup) -> None:
        pack = Pack(terms, attempts, self._workdir, self._grace, self._changed.set)
        floor.packs[terms.pack_id] = pack
        logger.debug("%s: %s of %d, %s", terms.device, terms.engine, terms.width, terms.note)
        self._lives[terms.pack_id] = tasks.create_task(self._live(floor, pack), name=f"pack {terms.pack_id}")

    async def _live(self, floor: Floor, pack: Pack) -> None:
        try:
            await pack.live(self._supervisor)
        finally:
            del floor.packs[pack.terms.pack_id], self._lives[pack.terms.pack_id]
            self._changed.set()
        floor.learn_from(pack)
        self._news()

    def _wait(self, floor: Floor, attempt: Attempt, reason: str) -> None:
        """Let a run wait, but not for long where it only waits for a place: another worker may have one."""
        measured = any(pack.terms.probe for pack in floor.packs.values())
        if not measured and time.monotonic() - attempt.waiting_since > PATIENCE_SECONDS:
            self.stop(attempt, StopRequest("preempted", f"no place for it on this worker: {reason}"))

    def _end_vain_probes(self, floor: Floor) -> None:
        """A probe whose specimen is gone measures for nobody; for one that hangs, all unknown classes would wait."""
        for pack in floor.packs.values():
            if pack.specimen is None:
                continue
            late = time.monotonic() - pack.launched_at > PROBE_SECONDS
            if late:
                pack.trouble = pack.trouble or f"it was not measured within {PROBE_SECONDS:.0f} seconds"
            if late or pack.specimen.ended:
                pack.kill()

    def _packs(self) -> list[Pack]:
        return [pack for floor in self._floors.values() for pack in floor.packs.values()]

    def _pack_of(self, attempt: Attempt) -> Pack | None:
        return next((pack for pack in self._packs() if attempt in pack.attempts), None)
