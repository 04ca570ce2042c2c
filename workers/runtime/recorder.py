"""Per-step metrics of a run on their way to the server, and the readback of a pack's without waiting at every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from workers.runtime.history import History, HistoryState
from workers.runtime.reporter import Reporter

STEPS_PER_SYNC = 16
"""On an accelerator, losses stay there for this many steps: reading them back waits for all work queued so far."""


class Recorder:
    """Records loss, batch accuracy and learning rate of every step of one run.

    A run that has to go back to its checkpoint repeats steps: what was recorded of them once is not recorded again.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._history = History()
        self._steps: list[int] = []
        self._columns: dict[str, list[float]] = {"loss": [], "train_accuracy": [], "lr": []}
        self._recorded = 0
        self._evaluated = 0

    def begin(self) -> None:
        """A run from step 0: everything said before is superseded."""
        self._reporter.started(0)

    def resume(self, history: HistoryState, step: int, delivered: int) -> None:
        """A run from the checkpoint of `step`: repeat what the server did not acknowledge, then go on."""
        self._history = History.of(history, step)
        self._recorded = self._evaluated = step
        self._reporter.started(step, f"resumed from the checkpoint of step {step}")
        self._reporter.extend(dict(self._history.after(delivered)))

    def record(self, step: int, loss: float, hits: float, lr: float) -> None:
        """Take one step's loss, batch accuracy and learning rate."""
        if step > self._recorded:
            self._recorded = step
            self._steps.append(step)
            for column, value in zip(self._columns.values(), (loss, hits, lr), strict=True):
                column.append(value)

    def evaluated(self, step: int, metrics: Mapping[str, float]) -> None:
        if step <= self._evaluated:
            return
        self._evaluated = step
        columns = {name: ([step], [value]) for name, value in metrics.items()}
        self._history.extend(columns)
        self._reporter.extend(columns)
        self._reporter.evaluated(step, metrics)

    def flush_if_due(self) -> None:
        if self._reporter.due:
            self.flush()

    def flush(self) -> None:
        """Send what has been recorded so far."""
        self._hand_over()
        self._reporter.flush()

    def history(self) -> HistoryState:
        """Return the latest points as a checkpoint keeps them."""
        self._hand_over()
        return self._history.state()

    def _hand_over(self) -> None:
        if not self._steps:
            return
        columns = {name: (self._steps, values) for name, values in self._columns.items()}
        self._history.extend(columns)
        self._reporter.extend(columns)
        self._steps, self._columns = [], {name: [] for name in self._columns}


@dataclass
class Readback:
    """Losses and hits of a pack's latest updates, left on the device until they are read all together.

    Attributes:
        capacity: updates that may wait: one on a CPU, where reading costs nothing.
    """

    capacity: int
    _updates: list[Tensor] = field(default_factory=list)
    _rates: list[Sequence[float]] = field(default_factory=list)

    @classmethod
    def on(cls, device: str) -> Readback:
        return cls(1 if device == "cpu" else STEPS_PER_SYNC)

    @property
    def full(self) -> bool:
        return len(self._updates) >= self.capacity

    def put(self, figures: Tensor, rates: Sequence[float]) -> None:
        """Take losses and hits, [2, K], and learning rates [K] of one update."""
        self._updates.append(figures)
        self._rates.append(rates)

    def take(self) -> list[tuple[list[float], list[float], Sequence[float]]]:
        """Return losses [K], hits [K] and rates [K] of every update that waits, oldest first; none waits afterwards."""
        if not self._updates:
            return []
        figures = [update.tolist() for update in self._updates] if self.capacity == 1 else _together(self._updates)
        updates = [(losses, hits, rates) for (losses, hits), rates in zip(figures, self._rates, strict=True)]
        self._updates, self._rates = [], []
        return updates


def _together(updates: Sequence[Tensor]) -> list[list[list[float]]]:
    """Return the figures of several updates, brought from their device in one copy."""
    figures: list[list[list[float]]] = torch.stack(list(updates)).tolist()
    return figures
