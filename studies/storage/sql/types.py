"""Column types: contract values and states as text, floats whose NaN every database can hold."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import BigInteger, Dialect, Double, Integer, Text, TypeDecorator

Model = TypeVar("Model", bound=BaseModel)
State = TypeVar("State", bound=StrEnum)

Count = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit integer; SQLite numbers rows by itself only in a column called INTEGER, which has 64 bits there."""


class Document(TypeDecorator[Model], Generic[Model]):
    """A message of the contract as JSON text. Text, not JSONB: it is read whole and must come back as it was."""

    impl = Text
    cache_ok = True

    def __init__(self, model: type[Model]) -> None:
        super().__init__()
        self.model = model

    def process_bind_param(self, value: Model | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else value.model_dump_json()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Model | None:  # noqa: ARG002
        return None if value is None else self.model.model_validate_json(value)


class Readable(Document[Model]):
    """A message that can be done without: one that this version cannot read is None."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> Model | None:
        try:
            return super().process_result_value(value, dialect)
        except ValidationError:
            return None


class Json(TypeDecorator[Any]):
    """Plain JSON data as text. NaN and the infinities are written as Python's json does and read back as floats."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else json.loads(value)


class Names(TypeDecorator[tuple[str, ...]]):
    """A tuple of strings as a JSON list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str:  # noqa: ARG002
        return json.dumps(value or ())

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:  # noqa: ARG002
        return tuple(json.loads(value or "[]"))


class StateOf(TypeDecorator[State], Generic[State]):
    """A state by its name in the API."""

    impl = Text
    cache_ok = True

    def __init__(self, states: type[State]) -> None:
        super().__init__()
        self.states = states

    def process_bind_param(self, value: State | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> State | None:  # noqa: ARG002
        return None if value is None else self.states(value)


class Real(TypeDecorator[float]):
    """A float whose NaN is NULL: SQLite makes a NULL of it anyway, so both databases are given one."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        return None if value is None or math.isnan(value) else value

    def process_result_value(self, value: float | None, dialect: Dialect) -> float:  # noqa: ARG002
        return math.nan if value is None else value
