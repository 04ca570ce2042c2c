"""Messages on the wire: JSON and CBOR say the same, and nothing malformed gets further than a fault with a name."""

from __future__ import annotations

import struct
import sys
from array import array
from contextlib import suppress
from typing import Any

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from studies.contract import wire
from studies.contract.columns import MAX_COUNT, MAX_POINTS_PER_CHUNK
from studies.contract.worker_protocol import AttemptReport, MetricChunk, SyncRequest

POINTS = st.dictionaries(st.integers(0, MAX_COUNT), st.floats(), min_size=1, max_size=40)


def request(points: dict[int, float], name: str = "loss") -> SyncRequest:
    chunk = MetricChunk(name=name, sequence=0, steps=[*points], values=[*points.values()])
    return SyncRequest(attempts=(AttemptReport(attempt_id="at", token="t", metrics=(chunk,)),))


def bits(values: Any) -> list[bytes]:
    return [struct.pack("<d", value) for value in values]


@given(POINTS)
def test_cbor_carries_every_float_bit_for_bit(points: dict[int, float]) -> None:
    values = array("d", struct.unpack(f"<{len(points)}d", b"".join(bits(points.values()))))
    sent = MetricChunk(name="loss", sequence=0, steps=[*points], values=values)
    chunk = wire.decode(MetricChunk, wire.encode(sent, wire.CBOR), wire.CBOR)
    assert list(chunk.steps) == [*points]
    assert bits(chunk.values) == bits(values)


def test_payloads_of_nan_come_through_in_cbor() -> None:
    odd = array("d")
    odd.frombytes(struct.pack("=2Q", 0xFFF8_0000_0000_0001, 0x7FF4_DEAD_BEEF_0001))
    sent = MetricChunk(name="loss", sequence=0, steps=[1, 2], values=odd)
    assert wire.decode(MetricChunk, wire.encode(sent, wire.CBOR), wire.CBOR).values.tobytes() == odd.tobytes()  # type: ignore[attr-defined]


@given(POINTS)
def test_json_says_the_same(points: dict[int, float]) -> None:
    sent = request(points)
    one, other = (wire.decode(SyncRequest, wire.encode(sent, form), form) for form in (wire.JSON, wire.CBOR))
    assert repr(one) == repr(other)


@pytest.mark.parametrize(
    ("written", "value"),
    [("1e400", "inf"), ("-1e400", "-inf"), ("NaN", "nan"), ('"NaN"', "nan"), ('"-Infinity"', "-inf"), ("-0.0", "-0.0")],
)
def test_json_numbers_that_json_has_no_place_for(written: str, value: str) -> None:
    body = f'{{"name":"loss","sequence":0,"steps":[1],"values":[{written}]}}'.encode()
    assert repr(wire.decode(MetricChunk, body, wire.JSON).values[0]) == value


@pytest.mark.parametrize(
    ("tag", "code"),
    [(64, "B"), (69, "<H"), (65, ">H"), (78, "<i"), (74, ">i"), (79, "<q"), (75, ">q"), (71, "<Q")],
)
def test_steps_may_be_any_typed_array_of_whole_numbers(tag: int, code: str) -> None:
    steps = cbor2.CBORTag(
        tag,
        struct.pack(code * 1 if len(code) == 1 else f"{code[0]}3{code[1]}", *([1, 2, 77][: 3 if len(code) > 1 else 1])),
    )
    values = [0.5] * (3 if len(code) > 1 else 1)
    body = cbor2.dumps({"name": "loss", "sequence": 0, "steps": steps, "values": values})
    chunk = wire.decode(MetricChunk, body, wire.CBOR)
    assert list(chunk.steps) == [1, 2, 77][: len(values)]


@pytest.mark.parametrize(("tag", "code"), [(85, "<f"), (81, ">f"), (86, "<d"), (82, ">d")])
def test_values_may_be_any_typed_array_of_reals(tag: int, code: str) -> None:
    values = cbor2.CBORTag(tag, struct.pack(f"{code[0]}2{code[1]}", 0.5, float("-inf")))
    body = cbor2.dumps({"name": "loss", "sequence": 0, "steps": [1, 2], "values": values})
    assert list(wire.decode(MetricChunk, body, wire.CBOR).values) == [0.5, float("-inf")]


def test_a_machine_of_the_other_order_writes_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    column = array("i", [1, 2])
    column.byteswap()
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    encoded = cbor2.dumps(column, encoders={array: wire._encode_column})
    assert cbor2.loads(encoded).value == struct.pack("<2i", 1, 2)


