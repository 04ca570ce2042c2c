"""Metrics as JSON lines in a file, ``{"step": 1, "loss": 0.3, "dev_accuracy": 0.8}``: followed while it grows.

What is no such line is left out and named in the run's log, a few times: a program's slip costs that line, not the
run. ``null`` is NaN, as many JSON writers have it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.runtime.reporter import Reporter

MAX_LINE_BYTES = 64 * 1024
READ_BYTES = 1024 * 1024
MAX_NAMED = 10
"""Faulty lines that the log names, one by one; of the others it says how many there were."""

SHOWN_CHARACTERS = 80


class FaultyLine(Exception):
    """A line that is no point of any metric; the message says why."""


@dataclass(frozen=True)
class Point:
    """What one line says: the step, values by metric, and faults of single values."""

    step: int
    metrics: Mapping[str, float]
    faults: tuple[str, ...] = ()


def parse_line(line: bytes) -> Point:
    """Return what a line says.

    Raises:
        FaultyLine: it is no JSON object with a whole number under ``step``.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise FaultyLine("it is not JSON") from fault
    if not isinstance(fields, dict):
        raise FaultyLine("it is no JSON object")
    step = fields.pop("step", None)
    if not isinstance(step, int) or isinstance(step, bool):
        raise FaultyLine('it has no whole number under "step"')
    values = {name: _number(value) for name, value in fields.items()}
    faults = tuple(f'"{name[:SHOWN_CHARACTERS]}" is no number' for name, value in values.items() if value is None)
    return Point(step, {name: value for name, value in values.items() if value is not None}, faults)


def _number(value: object) -> float | None:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


class LineReader:
    """Reads the lines that have been appended to a file since the last look, in bounded memory.

    Args:
        path: the file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self._skipping = False

    def lines(self, *, final: bool = False) -> Iterator[bytes | None]:
        """Yield lines without their ends, None for one that is too long; with `final` also a last one without an end.

        Without `final` one piece of the file is read, with it all that is left.
        """
        while piece := self._read():
            yield from self._split(piece)
            if not final:
                return
        if final and self._rest:
            rest, self._rest = self._rest, b""
            yield rest

    def _split(self, piece: bytes) -> Iterator[bytes | None]:
        *whole, rest = (self._rest + piece).split(b"\n")
        for line in whole:
            if self._skipping:  # the end of a line that was given up
                self._skipping = False
            else:
                yield line if len(line) <= MAX_LINE_BYTES else None
        self._rest = b"" if self._skipping else rest
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest, self._skipping = b"", True
            yield None

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                piece = file.read(READ_BYTES)
        except OSError:  # not there yet, or the program has put a folder there
            return b""
        self._offset += len(piece)
        return piece


class MetricLines:
    """Brings the lines of a metrics file to the reporter.

    Args:
        path: the file.
        reporter: takes the points.
        started_from: says by the first step reported how many were complete when the run began.
        note: takes what the run's log should say.

    Attributes:
        diverged: what was wrong with the first loss that was not finite; empty while all were.
    """

    def __init__(
        self, path: Path, reporter: Reporter, *, started_from: Callable[[int], int], note: Callable[[str], None]
    ) -> None:
        self.diverged = ""
        self._reader = LineReader(path)
        self._reporter = reporter
        self._started_from = started_from
        self._note = note
        self._started = False
        self._number = 0
        self._faults = 0

    def take(self, *, final: bool = False) -> None:
        """Report what has been written since the last look; with `final` all of it, and count up the faults."""
        for line in self._reader.lines(final=final):
            self._number += 1
            self._take_line(line)
        if final and self._faults > MAX_NAMED:
            self._note(f"{self._faults - MAX_NAMED} more faults in lines of metrics")

    def _take_line(self, line: bytes | None) -> None:
        if line is not None and not line.strip():
            return
        try:
            if line is None:
                raise FaultyLine(f"it is longer than {MAX_LINE_BYTES} bytes")
            self._report(parse_line(line))
        except FaultyLine as fault:
            shown = "" if line is None else f": {line[:SHOWN_CHARACTERS].decode(errors='replace')}"
            self._complain(f"left out, {fault}{shown}")

    def _report(self, point: Point) -> None:
        if not self._started:
            self._started = True
            self._reporter.started(self._started_from(point.step))
        for name, value in point.metrics.items():
            try:
                self._reporter.report(point.step, {name: value})
            except ValueError as fault:
                self._complain(str(fault))
        for slip in point.faults:
            self._complain(slip)
        loss = point.metrics.get("loss", 0.0)
        if not math.isfinite(loss) and not self.diverged:
            self.diverged = f"loss was {loss} at step {point.step}"

    def _complain(self, fault: str) -> None:
        self._faults += 1
        if self._faults <= MAX_NAMED:
            self._note(f"line {self._number} of metrics: {fault}")
