"""Metrics as JSON lines: what counts, what is left out and named, and that memory is bounded."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.objectives.metric_lines import (
    MAX_LINE_BYTES,
    MAX_NAMED,
    FaultyLine,
    LineReader,
    MetricLines,
    Point,
    parse_line,
)
from workers.runtime.own_checkpoints import OwnCheckpoints
from workers.runtime.reporter import Reporter


@pytest.mark.parametrize(
    ("line", "point"),
    [
        (b'{"step": 1, "loss": 0.5}', Point(1, {"loss": 0.5})),
        (b'{"loss": 1, "step": 2, "dev_f1": 3}\r', Point(2, {"loss": 1.0, "dev_f1": 3.0})),
        (b'{"step": 3, "loss": Infinity}', Point(3, {"loss": math.inf})),
        (b'{"step": 4, "a": true, "loss": 1}', Point(4, {"loss": 1.0}, ('"a" is no number',))),
        (b'{"step": 5, "a": 1' + b"0" * 400 + b"}", Point(5, {}, ('"a" is no number',))),
        (b'{"step": 6}', Point(6, {})),
    ],
    ids=["plain", "any order", "infinite", "boolean", "huge", "alone"],
)
def test_a_line_says_a_step_and_numbers(line: bytes, point: Point) -> None:
    assert parse_line(line) == point


def test_null_is_not_a_number() -> None:
    assert math.isnan(parse_line(b'{"step": 1, "loss": null}').metrics["loss"])


@pytest.mark.parametrize(
    "line",
    [b"hello", b"[1]", b"{}", b'{"step": 1.5}', b'{"step": true}', b'{"step": "1"}', b"\xff\xfe", b"[" * 60_000],
)
def test_other_lines_are_faulty(line: bytes) -> None:
    with pytest.raises(FaultyLine):
        parse_line(line)


@given(st.binary(max_size=200))
def test_no_line_does_worse_than_that(line: bytes) -> None:
    try:
        point = parse_line(line)
    except FaultyLine:
        return
    assert isinstance(point.step, int)


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=8), st.integers(1, 7))
def test_lines_come_whole_however_they_are_written(tmp_path_factory: Any, lines: list[bytes], size: int) -> None:
    path = tmp_path_factory.mktemp("lines") / "metrics"
    text, reader, read = b"".join(line + b"\n" for line in lines), LineReader(path), []
    for start in range(0, len(text), size):
        with path.open("ab") as file:
            file.write(text[start : start + size])
        read.extend(reader.lines())
    assert [*read, *reader.lines(final=True)] == lines


def follow(path: Path, text: bytes, *, resumed: bool = False) -> tuple[list[Any], list[str], MetricLines]:
    frames: list[Any] = []
    notes: list[str] = []
    path.write_bytes(text)
    reporter = Reporter(lambda frame: frames.append(dict(frame)))
    own = OwnCheckpoints(path, resumed, 0)
    lines = MetricLines(path, reporter, started_from=own.started_from, note=notes.append)
    lines.take(final=True)
    reporter.flush()
    return frames, notes, lines


def test_faulty_lines_are_left_out_and_named_and_the_others_count(tmp_path: Path) -> None:
    long = b'{"step": 2, "text": "' + b"x" * 3 * MAX_LINE_BYTES + b'"}'
    text = b"\n".join(
        [b'{"step": 1, "loss": 3}', b"oops", b"", long, b'{"step": 1, "loss": 4}', b'{"step": 5, "loss": 2}']
    )
    frames, notes, _ = follow(tmp_path / "m", text)
    assert frames == [
        {"kind": "started", "step": 0, "note": ""},
        {"kind": "points", "points": {"loss": ([1, 5], [3.0, 2.0])}},
    ]
    assert "line 2 of metrics: left out, it is not JSON: oops" in notes
    assert f"line 4 of metrics: left out, it is longer than {MAX_LINE_BYTES} bytes" in notes
    assert any("line 5 of metrics" in note and "rising steps" in note for note in notes)


def test_a_line_without_end_is_never_held_whole(tmp_path: Path) -> None:
    path, reader = tmp_path / "m", LineReader(tmp_path / "m")
    path.write_bytes(b"x" * 40 * MAX_LINE_BYTES + b"\n" + b'{"step": 1}')
    assert list(reader.lines(final=True)) == [None, b'{"step": 1}']


def test_the_log_is_not_flooded_with_faults(tmp_path: Path) -> None:
    _, notes, _ = follow(tmp_path / "m", b"bad\n" * 1000)
    assert len(notes) == MAX_NAMED + 1
    assert notes[-1] == "990 more faults in lines of metrics"


def test_the_first_loss_that_is_not_finite_is_told(tmp_path: Path) -> None:
    _, _, lines = follow(tmp_path / "m", b'{"step": 1, "dev": NaN}\n{"step": 2, "loss": NaN}\n{"step": 3, "loss": NaN}')
    assert lines.diverged == "loss was nan at step 2"


def test_a_resumed_program_begins_before_its_first_step(tmp_path: Path) -> None:
    frames, _, _ = follow(tmp_path / "m", json.dumps({"step": 41, "loss": 1}).encode(), resumed=True)
    assert frames[0] == {"kind": "started", "step": 40, "note": ""}