GOOD = wire.encode(request({1: 0.5}), wire.CBOR)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "premature end", id="nothing"),
        pytest.param(GOOD[:-1], "premature end", id="cut"),
        pytest.param(GOOD + b"\0", "follows the message", id="more behind it"),
        pytest.param(b"\x81" * 10_000, "depth", id="deep"),
        pytest.param(b"\xa2\x61a\x01\x61a\x02", "Duplicate", id="a key twice"),
        pytest.param(b"\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01", "a tag other than", id="decimal fraction"),
        pytest.param(b"\xd8\x1e\x82\x01\x02", "a tag other than", id="ratio"),
        pytest.param(b"\xd8\x23\x61(", "a tag other than", id="regular expression"),
        pytest.param(b"\xd8\x1c\x81\xd8\x1d\x00", "a tag other than", id="cycle"),
        pytest.param(b"\xc2\x41\x01", "a tag other than", id="big number"),
        pytest.param(b"\x9b\x7f" + b"\xff" * 7, "premature end", id="a list of ever so many"),
        pytest.param(b"\x5b\x7f" + b"\xff" * 7, "premature end", id="a string of ever so many"),
        pytest.param(b"\xd8\x4e\x43\0\0\0", "whole numbers of 4 bytes", id="half a number"),
        pytest.param(b"\xd8\x4e\x01", "whole numbers of 4 bytes", id="an array of no bytes"),
        pytest.param(b"\x61\xff", "Invalid CBOR", id="no UTF-8"),
        pytest.param(b"\xa1\x81\x01\x02", "Keys should be strings", id="a list as key"),
    ],
)
def test_malformed_cbor_is_named(body: bytes, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        wire.decode(SyncRequest, body, wire.CBOR)


@pytest.mark.parametrize(
    ("steps", "values", "words"),
    [
        (array("i", [-1]), [0.5], "has to lie in"),
        (array("q", [2**31]), [0.5], "less than or equal"),
        (array("i"), array("d"), "has to have 1 to"),
        (array("i", range(MAX_POINTS_PER_CHUNK + 1)), [0.5], "has to have 1 to"),
        (array("d", [1.5]), [0.5], "fractional part"),
        (array("i", [1]), array("d", [0.5, 0.5]), "one value for each step"),
        ([1], array("i", [1]), None),
        ("12", [0.5], "valid list"),
    ],
)
def test_a_column_is_checked_in_whatever_form_it_comes(steps: Any, values: Any, words: str | None) -> None:
    if words is None:
        assert list(MetricChunk(name="loss", sequence=0, steps=steps, values=values).values) == [1.0]
        return
    with pytest.raises(ValidationError, match=words):
        MetricChunk(name="loss", sequence=0, steps=steps, values=values)


def test_a_column_full_of_faults_is_told_in_one() -> None:
    body = b'{"name":"loss","sequence":0,"steps":[%s1],"values":[1]}' % (b'"x",' * 4000)
    with pytest.raises(ValidationError) as caught:
        wire.decode(MetricChunk, body, wire.JSON)
    assert caught.value.error_count() == 1


@given(
    st.binary(max_size=300)
    | st.builds(lambda cut, new: GOOD[:cut] + new, st.integers(0, len(GOOD)), st.binary(max_size=40))
)
@example(b"\xf9\x7e\x00")
def test_no_bytes_end_in_anything_but_a_message_or_a_fault(body: bytes) -> None:
    with suppress(ValidationError):
        wire.decode(SyncRequest, body, wire.CBOR)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["attempts", "metrics", "steps", "values", "name"]) | inner.map(str), inner, max_size=4
        )
        | st.builds(cbor2.CBORTag, st.sampled_from([0, 1, 4, 30, 64, 69, 78, 86, 258]), st.binary(max_size=16))
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_no_tree_ends_in_anything_but_a_message_or_a_fault(tree: Any) -> None:
    whole = {"attempts": [{"attempt_id": "at", "token": "t", "metrics": tree}]}
    for each in (tree, whole):
        with suppress(ValidationError):
            wire.decode(SyncRequest, cbor2.dumps(each), wire.CBOR)


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("application/cbor", wire.CBOR),
        ("Application/CBOR; v=1", wire.CBOR),
        ("application/json", wire.JSON),
        ("", wire.JSON),
        ("application/x-www-form-urlencoded", wire.JSON),
    ],
)
def test_a_body_is_json_unless_its_header_says_cbor(header: str, form: str) -> None:
    assert wire.media_type(header) == form
