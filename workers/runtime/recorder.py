"""Per-step metrics without waiting for the device at every step, and their recent history for a resumed attempt."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.runtime.reporter import Point, Reporter

STEPS_PER_SYNC = 16
"""On an accelerator, losses stay there for this many steps: reading one back waits for all work queued so far."""

HISTORY_POINTS = 50_000
"""Points that a checkpoint remembers: what may not have reached the server when the worker died."""


@dataclass(frozen=True)
class NotFinite:
    step: int
    value: float


class Recorder:
    """Records loss, batch accuracy and learning rate of every step."""

    def __init__(self, reporter: Reporter, device: torch.device) -> None:
        self._reporter = reporter
        self._buffer: list[tuple[int, float]] = []
        self._losses: list[Tensor] = []
        self._hits: list[Tensor] = []
        self._capacity = 1 if device.type == "cpu" else STEPS_PER_SYNC
        self._history: deque[Point] = deque(maxlen=HISTORY_POINTS)

    @property
    def history(self) -> list[Point]:
        """The latest points, oldest first."""
        return list(self._history)

    @property
    def full(self) -> bool:
        return len(self._buffer) >= self._capacity

    def begin(self) -> None:
        """A run from step 0: everything said before is superseded."""
        self._reporter.started(0)

    def resume(self, history: Iterable[Point], step: int, delivered: int) -> None:
        """A run from the checkpoint of `step`: repeat what the server did not acknowledge, then go on."""
        self._history.extend((int(at), str(name), float(value)) for at, name, value in history)
        self._reporter.started(step, f"resumed from the checkpoint of step {step}")
        self._reporter.replay(point for point in self._history if point[0] > delivered)

    def record(self, step: int, loss: Tensor, hits: Tensor, lr: float) -> None:
        """Take one step's loss and batch accuracy (scalar tensors, left where they are) and learning rate."""
        self._buffer.append((step, lr))
        self._losses.append(loss)
        self._hits.append(hits)

    def evaluated(self, step: int, metrics: Mapping[str, float]) -> None:
        self._report(step, metrics)
        self._reporter.evaluated(step, metrics)
        self._reporter.flush_if_due()

    def flush(self) -> NotFinite | None:
        """Read the buffered steps back and report them, up to the first loss that is not finite; return that one."""
        if not self._buffer:
            self._reporter.flush()
            return None
        losses, hits = torch.stack(self._losses).tolist(), torch.stack(self._hits).tolist()
        steps = self._buffer
        self._buffer, self._losses, self._hits = [], [], []
        for (step, lr), loss, hit in zip(steps, losses, hits, strict=True):
            self._report(step, {"loss": loss, "train_accuracy": hit, "lr": lr})
            if not math.isfinite(loss):
                self._reporter.flush()
                return NotFinite(step, loss)
        self._reporter.flush_if_due()
        return None

    def _report(self, step: int, metrics: Mapping[str, float]) -> None:
        self._reporter.report(step, metrics)
        self._history.extend((step, name, float(value)) for name, value in metrics.items())
