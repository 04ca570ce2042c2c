"""What goes into one request: the news of as many runs as fit, and at least a heartbeat of every other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from studies.contract.worker_protocol import MAX_ATTEMPTS_PER_SYNC, AttemptReport
from workers.attempt import Attempt

_REPORT_BYTES, _CHUNK_BYTES, _POINT_BYTES, _CHAR_BYTES = 400, 160, 40, 6
"""Most that each takes up in JSON, the longer form: a point is two numbers, a character may be escaped."""


def reports(attempts: Sequence[Attempt], max_bytes: int) -> tuple[AttemptReport, ...]:
    """Return the reports of one request. Where there is not room for all news, those that had none last go first."""
    turns = sorted(attempts, key=lambda attempt: not attempt.postponed)
    return tuple(_bounded(turns[:MAX_ATTEMPTS_PER_SYNC], max_bytes))


def any_postponed(attempts: Iterable[Attempt]) -> bool:
    """Return whether more waits to be sent than one request could take."""
    return any(attempt.postponed for attempt in attempts if not attempt.lost)


def _bounded(attempts: Iterable[Attempt], max_bytes: int) -> Iterator[AttemptReport]:
    """Yield reports up to a bound; one that exceeds it by itself goes with heartbeats alone."""
    room = max_bytes
    for attempt in attempts:
        report = attempt.report()
        size = most_bytes(report)
        if size > room and room < max_bytes:
            report = attempt.heartbeat()
        else:
            room = max(0, room - size)
        yield report


def most_bytes(report: AttemptReport) -> int:
    """Return a bound of what a report takes up on the wire, in whichever form; it is not written out to find out."""
    points = sum(len(chunk.steps) for chunk in report.metrics)
    characters = sum(len(chunk.text) for chunk in report.logs)
    ended = 0 if report.outcome is None else len(report.outcome.model_dump_json())
    return _REPORT_BYTES + _CHUNK_BYTES * len(report.metrics) + _POINT_BYTES * points + _CHAR_BYTES * characters + ended
