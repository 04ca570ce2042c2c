"""Rows to records and back: column names are field names, so one function serves all tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select, Table

from studies.storage.records import AttemptRecord, StageRecord, StudyRecord, TrialRecord
from studies.storage.sql import arrays

Record = TypeVar("Record", StudyRecord, StageRecord, TrialRecord, AttemptRecord)

_READERS: dict[type, Callable[[RowMapping], tuple[Any, ...]]] = {
    kind: itemgetter(*[field.name for field in fields(kind)])
    for kind in (StudyRecord, StageRecord, TrialRecord, AttemptRecord)
}
"""What takes a record's values from a row, in the order of its fields. Made once: rows come by the thousand."""

_FIXED: Mapping[type, frozenset[str]] = {
    StudyRecord: frozenset({"id", "name", "spec", "owner", "created_at"}),
    StageRecord: frozenset({"study_id", "kind", "position"}),
    TrialRecord: frozenset(
        {"id", "study_id", "number", "key", "stage", "params", "schedule", "seed", "reason", "parent_id", "created_at"}
    ),
    AttemptRecord: frozenset(
        {"id", "trial_id", "study_id", "ordinal", "worker_id", "device", "token", "started_at", "alone"}
    ),
}
"""Fields that stay as they were inserted: they are not written again."""

_CHANGING = {
    kind: tuple(field.name for field in fields(kind) if field.name not in fixed) for kind, fixed in _FIXED.items()
}


def record(kind: type[Record], row: RowMapping) -> Record:
    """Return a row of a record's table as that record."""
    return kind(*_READERS[kind](row))


def records(
    connection: Connection, kind: type[Record], query: Select[Any], given: Mapping[str, Any] | None = None
) -> list[Record]:
    """Return the rows of `query` (all columns of one table) as records; ``given`` are its parameters."""
    return [record(kind, row) for row in connection.execute(query, given or {}).mappings()]


def columns(value: Record) -> dict[str, Any]:
    """Return a record as the values of its row."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def insert_all(connection: Connection, table: Table, values: Iterable[Record], **more: Any) -> None:
    """Insert a row for each of `values`; ``more`` are columns that are not fields of the record, the same in all."""
    arrays.insert(connection, table, arrays.by_column([columns(value) | more for value in values]))


def update_all(connection: Connection, table: Table, values: Sequence[Record]) -> None:
    """Write what may change of `values` over the rows with their primary keys."""
    if not values:
        return
    names = (*(column.name for column in table.primary_key), *_CHANGING[type(values[0])])
    arrays.update_rows(connection, table, {name: [getattr(value, name) for value in values] for name in names})


def grouped(connection: Connection, query: Select[Any], column: str) -> dict[str, list[RowMapping]]:
    """Return the rows of `query` by the value of one column."""
    found: dict[str, list[RowMapping]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row[column], []).append(row)
    return found
