"""Marks of change: by them a reader finds the trials that have changed since it last looked, and those alone.

Every change of a trial's row writes a mark into ``touched``, by itself: it is the column's ``onupdate``. Whoever
changes what an attempt has reported changes its trial too. A reader keeps the horizon of its transaction: what was not
yet to be seen in there has a mark at or beyond it.

PostgreSQL marks with the number of the writing transaction. These are not committed in order, so the horizon is the
oldest that was still at work: all before it had ended when the reader looked. Now and then a row is read once too
often, never once too seldom. (In a database that was restored from a dump, old marks may lie beyond the new server's
numbers; such rows are read at every look until their trials change.)

SQLite has one writer at a time: a mark is one more than the study's largest, and the horizon is the next one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, literal_column, select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

NEVER = -1
"""Horizon of a reader that has not looked yet."""

_OWN_NUMBER = "pg_current_xact_id()::text::bigint"
_OLDEST_AT_WORK = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_NEXT = (
    "(SELECT coalesce(max(others.touched), 0) + 1 FROM stagetune_trial AS others "
    "WHERE others.study_id = stagetune_trial.study_id)"
)


class Touch(FunctionElement[int]):
    """The mark that the row of a trial gets when it is updated."""

    type = BigInteger()
    inherit_cache = True


@compiles(Touch, "postgresql")
def _touch_postgresql(element: Touch, compiler: Any, **options: Any) -> str:  # noqa: ARG001 (SQLAlchemy's signature)
    return _OWN_NUMBER


@compiles(Touch, "sqlite")
def _touch_sqlite(element: Touch, compiler: Any, **options: Any) -> str:  # noqa: ARG001 (SQLAlchemy's signature)
    return _NEXT


_LATEST = text("SELECT coalesce(max(touched), 0) + 1 FROM stagetune_trial WHERE study_id = :study_id")


def fresh(connection: Connection, study_id: str) -> int:
    """Return the mark for trials that this transaction adds to a study, which it has locked."""
    return _number(connection, _OWN_NUMBER, study_id)


def horizon(connection: Connection, study_id: str) -> int:
    """Return the horizon of this transaction: whatever it does not see yet will have this mark or a larger one."""
    return _number(connection, _OLDEST_AT_WORK, study_id)


def _number(connection: Connection, postgres: str, study_id: str) -> int:
    if connection.dialect.name == "postgresql":
        return int(connection.execute(select(literal_column(postgres, BigInteger))).scalar_one())
    return int(connection.execute(_LATEST, {"study_id": study_id}).scalar_one())
