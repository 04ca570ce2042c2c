"""The one accounting of all methods: epochs really consumed, and what a user would have in hand at each moment."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from studies.contract.base import Params
from tests.bench.quality.task import Task


class OverBudget(Exception):
    """A method has run more epochs than the budget has."""


@dataclass(frozen=True)
class Trajectory:
    """What a search came to, as it went: after ``epochs[i]`` epochs it had a result of ``results[i]``.

    Attributes:
        epochs: consumed when the result in hand changed, increasing.
        results: by `Task.result`, of the run whose dev metric was the best so far; the last may be the method's own
            recommendation instead.
        consumed: epochs in all.
    """

    epochs: tuple[int, ...]
    results: tuple[float, ...]
    consumed: int

    def at(self, epochs: float) -> float | None:
        """Return the result in hand after so many epochs, None before the first."""
        index = int(np.searchsorted(self.epochs, epochs, side="right")) - 1
        return self.results[index] if index >= 0 else None


@dataclass
class Ledger:
    """Counts what a search consumes, epoch by epoch, against its budget in epochs."""

    task: Task
    budget: int
    consumed: int = 0
    _best_dev: float = -1.0
    _changes: list[tuple[int, float]] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.budget - self.consumed

    def charge(self, epochs: int = 1) -> None:
        """Pay for epochs.

        Raises:
            OverBudget: where there is less left.
        """
        if epochs > self.left:
            raise OverBudget(f"{epochs} epochs asked of {self.left} left")
        self.consumed += epochs

    def observe(self, params: Params, seed: int, epochs: int, dev: float) -> None:
        """Take in the dev metric of a run after `epochs` epochs: the best run so far is what a user has in hand."""
        if dev > self._best_dev:
            self._best_dev = dev
            self._change(self.task.result(params, epochs, seed))

    def recommend(self, params: Params, seed: int, epochs: int) -> None:
        """Take in what the method itself says is best, once it has concluded."""
        self._change(self.task.result(params, epochs, seed))

    def trajectory(self) -> Trajectory:
        epochs, results = zip(*self._changes, strict=True) if self._changes else ((), ())
        return Trajectory(epochs, results, self.consumed)

    def _change(self, result: float) -> None:
        if self._changes and self._changes[-1][0] == self.consumed:
            self._changes.pop()
        self._changes.append((self.consumed, result))
