"""Frames: what is written is read, and nothing else passes for one."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.channel import HEADER, MAX_FRAME_BYTES, BrokenFrame, FrameInbox, FrameWriter, encode, frames

TEXT = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def read(data: bytes) -> list[dict[str, Any]]:
    async def all_frames() -> list[dict[str, Any]]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return [frame async for frame in frames(reader)]

    return asyncio.run(all_frames())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.dictionaries(TEXT, JSON, max_size=3), max_size=3))
def test_what_is_written_is_read(messages: list[dict[str, Any]]) -> None:
    assert read(b"".join(map(encode, messages))) == messages


def test_infinities_pass() -> None:
    assert read(encode({"loss": float("inf")})) == [{"loss": float("inf")}]


@pytest.mark.parametrize("cut", [1, 3, 5, 10])
def test_a_frame_cut_off_by_its_senders_death_is_dropped(cut: int) -> None:
    whole = encode({"kind": "points"})
    assert read(whole + whole[:cut]) == [{"kind": "points"}]


@pytest.mark.parametrize(
    "data",
    [HEADER.pack(4) + b"oops", HEADER.pack(2) + b"[]", HEADER.pack(MAX_FRAME_BYTES + 1)],
    ids=["no JSON", "no object", "endless"],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenFrame):
        read(data)


def test_the_writer_writes_whole_frames_to_a_pipe() -> None:
    readable, writable = os.pipe()
    FrameWriter(writable)({"step": 1})
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        assert read(pipe.read()) == [{"step": 1}]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.dictionaries(TEXT, JSON, max_size=3), max_size=3), st.lists(st.integers(1, 30), max_size=10))
def test_an_inbox_gives_whole_frames_however_they_come(messages: list[dict[str, Any]], cuts: list[int]) -> None:
    readable, writable = os.pipe()
    inbox, rest, taken = FrameInbox(readable), b"".join(map(encode, messages)), []
    for cut in [*cuts, len(rest)]:
        os.write(writable, rest[:cut])
        rest = rest[cut:]
        taken += inbox.take()
    os.close(writable)
    assert taken + inbox.take() == messages
    os.close(readable)
