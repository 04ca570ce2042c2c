"""Simulated time: so many runs at once, each an epoch at a time, until the budget is spent or nothing is left to do."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Protocol

from studies.contract.base import Params
from tests.bench.quality.ledger import Ledger
from tests.bench.quality.task import Training


@dataclass
class Run:
    """One run under way.

    Attributes:
        number: in the order in which runs were started.
        params: a value for every axis of the task.
        seed: of the run.
        training: what it gives, known to the simulation alone.
        length: epochs that it is to take.
        seen: epochs that it has taken.
        stopped: whether the method has stopped it since.
    """

    number: int
    params: Params
    seed: int
    training: Training
    length: int
    seen: int = 0
    stopped: bool = False


class Search(Protocol):
    """A method at work."""

    def next(self) -> Run | None:
        """Return a run to start now, None while there is none."""
        ...

    def observe(self, run: Run) -> None:
        """Take in that `run` has seen one more epoch; at its length it has ended and its slot is free."""
        ...


def simulate(search: Search, ledger: Ledger, slots: int) -> None:
    """Run `search` until its budget is spent or nothing runs and nothing is to be started."""
    clock: list[tuple[float, int, Run]] = []
    now = 0.0
    while ledger.left > 0:
        while len(clock) < slots and (fresh := search.next()):
            heapq.heappush(clock, (now + fresh.training.epoch_time, fresh.number, fresh))
        if not clock:
            return
        now, _, run = heapq.heappop(clock)
        if run.stopped:
            continue
        _advance(search, ledger, run)
        if not run.stopped and run.seen < run.length:
            heapq.heappush(clock, (now + run.training.epoch_time, run.number, run))


def _advance(search: Search, ledger: Ledger, run: Run) -> None:
    ledger.charge()
    run.seen += 1
    ledger.observe(run.params, run.seed, run.seen, float(run.training.dev[run.seen - 1]))
    search.observe(run)
