"""Simple searches for tests of the bench."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from studies.contract.base import Params
from tests.bench.quality.axes import draw
from tests.bench.quality.ledger import Ledger
from tests.bench.quality.slots import Run, simulate
from tests.bench.quality.task import Task


class Listed:
    """Runs the given configurations in order, each for so many epochs; notes how many run at once."""

    def __init__(self, task: Task, points: Iterable[Params], length: int | None = None) -> None:
        self._task = task
        self._points: Iterator[Params] = iter(points)
        self._length = length or task.epochs
        self.under_way: set[int] = set()
        self.most_at_once = 0
        self.started = 0

    def next(self) -> Run | None:
        params = next(self._points, None)
        if params is None:
            return None
        self.started += 1
        self.under_way.add(self.started)
        self.most_at_once = max(self.most_at_once, len(self.under_way))
        return Run(self.started, params, 0, self._task.training(params, 0), self._length)

    def observe(self, run: Run) -> None:
        if run.seen == run.length:
            self.under_way.remove(run.number)


def at_random(task: Task, seed: int, count: int) -> Iterator[Params]:
    random = np.random.default_rng(seed)
    return (draw(task.axes, random) for _ in range(count))


def final_regret(task: Task, points: Iterable[Params], trainings: int = 1, slots: int = 1) -> float:
    """Return the regret of what a search for these points has in hand when its budget is spent."""
    ledger = Ledger(task, trainings * task.epochs)
    simulate(Listed(task, points), ledger, slots)
    return task.scale.regret(ledger.trajectory().results[-1])
