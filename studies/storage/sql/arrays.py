"""Many rows in one statement, given by column.

To PostgreSQL each column travels as one array, and ``unnest`` makes rows of them there: the statement is the same for
one row and for ten thousand, so that it is prepared once and nothing is spent on parameters. SQLite, which has no
network to save, takes them row by row through one prepared statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    Table,
    TableValuedAlias,
    TypeDecorator,
    bindparam,
    case,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY

from studies.storage.sql.engine import is_postgres

Columns = Mapping[str, Sequence[Any]]
"""Values by column, each column as long as the others."""

Row = Any
"""The columns of a row by name, as expressions."""

Merge = Callable[[Row, Row], Mapping[str, ColumnElement[Any]]]
"""From the stored row and the given one to what is written over the stored one, by column."""


def by_column(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Return rows that all have the columns of the first as columns."""
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}


def insert(connection: Connection, table: Table, columns: Columns) -> None:
    """Insert rows, none of which is stored yet."""
    if not _empty(columns):
        statement = _insert(table, tuple(columns), postgres=is_postgres(connection))
        connection.execute(statement, _parameters(connection, table, columns))


def insert_new(connection: Connection, table: Table, columns: Columns, key: tuple[str, ...]) -> set[tuple[Any, ...]]:
    """Insert the rows that are not stored yet; return their keys."""
    if _empty(columns):
        return set()
    statement = _insert_new(table, tuple(columns), key, postgres=is_postgres(connection))
    return {tuple(row) for row in connection.execute(statement, _parameters(connection, table, columns))}


def upsert(connection: Connection, table: Table, columns: Columns, merge: Merge | None = None) -> None:
    """Insert rows, no two with one primary key; of a row that is stored already becomes what `merge` says.

    Without `merge` the new columns are written over the stored ones.
    """
    if not _empty(columns):
        statement = _upsert(table, tuple(columns), merge, postgres=is_postgres(connection))
        connection.execute(statement, _parameters(connection, table, columns))


def update_rows(connection: Connection, table: Table, columns: Columns, merge: Merge | None = None) -> None:
    """Change the rows with the primary keys that are among `columns`.

    Without `merge` the other columns are written over the stored ones.
    """
    if not _empty(columns):
        statement = _update(table, tuple(columns), merge, postgres=is_postgres(connection))
        connection.execute(statement, _parameters(connection, table, columns))


def smaller(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the smaller of two, the one that there is where the other is NULL."""
    return case((other.is_(None) | (one <= other), one), else_=other)


def larger(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the larger of two, the one that there is where the other is NULL."""
    return case((other.is_(None) | (one >= other), one), else_=other)


def _empty(columns: Columns) -> bool:
    return not any(len(values) for values in columns.values())


def _parameters(connection: Connection, table: Table, columns: Columns) -> Any:
    names = [_place_name(name) for name in columns]
    if is_postgres(connection):
        values = [_of_one_type(table.c[name], items) for name, items in columns.items()]
        return dict(zip(names, values, strict=True))
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _of_one_type(column: Column[Any], values: Sequence[Any]) -> Sequence[Any]:
    """Return a column's values as the driver makes an array of them: it takes no whole numbers among others."""
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if not isinstance(kind, Float):
        return values
    return [None if value is None else float(value) for value in values]


# --- statements, each built once: building one costs as much as a small batch does -------------------------------


@cache
def _insert_new(table: Table, names: tuple[str, ...], key: tuple[str, ...], *, postgres: bool) -> Any:
    statement = _insert(table, names, postgres=postgres).on_conflict_do_nothing()
    return statement.returning(*[table.c[name] for name in key])


@cache
def _upsert(table: Table, names: tuple[str, ...], merge: Merge | None, *, postgres: bool) -> Any:
    statement = _insert(table, names, postgres=postgres)
    kept = (merge or _over(table, names))(table.c, statement.excluded)
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=dict(kept))


@cache
def _update(table: Table, names: tuple[str, ...], merge: Merge | None, *, postgres: bool) -> Any:
    given = _rows(table, names).c if postgres else {name: _place(table, name) for name in names}
    kept = (merge or _over(table, names))(table.c, given)
    same = [column == given[column.name] for column in table.primary_key]
    return update(table).where(*same).values(dict(kept))


def _over(table: Table, names: tuple[str, ...]) -> Merge:
    keys = {column.name for column in table.primary_key}
    return lambda _, given: {name: given[name] for name in names if name not in keys}


@cache
def _insert(table: Table, names: tuple[str, ...], *, postgres: bool) -> Any:
    if not postgres:
        return sqlite.insert(table).values({name: _place(table, name) for name in names})
    given = _rows(table, names)
    return postgresql.insert(table).from_select([*names], select(*[given.c[name] for name in names]))


def _rows(table: Table, names: tuple[str, ...]) -> TableValuedAlias:
    """Return the rows that arrays named as columns of `table` make."""
    arrays = [bindparam(_place_name(name), type_=ARRAY(table.c[name].type, dimensions=1)) for name in names]
    return func.unnest(*arrays).table_valued(*names, name="given").render_derived()


def _place_name(name: str) -> str:
    return f"given_{name}"  # a parameter that is named like a column has a meaning of its own in SQLAlchemy


def _place(table: Table, name: str) -> ColumnElement[Any]:
    return bindparam(_place_name(name), type_=table.c[name].type)
