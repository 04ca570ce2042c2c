"""Rows given by column come back as they were given, on each database, whatever their columns are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Double,
    Enum,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    not_,
    or_,
    select,
)

from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.storage.sql import arrays
from studies.storage.sql.among import among
from studies.storage.sql.engine import database_url
from studies.storage.sql.types import Count, Document, Json, Names, Real, StateOf

METADATA = MetaData()
TABLE = Table(
    "things",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("count", Count),
    Column("ratio", Double),
    Column("real", Real),
    Column("flag", Boolean),
    Column("data", LargeBinary),
    Column("names", Names),
    Column("json", Json),
    Column("schedule", Document(Schedule)),
    Column("state", StateOf(TrialState)),
    Column("kind", Enum("this", "that", name="kinds")),
    Column("place", Integer),
)

ROWS: list[dict[str, Any]] = [
    {
        "id": "a",
        "count": 2**62,
        "ratio": 0.5,
        "real": math.inf,
        "flag": True,
        "data": b"\x00\xff",
        "names": ("x", "y"),
        "json": {"lr": 0.1, "deep": [1, [2]]},
        "schedule": Schedule(),
        "state": TrialState.WAITING,
        "kind": "this",
        "place": 1,
    },
    {
        "id": "b'\"{}\\,",
        "count": None,
        "ratio": 1,
        "real": 0.25,
        "flag": False,
        "data": b"",
        "names": (),
        "json": [],
        "schedule": None,
        "state": None,
        "kind": None,
        "place": None,
    },
    {
        "id": "c",
        "count": -1,
        "ratio": -math.inf,
        "real": 3,
        "flag": None,
        "data": None,
        "names": ('"', "NULL", "{}"),
        "json": "NULL",
        "schedule": None,
        "state": TrialState.FAILED,
        "kind": "that",
        "place": 0,
    },
]


@pytest.fixture(params=["sqlite", "postgres"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    engine = create_engine(database_url(request.getfixturevalue(f"{request.param}_url")))
    with _begun(engine) as opened:
        METADATA.create_all(opened)
        yield opened
    engine.dispose()


@contextmanager
def _begun(engine: Any) -> Iterator[Connection]:
    with engine.connect() as opened, opened.begin():
        yield opened


def stored(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(TABLE).order_by(TABLE.c.id)).mappings()]


def test_what_is_inserted_comes_back(connection: Connection) -> None:
    arrays.insert(connection, TABLE, arrays.by_column(ROWS))
    assert stored(connection) == ROWS


def test_one_row_alone_does_too(connection: Connection) -> None:
    for row in ROWS:
        arrays.insert(connection, TABLE, arrays.by_column([row]))
    assert stored(connection) == ROWS


def test_what_is_updated_comes_back_and_nothing_else_changes(connection: Connection) -> None:
    arrays.insert(connection, TABLE, arrays.by_column(ROWS))
    turned = [row | {"id": other["id"]} for row, other in zip(ROWS[1:], ROWS[:-1], strict=True)]
    arrays.update_rows(connection, TABLE, arrays.by_column(turned))
    assert stored(connection) == [*turned, ROWS[-1]]
    arrays.update_rows(connection, TABLE, {"id": ["a", "none"], "ratio": [1, 0.5]})
    assert [row["ratio"] for row in stored(connection)] == [1.0, -math.inf, -math.inf]


def test_nothing_is_nothing(connection: Connection) -> None:
    arrays.insert(connection, TABLE, arrays.by_column([]))
    arrays.update_rows(connection, TABLE, {"id": [], "ratio": []})
    assert stored(connection) == []


@pytest.mark.parametrize("ids", [["a", "c"], [], ["none"], ["b'\"{}\\,"], ("a", "a"), {"a": 1}, {"c"}])
def test_among_values_or_a_parameter(connection: Connection, ids: Any) -> None:
    arrays.insert(connection, TABLE, arrays.by_column(ROWS))
    here = [row["id"] for row in ROWS if row["id"] in ids]
    others = [row["id"] for row in ROWS if row["id"] not in ids]
    found = select(TABLE.c.id).order_by(TABLE.c.id)
    key = TABLE.c.id
    assert list(connection.execute(found.where(among(key, ids))).scalars()) == here
    assert list(connection.execute(found.where(among(key, "ids")), {"ids": ids}).scalars()) == here
    assert list(connection.execute(found.where(not_(among(key, ids)))).scalars()) == others
    either = or_(among(key, ids), among(key, [*others]))
    assert len(list(connection.execute(found.where(either)).scalars())) == len(ROWS)
