"""The latest points of a run, kept with its checkpoint: what may not have reached the server when the worker died."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from workers.runtime.reporter import Column

HISTORY_STEPS = 16_384
"""Latest points of each metric that are remembered."""

HistoryState = dict[str, dict[str, Tensor]]
"""By metric ``steps`` int64 [n] and ``values`` float64 [n]: tensors, since a checkpoint is read back element by element
where it holds lists."""


class History:
    """Columns of (step, value) by metric."""

    def __init__(self) -> None:
        self._columns: dict[str, tuple[array[int], array[float]]] = {}

    def extend(self, columns: Mapping[str, Column]) -> None:
        for name, (steps, values) in columns.items():
            column = self._columns.setdefault(name, (array("q"), array("d")))
            _append(column[0], steps)
            _append(column[1], values)

    def after(self, step: int) -> Iterator[tuple[str, Column]]:
        """Yield each metric's points beyond `step`, where it has any."""
        for name, (steps, values) in self._columns.items():
            first = sum(1 for at in steps if at <= step)
            if first < len(steps):
                yield name, (steps[first:].tolist(), values[first:].tolist())

    def state(self) -> HistoryState:
        return {
            name: {
                "steps": torch.tensor(steps, dtype=torch.int64),
                "values": torch.tensor(values, dtype=torch.float64),
            }
            for name, (steps, values) in self._columns.items()
        }

    @classmethod
    def of(cls, state: HistoryState, step: int) -> History:
        """Return the history that `state` was taken of, as it stood at `step`."""
        history = cls()
        for name, column in state.items():
            known = column["steps"] <= step
            history.extend({name: (column["steps"][known].tolist(), column["values"][known].tolist())})
        return history


def _append(kept: array[int] | array[float], fresh: Sequence[float]) -> None:
    kept.extend(fresh)  # type: ignore[arg-type]
    del kept[:-HISTORY_STEPS]
