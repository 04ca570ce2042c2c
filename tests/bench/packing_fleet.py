"""Processes side by side on one device, each training by itself, started and timed together."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from tests.bench.packing_cases import case_named
from workers.gauges import Gauges

START_SECONDS = 300.0
"""For all processes of a fleet to load, build and warm up."""


class FleetFailed(Exception):
    """A process of the fleet did not start, or ended by itself."""


class Fleet:
    """Processes that wait to be told to train.

    Attributes:
        members: runs in all of them together.
    """

    def __init__(self, processes: list[BaseProcess], lines: list[Connection], members: int, device: str) -> None:
        self.members = members
        self._processes = processes
        self._lines = lines
        self._device = device

    def samples_per_second(self, seconds: float) -> float:
        """Let all train at once for so long; return samples times members per second, of all."""
        for line in self._lines:
            line.send(seconds)
        return sum(_answer(line, seconds + START_SECONDS) for line in self._lines)

    def memory_bytes(self) -> int | None:
        """Return what the processes hold now, None where that cannot be told."""
        gauges = Gauges.open()
        held = [gauges.held_by(self._device, process.pid or 0) for process in self._processes]
        gauges.close()
        known = [each for each in held if each is not None]
        return sum(known) if len(known) == len(held) else None


@contextmanager
def fleet(case: str, device: str, mode: str, widths: list[int]) -> Iterator[Fleet]:
    """Start one process for each of `widths`, training so many members in the way `mode`; end them afterwards.

    Raises:
        FleetFailed: one of them cannot do that.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch"])
    processes, lines = [], []
    try:
        for width in widths:
            line, end = context.Pipe()
            process = context.Process(target=_train, args=(end, case, device, mode, width), daemon=True)
            process.start()
            end.close()
            processes.append(process)
            lines.append(line)
        for line in lines:
            _answer(line, START_SECONDS)
        yield Fleet(processes, lines, sum(widths), device)
    finally:
        for process in processes:
            process.kill()
            process.join()


def _answer(line: Connection, seconds: float) -> float:
    try:
        if line.poll(seconds):
            return float(line.recv())
    except EOFError:
        pass
    raise FleetFailed("a process of the fleet ended or did not answer")


def _train(line: Connection, case: str, device: str, mode: str, width: int) -> None:
    """The life of one process: warm up, then train for as long as it is told, again and again."""
    import torch

    from tests.bench.packing_programs import IN_PROCESS

    torch.set_num_threads(1)
    known = case_named(case)
    program = IN_PROCESS[mode](known, device, width)
    program.steps(2)
    turn = 4 if device == "cpu" else 16
    line.send(0.0)
    while True:
        seconds = line.recv()
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            program.steps(turn)
            steps += turn
        line.send(steps * width * known.batch / (time.perf_counter() - began))
