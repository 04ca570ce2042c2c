"""The agent of a node: takes leases, has them run, and tells the server once a second. It never loads torch.

The first SIGTERM or SIGINT drains: no new lease, every run saves its state and is given back as preempted. The second
stops hard.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from studies.contract.worker_protocol import (
    Device,
    Lease,
    Outcome,
    RegisterWorker,
    SyncAnswer,
    SyncRequest,
    WorkerRegistered,
)
from studies.log_lines import bound, fields
from workers.attempt import Attempt
from workers.client import Client, Unavailable, UnknownWorker, backoff
from workers.courier import HAND_IN_SECONDS, Courier, Keeping
from workers.devices import software
from workers.dispatcher import Dispatcher
from workers.gauges import Gauges
from workers.objectives.permission import refusal
from workers.packing.mode import Packing
from workers.request import any_postponed, reports
from workers.supervisor import Supervisor
from workers.verdict import StopRequest

logger = logging.getLogger(__name__)

SHORTEST_PAUSE = 0.1
"""Seconds between two syncs when the end of a run asks for one at once: its place on the device is free."""

GRACE_SECONDS = 20.0
"""Between SIGTERM and SIGKILL, unless told otherwise: a checkpoint of a large model takes a few seconds."""

LAST_WORDS_SECONDS = 4.0
"""A worker that drains gives back what it has by then, whether its checkpoints are handed in or not."""

SHUTTING_DOWN = StopRequest("preempted", "the worker is shutting down")


@dataclass(frozen=True)
class AgentSettings:
    """How this worker introduces itself and treats its runs.

    Attributes:
        objectives: names of the task classes that it offers.
        allow: patterns of function targets that it runs.
        workdir: where run directories live.
        packing: how much packing there is.
        grace_seconds: between SIGTERM and SIGKILL of a process.
        checkpoints: where the checkpoints of its runs are kept.
        checkpoint_seconds: between two that a run hands in while it goes on.
        give_back_seconds: how long a draining worker waits for the server once its runs have ended.
    """

    name: str
    devices: tuple[Device, ...]
    objectives: tuple[str, ...]
    allow: tuple[str, ...]
    workdir: Path
    version: str = ""
    packing: Packing = Packing.AUTO
    checkpoints: Keeping = Keeping.SERVER
    checkpoint_seconds: float = HAND_IN_SECONDS
    grace_seconds: float = GRACE_SECONDS
    give_back_seconds: float = 10.0

    def introduction(self) -> RegisterWorker:
        return RegisterWorker(
            name=self.name,
            hostname=socket.gethostname(),
            pid=os.getpid(),
            version=self.version,
            devices=self.devices,
            objectives=self.objectives,
            allow=self.allow,
        )


class Agent:
    """Runs until it is told to stop, or until the server refuses it."""

    def __init__(self, settings: AgentSettings, client: Client, supervisor: Supervisor) -> None:
        self._settings = settings
        self._client = client
        self._supervisor = supervisor
        self._news = asyncio.Event()
        self._gauges = Gauges.open()
        self._dispatcher = Dispatcher(
            settings.devices,
            mode=settings.packing,
            workdir=settings.workdir,
            grace_seconds=settings.grace_seconds,
            supervisor=supervisor,
            gauges=self._gauges,
            news=self._news.set,
            software=software(),
        )
        self._courier = Courier(
            client,
            settings.checkpoints,
            settings.workdir,
            every_seconds=settings.checkpoint_seconds,
            lose=self._lose,
            news=self._dispatcher.poke,
        )
        self._drain_until: float | None = None
        self._registered: WorkerRegistered | None = None

    async def run(self) -> int:
        """Serve until stopped; return the exit code: 0 after an orderly end, 1 where something could not be given back.

        Raises:
            Refused: the server will not talk to this worker.
            NurseryDied: processes cannot be started on this node.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                nursery = tasks.create_task(self._supervisor.watch(), name="nursery")
                dispatching = tasks.create_task(self._dispatcher.serve(tasks), name="dispatcher")
                serving = tasks.create_task(self._serve(), name="sync")
                self._listen_to_signals(serving)
                serving.add_done_callback(lambda _: self._end(nursery, dispatching))
        except* Exception as faults:
            raise faults.exceptions[0] from None
        finally:
            await self._courier.close()
            await self._supervisor.close()
            await self._client.close()
            self._gauges.close()
        return 1 if self._dispatcher.attempts else 0

    def drain(self) -> None:
        """Take nothing more, give back what runs."""
        if self._drain_until is not None:
            return
        count = len(self._dispatcher.attempts)
        logger.info("stopping: %d runs save their state and are given back; a second signal stops at once", count)
        self._drain_until = time.monotonic() + self._settings.grace_seconds + self._settings.give_back_seconds
        self._dispatcher.stop_all(SHUTTING_DOWN)
        self._news.set()

    def _end(self, *side_tasks: asyncio.Task[None]) -> None:
        """The conversation is over: nothing that still runs has anything to say."""
        self._dispatcher.kill()
        for task in side_tasks:
            task.cancel()

    # --- the conversation with the server ------------------------------------------------------------------------

    async def _serve(self) -> None:
        failures = 0
        while not self._done:
            try:
                with bound(**self._named()):
                    pause = await self._talk()
                failures = 0
            except UnknownWorker:
                logger.warning("the server does not know this worker any more: registering again")
                self._registered = None
                pause = SHORTEST_PAUSE
            except Unavailable as fault:
                failures += 1
                pause = self._after_failure(fault, failures)
            await self._pause(pause)

    def _named(self) -> dict[str, str]:
        """Return the id that the server knows this worker by, once it has one."""
        return {"worker": self._registered.worker_id} if self._registered else {}

    async def _talk(self) -> float:
        """Register or sync once; return the seconds until the next time."""
        if self._registered is None:
            self._registered = await self._client.register(self._settings.introduction())
            about = fields(worker=self._registered.worker_id)
            logger.info("registered at %s as %s", self._client.server, self._registered.worker_id, extra=about)
            self._courier.max_bytes = self._registered.max_checkpoint_bytes
        self._courier.look(self._dispatcher.attempts.values())
        request = self._request()
        answer = await self._client.sync(self._registered.worker_id, request)
        self._dispatcher.acknowledge_profiles(request.profiles)
        self._take(answer, {report.attempt_id for report in request.attempts})
        return SHORTEST_PAUSE if any_postponed(self._dispatcher.attempts.values()) else self._registered.sync_seconds

    @property
    def _max_bytes(self) -> int:
        """Half of what the server takes: a request is measured by a bound, and carries more than reports."""
        return self._registered.max_body_bytes // 2 if self._registered else 0

    def _request(self) -> SyncRequest:
        """Return all news. Nothing is asked for while draining, nor before a run could start at once."""
        attempts = self._dispatcher.attempts.values()
        open_to_more = self._drain_until is None and self._supervisor.warm
        return SyncRequest(
            attempts=reports([attempt for attempt in attempts if not attempt.lost], self._max_bytes),
            devices=self._dispatcher.device_reports(open_to_more=open_to_more),
            profiles=self._dispatcher.profiles(),
        )

    def _take(self, answer: SyncAnswer, reported: set[str]) -> None:
        """Act on an answer: forget what is settled, stop what has to stop, take what is new."""
        attempts = self._dispatcher.attempts
        for attempt_id in reported.intersection(answer.acknowledged):
            attempts[attempt_id].acknowledge()
        for attempt_id in reported.intersection(answer.lost):
            self._lose(attempts[attempt_id])
        for order in answer.stop:
            if attempt := attempts.get(order.attempt_id):
                self._dispatcher.stop(attempt, StopRequest("stopped", order.reason))
        self._dispatcher.forget()
        for lease in answer.leases:
            if lease.attempt_id not in attempts:
                self._begin(lease)

    def _lose(self, attempt: Attempt) -> None:
        """The server has given its trial to someone else: its run ends, and nothing more is said of it."""
        logger.warning("%s: the lease was lost, the run ends", attempt.label)
        attempt.lost = True
        self._dispatcher.stop(attempt, StopRequest("stopped", "the lease was lost"))

    def _after_failure(self, fault: Unavailable, failures: int) -> float:
        if failures == 1:
            logger.warning("%s; runs go on, trying again", fault)
        pause = backoff(failures, fault.retry_after)
        return pause if self._drain_until is None else min(pause, 1.0)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when a run has ended: its news and its place on the device are worth a sync at once."""
        await asyncio.sleep(SHORTEST_PAUSE)
        try:
            async with asyncio.timeout(max(0.0, seconds - SHORTEST_PAUSE)):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    @property
    def _done(self) -> bool:
        if self._drain_until is None:
            return False
        left = len(self._dispatcher.attempts)
        if time.monotonic() > self._drain_until - LAST_WORDS_SECONDS:
            self._courier.release(self._dispatcher.attempts.values())
        if left and time.monotonic() > self._drain_until:
            logger.warning("%d attempts could not be given back: their leases will run out", left)
            return True
        return not left

    def _begin(self, lease: Lease) -> None:
        attempt = self._dispatcher.take(lease)
        reason = refusal(lease.run.objective, self._settings.objectives, self._settings.allow)
        if reason is not None:
            attempt.end(Outcome(state="failed", reason=reason))
        elif self._drain_until is not None:
            self._dispatcher.stop(attempt, SHUTTING_DOWN)
        else:
            self._courier.begin(attempt)

    def _listen_to_signals(self, serving: asyncio.Task[None]) -> None:
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            if self._drain_until is None:
                self.drain()
            else:
                serving.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)
