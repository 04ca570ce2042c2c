"""Chunks of metrics and their running summaries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from studies.contract.views import MetricSummary
from studies.contract.worker_protocol import AttemptReport
from studies.core.snapshot import Curve
from studies.storage.assembly import Part, joined, merged, points
from studies.storage.codec import Encoded, decode, encode
from studies.storage.sql import tables
from studies.storage.sql.engine import is_postgres
from studies.storage.sql.rows import grouped
from studies.storage.summaries import Running, packed, unpacked

_AT_A_GLANCE = [column for column in tables.metric_summary.c if column.name != "thinned"]
"""The columns of a summary: pages of trials leave the thinned curves where they are."""


@dataclass(frozen=True)
class FreshPoints:
    """Points of a metric that were not stored before, and the bytes that they take up now."""

    attempt_id: str
    name: str
    curve: Curve
    size: int


def upsert(connection: Connection, table: Any) -> Any:
    """Return an insert that knows what to do on a conflict, in this database's dialect."""
    return postgresql.insert(table) if is_postgres(connection) else sqlite.insert(table)


def store(connection: Connection, reports: Iterable[AttemptReport]) -> list[FreshPoints]:
    """Store the chunks of `reports` that are not stored yet and return them, in the order of the reports."""
    chunks: dict[tuple[str, str, int], Curve] = {}
    for report in reports:
        for chunk in report.metrics:
            chunks.setdefault((report.attempt_id, chunk.name, chunk.sequence), points(chunk))
    if not chunks:
        return []
    c = tables.metric_chunk.c
    statement = upsert(connection, tables.metric_chunk).on_conflict_do_nothing()
    encoded = {key: encode(curve) for key, curve in chunks.items()}
    inserted = connection.execute(
        statement.returning(c.attempt_id, c.name, c.sequence),
        [_chunk_row(*key, chunk) for key, chunk in encoded.items()],
    )
    stored = {tuple(row) for row in inserted}
    return [FreshPoints(key[0], key[1], curve, encoded[key].size) for key, curve in chunks.items() if key in stored]


def _chunk_row(attempt_id: str, name: str, sequence: int, chunk: Encoded) -> dict[str, Any]:
    return {"attempt_id": attempt_id, "name": name, "sequence": sequence} | asdict(chunk)


def piece(row: RowMapping) -> Curve:
    """Return the points of a row of the chunk table."""
    return decode(Encoded(row["count"], row["first_step"], row["stride"], row["steps"], row["values"]))


def summaries(connection: Connection, trial_ids: Collection[str]) -> dict[str, dict[str, MetricSummary]]:
    """Return the summaries of trials by trial and metric."""
    if not trial_ids:
        return {}
    c = tables.metric_summary.c
    query = select(*_AT_A_GLANCE).where(c.trial_id.in_(trial_ids)).order_by(c.trial_id, c.name)
    found = grouped(connection, query, "trial_id")
    return {trial_id: {row["name"]: _summary(row) for row in rows} for trial_id, rows in found.items()}


def running(connection: Connection, trial_ids: Collection[str]) -> dict[str, dict[str, Running]]:
    """Return what is known of the metrics of trials so far, by trial and metric."""
    if not trial_ids:
        return {}
    query = select(tables.metric_summary).where(tables.metric_summary.c.trial_id.in_(trial_ids))
    found = grouped(connection, query, "trial_id")
    return {
        trial_id: {row["name"]: Running(_summary(row), unpacked(row["thinned"])) for row in rows}
        for trial_id, rows in found.items()
    }


def _summary(row: RowMapping) -> MetricSummary:
    return MetricSummary(**{name: row[name] for name in MetricSummary.model_fields})


def store_summaries(connection: Connection, changed: Mapping[str, Mapping[str, Running]]) -> None:
    """Write summaries and thinned curves by trial and metric over those that are stored."""
    rows = [
        {"trial_id": trial_id, "name": name, "thinned": packed(known.thinned)} | known.summary.model_dump()
        for trial_id, by_name in changed.items()
        for name, known in by_name.items()
    ]
    if not rows:
        return
    statement = upsert(connection, tables.metric_summary)
    new = {name: statement.excluded[name] for name in (*MetricSummary.model_fields, "thinned")}
    connection.execute(statement.on_conflict_do_update(index_elements=["trial_id", "name"], set_=new), rows)


def forget_summaries(connection: Connection, trial_id: str, names: Collection[str]) -> None:
    """Delete the summaries of metrics whose points were all superseded."""
    c = tables.metric_summary.c
    connection.execute(delete(tables.metric_summary).where(c.trial_id == trial_id, c.name.in_(names)))


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
