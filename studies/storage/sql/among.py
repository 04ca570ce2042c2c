"""``column IN (...)`` of a text column, whose words do not depend on how many values there are.

A statement can then be built once, and the database plans it once. PostgreSQL is given an array, SQLite a JSON list.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Text, TypeDecorator, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import Boolean, TypeEngine


class _Texts(TypeDecorator[Collection[str]]):
    """Texts as one parameter."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Collection[str] | None, dialect: Dialect) -> Any:
        listed = [*(value or ())]
        return listed if dialect.name == "postgresql" else json.dumps(listed)


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> _Among:  # noqa: ARG002 (SQLAlchemy's signature)
        """Stand as it is: SQLAlchemy would write ``= 1`` behind it for SQLite, which then uses no index."""
        return self


def among(column: ColumnElement[Any], values: str | Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a text column has one of `values`: a collection, or the name of a parameter for one."""
    name, given = (values, None) if isinstance(values, str) else (None, [*values])
    return _Among(column, bindparam(name, given, type_=_Texts(), required=given is None))


@compiles(_Among, "postgresql")
def _among_postgresql(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **options)} = ANY({compiler.process(values, **options)})"


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 (compiled, not given)
