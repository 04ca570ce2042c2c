"""Processes that a test speaks for: what the agent would fork, without forking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from studies.contract.packing import RunProfile
from tests.integration.worker_harness import run_spec
from workers.channel import BrokenFrame, Frame
from workers.pack_folder import PackFolder
from workers.pack_protocol import PackOrder

SIGTERM = "SIGTERM"
CLASS = run_spec().run_class


class Process:
    """One pack's process: `orders` is what it was told, `say` what it answers."""

    def __init__(self, folder: PackFolder, on_frame: Callable[[Frame], None]) -> None:
        self.folder = folder
        self.order: PackOrder = folder.read_order()
        self.orders: list[Any] = []
        self.pid: int | None = None
        self.deaf = False
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._on_frame = on_frame

    def say(self, kind: str, attempt: str | None = None, **fields: Any) -> None:
        """Say one frame; what cannot be understood ends the process, as it does for a real one."""
        frame = {"kind": kind, **({} if attempt is None else {"attempt": attempt}), **fields}
        try:
            self._on_frame(frame)
        except Exception as fault:
            self.ended.set_exception(BrokenFrame(str(fault)))

    def take(self, *attempts: str) -> None:
        for attempt in attempts:
            self.say("taken", attempt)
            self.say("started", attempt, step=0, note="")

    def finish(self, attempt: str, state: str = "completed", step: int = 10, reason: str = "") -> None:
        self.say("finished", attempt, state=state, step=step, reason=reason)

    def end(self, status: int | None = 0) -> None:
        if not self.ended.done():
            self.ended.set_result(status)

    # --- as `workers.supervisor.PackHandle` ---------------------------------------------------------------------------

    def send(self, message: Frame) -> bool:
        if self.deaf or self.ended.done():
            return False
        self.orders.append((message["kind"], message["attempt"]))
        return True

    def stop(self, grace_seconds: float) -> None:
        self.orders.append((SIGTERM, grace_seconds))
        if grace_seconds == 0:
            self.end(9)


class Processes:
    """Starts them, as `workers.supervisor.Supervisor` does; `fault` is raised instead, where there is one."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.started: list[Process] = []
        self.fault = fault
        self._closed = False

    async def launch(self, folder: Path, modules: Sequence[str], on_frame: Callable[[Frame], None]) -> Process:
        if self.fault is not None:
            raise self.fault
        process = Process(PackFolder(folder), on_frame)
        self.started.append(process)
        if self._closed:
            process.end()
        return process

    def close(self) -> None:
        """End all processes, those too that are about to start."""
        self._closed = True
        for process in self.started:
            process.end()


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Let the loop turn until `condition` gives something true, and return that."""
    async with asyncio.timeout(seconds):
        while not (value := condition()):
            await asyncio.sleep(0.001)
        return value


def profile(run_class: str = CLASS, model: str = "a CPU", **changes: Any) -> RunProfile:
    """A class that trains fastest in packs of eight."""
    return RunProfile.model_validate(
        {"run_class": run_class, "device_model": model, "engine": "batched", "width": 8, "note": "measured"} | changes
    )
