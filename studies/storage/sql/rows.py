"""Rows to records and back: column names are field names, so one function serves all tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select, Table, bindparam, insert, update

from studies.storage.records import AttemptRecord, StageRecord, StudyRecord, TrialRecord

Record = TypeVar("Record", StudyRecord, StageRecord, TrialRecord, AttemptRecord)

_READERS: dict[type, Callable[[RowMapping], tuple[Any, ...]]] = {
    kind: itemgetter(*[field.name for field in fields(kind)])
    for kind in (StudyRecord, StageRecord, TrialRecord, AttemptRecord)
}
"""What takes a record's values from a row, in the order of its fields. Made once: rows come by the thousand."""


def record(kind: type[Record], row: RowMapping) -> Record:
    """Return a row of a record's table as that record."""
    return kind(*_READERS[kind](row))


def records(connection: Connection, kind: type[Record], query: Select[Any]) -> list[Record]:
    """Return the rows of `query` (all columns of one table) as records."""
    return [record(kind, row) for row in connection.execute(query).mappings()]


def columns(value: Record) -> dict[str, Any]:
    """Return a record as the values of its row."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def insert_all(connection: Connection, table: Table, values: Iterable[Record], **more: Any) -> None:
    """Insert a row for each of `values`; ``more`` are columns that are not fields of the record, the same in all."""
    rows = [columns(value) | more for value in values]
    if rows:
        connection.execute(insert(table), rows)


def update_all(connection: Connection, table: Table, values: Sequence[Record]) -> None:
    """Write every column of `values` over the rows with their primary keys."""
    if not values:
        return
    keys = [column.name for column in table.primary_key]
    matches = [table.c[key] == bindparam(f"key_{key}") for key in keys]
    names = [field.name for field in fields(values[0]) if field.name not in keys]
    statement = update(table).where(*matches).values({name: bindparam(f"new_{name}") for name in names})
    connection.execute(statement, [_parameters(value, keys, names) for value in values])


def _parameters(value: Record, keys: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    matched = {f"key_{key}": getattr(value, key) for key in keys}
    return matched | {f"new_{name}": getattr(value, name) for name in names}


def grouped(connection: Connection, query: Select[Any], column: str) -> dict[str, list[RowMapping]]:
    """Return the rows of `query` by the value of one column."""
    found: dict[str, list[RowMapping]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row[column], []).append(row)
    return found
