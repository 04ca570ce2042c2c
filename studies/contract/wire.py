"""How a message travels: as JSON, which anything can write, or as CBOR (RFC 8949), which keeps columns as they are.

In CBOR a column of numbers is a typed array (RFC 8746): a tag and the bytes of its numbers. Reading it copies memory
where JSON parses digits, and NaN payloads, infinities and -0.0 need no words. Everything else is the same: the same
keys, the same values, the same checks. No other tag of CBOR is read: some of them cost their reader dearly.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any, NoReturn, TypeVar

import cbor2
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError, from_json

from studies.contract.base import Message

JSON = "application/json"
CBOR = "application/cbor"

MAX_DEPTH = 32
"""Deepest nesting of a message in CBOR; the deepest that the contract knows has about ten levels."""

MessageT = TypeVar("MessageT", bound=Message)

_TYPED_ARRAYS = {
    64: "B",
    65: "H",
    66: "I",
    67: "Q",
    69: "H",
    70: "I",
    71: "Q",
    72: "b",
    73: "h",
    74: "i",
    75: "q",
    77: "h",
    78: "i",
    79: "q",
    81: "f",
    82: "d",
    85: "f",
    86: "d",
}
"""Typecode by tag; half and quadruple precision and the clamped bytes, which Python's arrays lack, are left out."""

_LITTLE_ENDIAN = 0b100
"""The bit of those tags that says so; of single bytes there is one order only."""

_TAG_OF = {"i": 78, "d": 86}
"""Tags of the columns that the contract has, little-endian."""


def media_type(header: str) -> str:
    """Return the form of a body with this ``Content-Type``: CBOR where it says so, else JSON, as for years."""
    return CBOR if header.partition(";")[0].strip().lower() == CBOR else JSON


def encode(message: Message, form: str) -> bytes:
    """Return `message` as JSON or CBOR."""
    if form == CBOR:
        return cbor2.dumps(message.model_dump(), encoders={array: _encode_column})
    return message.model_dump_json().encode()


def decode(model: type[MessageT], body: bytes, form: str) -> MessageT:
    """Return the message in `body`.

    Raises:
        ValidationError: it is none of this model, or not even well-formed: the errors name what is wrong.
    """
    if form != CBOR:
        return model.model_validate_json(body)
    return model.model_validate(tree(model, body, form))


def tree(model: type[Message], body: bytes, form: str) -> Any:
    """Return what the bytes say, in Python's dictionaries, lists, numbers and arrays.

    Raises:
        ValueError: they are not well-formed.
    """
    if form != CBOR:
        return from_json(body)
    decoder = cbor2.CBORDecoder(
        BytesIO(body),
        tag_hook=_refuse_tag,
        semantic_decoders=_READERS,
        max_depth=MAX_DEPTH,
        allow_duplicate_keys=False,
    )
    try:
        found = decoder.decode()
    except cbor2.CBORDecodeError as fault:
        raise _malformed(model, str(fault.__cause__ or fault)) from None
    if _has_more(decoder):
        raise _malformed(model, "something follows the message")
    return found


def _has_more(decoder: cbor2.CBORDecoder) -> bool:
    try:
        decoder.read(1)
    except cbor2.CBORDecodeEOF:
        return False
    return True


def _malformed(model: type[Message], words: str) -> ValidationError:
    kind = PydanticCustomError("cbor_invalid", "Invalid CBOR: {words}", {"words": words})
    return ValidationError.from_exception_data(model.__name__, [InitErrorDetails(type=kind, loc=(), input=None)])


def _refuse_tag(*_: Any) -> NoReturn:
    raise ValueError("a tag other than those of typed arrays (RFC 8746)")


class _Tags(dict[int, Callable[[Any, bool], Any]]):
    """What to do about each tag: typed arrays are read, every other tag is refused, the library's own included."""

    def get(self, tag: int, _: Any = None) -> Callable[[Any, bool], Any]:
        return super().get(tag, _refuse_tag)

    def __contains__(self, _: object) -> bool:
        return True

    def __missing__(self, _: int) -> Callable[[Any, bool], Any]:
        return _refuse_tag


def _column(tag: int, content: Any, *_: Any) -> array[Any]:
    column = array(_TYPED_ARRAYS[tag])
    if not isinstance(content, bytes) or len(content) % column.itemsize:
        raise ValueError(f"a typed array has to be a byte string of whole numbers of {column.itemsize} bytes")
    column.frombytes(content)
    little = bool(tag & _LITTLE_ENDIAN)
    if column.itemsize > 1 and little != (sys.byteorder == "little"):
        column.byteswap()
    return column


def _encode_column(encoder: cbor2.CBOREncoder, column: array[Any]) -> None:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    encoder.encode_semantic(_TAG_OF[column.typecode], column.tobytes())


_READERS = _Tags({tag: partial(_column, tag) for tag in _TYPED_ARRAYS})
