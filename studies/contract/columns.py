"""Columns of numbers in messages: lists in JSON, typed arrays in CBOR, and flat arrays of machine numbers in memory.

A sync of a busy node holds tens of thousands of points. As tuples of Python numbers each of them is an object of its
own; as `array.array` a column is one piece of memory, which numpy and the database take as it is.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

MAX_COUNT = 2**31 - 1
"""Largest step and sequence number: what every database's integer holds."""

MAX_POINTS_PER_CHUNK = 4096


@dataclass(frozen=True)
class _Column:
    """Annotates a sequence of 1 to `MAX_POINTS_PER_CHUNK` numbers that is kept as an array.

    Attributes:
        typecode: of the array that is kept.
        taken: typecodes of arrays that are converted to it.
        item: what one number has to be.
        signed: whether negative numbers are allowed.
    """

    typecode: str
    taken: str
    item: core_schema.CoreSchema
    signed: bool

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        bounds: dict[str, Any] = {"min_length": 1, "max_length": MAX_POINTS_PER_CHUNK}
        # The first fault names the column well enough: a million of them would only fill the answer.
        listed = core_schema.list_schema(self.item, fail_fast=True, **bounds)
        from_list = core_schema.no_info_after_validator_function(self._of_numbers, listed)
        return core_schema.json_or_python_schema(
            json_schema=from_list,
            python_schema=core_schema.no_info_wrap_validator_function(self._of_array, from_list),
            serialization=core_schema.plain_serializer_function_ser_schema(_listed_in_json, info_arg=True),
        )

    def _of_numbers(self, numbers: Iterable[Any]) -> array[Any]:
        return array(self.typecode, numbers)

    def _of_array(self, given: Any, otherwise: core_schema.ValidatorFunctionWrapHandler) -> Any:
        if not isinstance(given, array) or given.typecode not in self.taken:
            return otherwise(given)
        if not 1 <= len(given) <= MAX_POINTS_PER_CHUNK:
            raise PydanticCustomError(
                "column_length", "has to have 1 to {most} numbers", {"most": MAX_POINTS_PER_CHUNK}
            )
        if given.typecode != self.typecode:
            return otherwise(given.tolist())
        if not self.signed and _any_negative(given):
            raise PydanticCustomError("column_range", "has to lie in 0..{most}", {"most": MAX_COUNT})
        return given


def _any_negative(column: array[int]) -> bool:
    """Look at the sign bits alone, all at once: the highest byte of a number that is not negative is below 0x80."""
    highest = column.itemsize - 1 if sys.byteorder == "little" else 0
    return not column.tobytes()[highest :: column.itemsize].isascii()


def _listed_in_json(column: Sequence[float], info: core_schema.SerializationInfo) -> Sequence[float]:
    return list(column) if info.mode == "json" else column


_STEP = core_schema.int_schema(ge=0, le=MAX_COUNT)

StepColumn = Annotated[Sequence[int], _Column("i", "bBhHiIlLqQ", _STEP, signed=False)]
"""Steps as an ``array('i')``: 32 bits hold every step."""

ValueColumn = Annotated[Sequence[float], _Column("d", "fd", core_schema.float_schema(), signed=True)]
"""Values as an ``array('d')``: every double comes through bit for bit."""
