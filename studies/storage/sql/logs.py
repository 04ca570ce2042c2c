"""The output of runs, in pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate

from sqlalchemy import Connection, select, tuple_

from studies.contract.views import LogPage
from studies.contract.worker_protocol import AttemptReport
from studies.storage import log_cap
from studies.storage.copies import storable
from studies.storage.sql import arrays, tables


def store(connection: Connection, reports: Iterable[AttemptReport], printed: Mapping[str, int]) -> Counter[str]:
    """Store the pieces of `reports` that are not stored yet; return their bytes as UTF-8 by attempt.

    Of an attempt that has `printed` so many bytes already, no more is kept than `log_cap` allows.
    """
    pieces = {
        (report.attempt_id, sequence): text
        for report in reports
        for sequence, text in _kept(connection, report, printed[report.attempt_id]).items()
    }
    columns: arrays.Columns = {
        "attempt_id": [attempt_id for attempt_id, _ in pieces],
        "sequence": [sequence for _, sequence in pieces],
        "length": [len(text) for text in pieces.values()],
        "text": [*pieces.values()],
    }
    stored: Counter[str] = Counter()
    for attempt_id, sequence in arrays.insert_new(connection, tables.log_chunk, columns, ("attempt_id", "sequence")):
        stored[attempt_id] += len(pieces[attempt_id, sequence].encode())
    return stored


def _kept(connection: Connection, report: AttemptReport, printed: int) -> dict[int, str]:
    """Return what is kept of a report's pieces; near the bound, what comes a second time must not be counted again."""
    pieces = {chunk.sequence: storable(chunk.text) for chunk in report.logs}
    if log_cap.all_fit(pieces, printed):
        return pieces
    c = tables.log_chunk.c
    query = select(c.sequence).where(c.attempt_id == report.attempt_id, c.sequence.in_(pieces))
    for sequence in connection.execute(query).scalars():
        del pieces[sequence]
    return log_cap.kept(pieces, printed)


def page(connection: Connection, trial_id: str, offset: int, limit: int) -> LogPage:
    """Return up to `limit` characters from `offset` on (from the end, where it is negative).

    Reads only the pieces that they are in.
    """
    log, attempt = tables.log_chunk.c, tables.attempt.c
    lengths = connection.execute(
        select(log.attempt_id, log.sequence, log.length)
        .join(tables.attempt, attempt.id == log.attempt_id)
        .where(attempt.trial_id == trial_id)
        .order_by(attempt.ordinal, log.sequence)
    ).all()
    ends = list(accumulate(row.length for row in lengths))
    offset = offset if offset >= 0 else max(0, (ends[-1] if ends else 0) + offset)
    wanted = [
        ((row.attempt_id, row.sequence), end - row.length)
        for row, end in zip(lengths, ends, strict=True)
        if end > offset and end - row.length < offset + limit
    ]
    if not wanted:
        return LogPage(text="", next_offset=offset)
    keys = [key for key, _ in wanted]
    first = wanted[0][1]
    query = select(log.attempt_id, log.sequence, log.text).where(tuple_(log.attempt_id, log.sequence).in_(keys))
    texts = {(row.attempt_id, row.sequence): row.text for row in connection.execute(query)}
    text = "".join(texts[key] for key in keys)[offset - first :][:limit]
    return LogPage(text=text, next_offset=offset + len(text))
