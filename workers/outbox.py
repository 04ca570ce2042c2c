"""What the server has yet to hear of one attempt.

New points gather in open buffers. A report freezes what there is into numbered chunks and repeats exactly these until
the server acknowledges them; then the next batch is frozen. So a chunk's number always means the same points.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studies.contract.columns import MAX_COUNT, MAX_POINTS_PER_CHUNK
from studies.contract.worker_protocol import (
    MAX_CHUNKS_PER_SYNC,
    MAX_LOG_CHARS,
    AttemptReport,
    LogChunk,
    MetricChunk,
    Outcome,
)
from workers.runtime.reporter import METRIC_NAME

MAX_METRICS = 1000
"""Names of metrics of one run: as many curves as anybody looks at, and many runs fit into one request."""

MAX_POINTS_PER_REPORT = 8 * MAX_POINTS_PER_CHUNK
MAX_LOG_CHARS_PER_ATTEMPT = 2**20
TRUNCATED = "\n[the log goes on in run.log on the worker]\n"


@dataclass
class _Series:
    """Points of one metric that no chunk holds yet."""

    steps: array[int]
    values: array[float]
    sequence: int = 0

    @classmethod
    def empty(cls) -> _Series:
        return cls(array("i"), array("d"))

    def take(self, name: str, count: int) -> MetricChunk:
        """Freeze the oldest `count` points into the next chunk."""
        chunk = MetricChunk(name=name, sequence=self.sequence, steps=self.steps[:count], values=self.values[:count])
        del self.steps[:count], self.values[:count]
        self.sequence += 1
        return chunk


class Outbox:
    """Buffers of one attempt, from its run's frames to the server's acknowledgement."""

    def __init__(self, attempt_id: str, token: str) -> None:
        self.attempt_id = attempt_id
        self._token = token
        self._series: defaultdict[str, _Series] = defaultdict(_Series.empty)
        self._log = ""
        self._log_sequence = 0
        self._log_taken = 0
        self._outcome: Outcome | None = None
        self._in_flight: AttemptReport | None = None
        self._sent = False
        self.started_from = 0
        self.delivered = 0
        self.finished = False

    def add_points(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:
        """Take points of one metric.

        Raises:
            ValueError, TypeError, OverflowError: what no metric chunk could carry.
        """
        if not METRIC_NAME.fullmatch(name) or len(steps) != len(values):
            raise ValueError(f"{name!r}: not points of a metric")
        if min(steps, default=0) < 0 or max(steps, default=0) > MAX_COUNT:
            raise ValueError(f"{name!r}: steps have to lie in 0..{MAX_COUNT}")
        if name not in self._series and len(self._series) >= MAX_METRICS:
            raise ValueError(f"{name!r} would be metric number {MAX_METRICS + 1} of this run: report fewer names")
        series = self._series[name]
        series.steps.extend(steps)
        series.values.extend(values)

    def add_log(self, text: str) -> None:
        """Take a piece of output; what exceeds the bound per attempt stays on the worker's disk."""
        room = MAX_LOG_CHARS_PER_ATTEMPT - self._log_taken
        if room >= 0 and text:
            self._log += text if len(text) <= room else text[:room] + TRUNCATED
            self._log_taken += len(text)

    @property
    def log_is_full(self) -> bool:
        return self._log_taken > MAX_LOG_CHARS_PER_ATTEMPT

    def close(self, outcome: Outcome) -> None:
        """Say how the attempt ended. It is sent with the last of the metrics, never before them."""
        self._outcome = outcome

    def report(self, *, hold_outcome: bool = False) -> AttemptReport:
        """Return what to send: the batch in flight if there is one, otherwise the next.

        Args:
            hold_outcome: leave out how the attempt ended, for now.
        """
        if self._in_flight is None:
            self._in_flight = AttemptReport(
                attempt_id=self.attempt_id,
                token=self._token,
                started_from=self.started_from,
                metrics=self._take_points(),
                logs=self._take_logs(),
                outcome=self._outcome if self._empty and not hold_outcome else None,
            )
        self._sent = True
        return self._in_flight

    def heartbeat(self) -> AttemptReport:
        """Return a report without news, where a request has no room for them."""
        self._sent = False
        return AttemptReport(attempt_id=self.attempt_id, token=self._token, started_from=self.started_from)

    def acknowledge(self) -> None:
        """The server has stored what was last sent."""
        if self._in_flight is None or not self._sent:
            return
        self.delivered = max(self.delivered, _last_complete_step(self._in_flight.metrics, self._series))
        self.finished = self._in_flight.outcome is not None
        self._in_flight = None

    @property
    def _empty(self) -> bool:
        return not self._log and not any(series.steps for series in self._series.values())

    def _take_points(self) -> tuple[MetricChunk, ...]:
        chunks: list[MetricChunk] = []
        room = MAX_POINTS_PER_REPORT
        for name, series in self._series.items():
            while series.steps and room > 0 and len(chunks) < MAX_CHUNKS_PER_SYNC:
                count = min(len(series.steps), MAX_POINTS_PER_CHUNK, room)
                chunks.append(series.take(name, count))
                room -= count
        return tuple(chunks)

    def _take_logs(self) -> tuple[LogChunk, ...]:
        """One piece a report: a run that prints without end must not crowd out the metrics."""
        if not self._log:
            return ()
        text, self._log = self._log[:MAX_LOG_CHARS], self._log[MAX_LOG_CHARS:]
        self._log_sequence += 1
        return (LogChunk(sequence=self._log_sequence - 1, text=text),)


def _last_complete_step(sent: Sequence[MetricChunk], waiting: Mapping[str, _Series]) -> int:
    """Return the last step of which the server has everything, given what it acknowledged and what is yet to go."""
    last = max((chunk.steps[-1] for chunk in sent), default=0)
    return min((last, *(series.steps[0] - 1 for series in waiting.values() if series.steps)))
