"""Chunks of metrics and their running summaries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import compress
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, RowMapping, case, delete, select

from studies.contract.views import MetricSummary
from studies.contract.worker_protocol import AttemptReport, MetricChunk
from studies.core.curves import Ragged
from studies.core.snapshot import Curve
from studies.storage.assembly import Part, in_order, joined, merged, points
from studies.storage.codec import Encoded, decode, encode
from studies.storage.sql import arrays, tables
from studies.storage.sql.among import among
from studies.storage.sql.rows import grouped
from studies.storage.summaries import continued, together
from studies.storage.summaries import summaries as summaries_of

_AT_A_GLANCE = [column for column in tables.metric_summary.c if column.name != "thinned"]
"""The columns of a summary: pages of trials leave the thinned curves where they are."""


_CHUNK_KEY = ("attempt_id", "name", "sequence")


@dataclass(frozen=True, eq=False)
class Fresh:
    """Chunks that were not stored before.

    Attributes:
        keys: (attempt, metric) of each chunk.
        curves: the points of each; None where there is no chunk at all.
        sizes: bytes that the points of each take up now.
    """

    keys: Sequence[tuple[str, str]] = ()
    curves: Ragged | None = None
    sizes: Sequence[int] = ()


def store(connection: Connection, reports: Iterable[AttemptReport]) -> Fresh:
    """Store the chunks of `reports` that are not stored yet and return them, in the order of the reports."""
    chunks: dict[tuple[str, str, int], MetricChunk] = {}
    for report in reports:
        for chunk in report.metrics:
            chunks.setdefault((report.attempt_id, chunk.name, chunk.sequence), chunk)
    if not chunks:
        return Fresh()
    curves = points(list(chunks.values()))
    encoded = encode(curves)
    stored = arrays.insert_new(connection, tables.metric_chunk, _chunk_columns([*chunks], encoded), _CHUNK_KEY)
    new = [key in stored for key in chunks]
    if not any(new):
        return Fresh()
    keys = [key[:2] for key in compress(chunks, new)]
    return Fresh(keys, curves.take(np.array(new)), [item.size for item in compress(encoded, new)])


def _chunk_columns(keys: Sequence[tuple[str, str, int]], encoded: Sequence[Encoded]) -> arrays.Columns:
    columns: dict[str, list[Any]] = {name: [key[place] for key in keys] for place, name in enumerate(_CHUNK_KEY)}
    return columns | {field.name: [getattr(item, field.name) for item in encoded] for field in fields(Encoded)}


def piece(row: RowMapping) -> Curve:
    """Return the points of a row of the chunk table."""
    return decode(Encoded(row["count"], row["first_step"], row["stride"], row["steps"], row["values"]))


def summaries(connection: Connection, trial_ids: Collection[str]) -> dict[str, dict[str, MetricSummary]]:
    """Return the summaries of trials by trial and metric."""
    if not trial_ids:
        return {}
    c = tables.metric_summary.c
    own = among(c.trial_id, trial_ids)
    found = grouped(connection, select(*_AT_A_GLANCE).where(own).order_by(c.trial_id, c.name), "trial_id")
    return {trial_id: {row["name"]: _summary(row) for row in rows} for trial_id, rows in found.items()}


def _summary(row: RowMapping) -> MetricSummary:
    return MetricSummary(**{name: row[name] for name in MetricSummary.model_fields})


def add_to_summaries(connection: Connection, keys: Sequence[tuple[str, str]], curves: Ragged) -> None:
    """Bring summaries and thinned curves up to date with what is new, as `summaries.extended` does.

    `keys` are (trial, metric) of each curve; one may come several times, in the order of reports.
    """
    news: dict[tuple[str, str], MetricSummary] = {}
    for key, summary in zip(keys, summaries_of(curves), strict=True):
        news[key] = together(news[key], summary) if key in news else summary
    places = {key: place for place, key in enumerate(news)}
    gathered = curves.gathered(np.array([places[key] for key in keys]))
    before = _thinned(connection, {trial_id for trial_id, _ in news})
    thinned = continued([before.get(key) or b"" for key in news], in_order(gathered))
    columns: dict[str, list[Any]] = {
        "trial_id": [trial_id for trial_id, _ in news],
        "name": [name for _, name in news],
        "thinned": thinned,
    }
    columns |= {name: [getattr(item, name) for item in news.values()] for name in MetricSummary.model_fields}
    arrays.upsert(connection, tables.metric_summary, columns, _extended)


def _thinned(connection: Connection, trial_ids: Collection[str]) -> dict[tuple[str, str], bytes | None]:
    c = tables.metric_summary.c
    rows = connection.execute(select(c.trial_id, c.name, c.thinned).where(among(c.trial_id, trial_ids)))
    return {(row.trial_id, row.name): row.thinned for row in rows}


def _extended(stored: arrays.Row, news: arrays.Row) -> dict[str, ColumnElement[Any]]:
    return {
        "last_step": arrays.larger(stored["last_step"], news["last_step"]),
        "last": case((stored["last_step"] > news["last_step"], stored["last"]), else_=news["last"]),
        "minimum": arrays.smaller(stored["minimum"], news["minimum"]),
        "maximum": arrays.larger(stored["maximum"], news["maximum"]),
        "count": stored["count"] + news["count"],
        "thinned": news["thinned"],
    }


def renew_summaries(connection: Connection, trial_ids: Collection[str]) -> None:
    """Make the summaries of trials anew from their whole curves: points that counted before may be superseded."""
    if not trial_ids:
        return
    c = tables.metric_summary.c
    connection.execute(delete(tables.metric_summary).where(among(c.trial_id, trial_ids)))
    whole = curves(connection, list(trial_ids))
    anew = {(trial_id, name): curve for trial_id, by_name in whole.items() for name, curve in by_name.items()}
    if anew:
        add_to_summaries(connection, [*anew], Ragged.of([*anew.values()]))


def curves(connection: Connection, trial_ids: Sequence[str], name: str | None = None) -> dict[str, dict[str, Curve]]:
    """Return the whole curves of trials by trial and metric: of one metric where `name` is given, of all else."""
    attempt, chunk = tables.attempt.c, tables.metric_chunk.c
    reporters = (
        select(attempt.id, attempt.trial_id, attempt.started_from)
        .where(attempt.trial_id.in_(trial_ids), attempt.chunks > 0)
        .order_by(attempt.ordinal)
    )
    by_trial = grouped(connection, reporters, "trial_id")
    ids = [row["id"] for rows in by_trial.values() for row in rows]
    query = select(tables.metric_chunk).where(chunk.attempt_id.in_(ids)).order_by(chunk.sequence)
    chunks = grouped(connection, query if name is None else query.where(chunk.name == name), "attempt_id")
    pieces = {attempt_id: _by_name(rows) for attempt_id, rows in chunks.items()}
    return {
        trial_id: whole_curves([(row["started_from"], pieces.get(row["id"], {})) for row in rows])
        for trial_id, rows in by_trial.items()
    }


def _by_name(rows: Iterable[RowMapping]) -> dict[str, Curve]:
    pieces: dict[str, list[Curve]] = {}
    for row in rows:
        pieces.setdefault(row["name"], []).append(piece(row))
    return {name: joined(curves) for name, curves in pieces.items()}


def whole_curves(attempts: Sequence[tuple[int, Mapping[str, Curve]]]) -> dict[str, Curve]:
    """Return a trial's curves by metric from (started_from, curves) of its attempts, oldest first."""
    if len(attempts) == 1 and attempts[0][0] == 0:  # nearly always: nothing to put together
        return {name: curve for name, curve in sorted(attempts[0][1].items()) if len(curve)}
    names = {name for _, by_name in attempts for name in by_name}
    whole = {
        name: merged([Part(started_from, by_name.get(name, Curve.empty())) for started_from, by_name in attempts])
        for name in sorted(names)
    }
    return {name: curve for name, curve in whole.items() if len(curve)}
