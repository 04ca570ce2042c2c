"""The child's side of metrics: buffer points, hand them to the channel a few times a second."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studies.contract.columns import MAX_COUNT

METRIC_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
FLUSH_SECONDS = 0.25

Column = tuple[Sequence[int], Sequence[float]]
"""Points of one metric: rising steps, and a value for each."""

Send = Callable[[Mapping[str, Any]], None]


class Reporter:
    """Takes points and sends them in batches.

    Args:
        send: writes one frame to the channel.
        clock: seconds, monotonic.
    """

    def __init__(self, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._points: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        self._last: dict[str, int] = {}
        self._sent_at = clock()

    def started(self, step: int, note: str = "") -> None:
        """Say how many steps were completed when this attempt began: what earlier ones said beyond is superseded."""
        self._send({"kind": "started", "step": step, "note": note})

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take the metrics of one step.

        Raises:
            ValueError: a name that is no metric name, or a step at or before the last one reported under that name.
        """
        for name, value in metrics.items():
            self._check(step, name)
            steps, values = self._points[name]
            steps.append(step)
            values.append(float(value))
            self._last[name] = step

    def extend(self, columns: Mapping[str, Column]) -> None:
        """Take many points at once, by metric; otherwise as `report`."""
        for name, (steps, values) in columns.items():
            self._check(steps[0], name)
            waiting = self._points[name]
            waiting[0].extend(steps)
            waiting[1].extend(values)
            self._last[name] = steps[-1]

    def evaluated(self, step: int, metrics: Mapping[str, float]) -> None:
        """Announce an evaluation on the worker's screen."""
        self._send({"kind": "evaluated", "step": step, "metrics": dict(metrics)})

    @property
    def due(self) -> bool:
        """Whether it is time to send what is waiting."""
        return self._clock() - self._sent_at >= FLUSH_SECONDS

    def flush_if_due(self) -> None:
        if self.due:
            self.flush()

    def flush(self) -> None:
        """Send everything that is waiting, as one frame: the points of a step are never torn apart."""
        if self._points:
            self._send({"kind": "points", "points": dict(self._points)})
            self._points.clear()
        self._sent_at = self._clock()

    def reported(self, name: str) -> bool:
        """Say whether that metric has been reported by this attempt."""
        return name in self._last

    @property
    def last_step(self) -> int:
        """The largest step reported, 0 before the first."""
        return max(self._last.values(), default=0)

    def _check(self, step: int, name: str) -> None:
        if not METRIC_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a metric name: use letters, digits, '_', '.' and '-', at most 64")
        if step > MAX_COUNT:
            raise ValueError(f"step {step} for {name!r} is beyond {MAX_COUNT}, the largest that can be stored")
        if step < 0 or step <= self._last.get(name, -1):
            raise ValueError(
                f"step {step} comes after step {self._last.get(name)} for {name!r}: report each metric in rising steps"
            )
