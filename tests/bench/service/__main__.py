"""What the service can carry, on SQLite and PostgreSQL, beside Optuna's own storage doing the same work in one run.

``make bench-service`` prints a table and writes ``report.json`` and ``report.md``. ARGS=--quick gives a taste.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from tests.bench.service import browser, dispatch, nodes, optuna_baseline, pages, points, recording, suggesting
from tests.bench.service.databases import databases
from tests.bench.service.report import document, in_words, markdown, table
from tests.bench.service.section import Bench, Figure, Section

OUT = Path("stagetune-data/bench-service")

SECTIONS: Mapping[str, Section] = {
    "dispatch": dispatch.section,
    "optuna": optuna_baseline.section,
    "recording": recording.section,
    "suggestions": suggesting.section,
    "points": points.section,
    "nodes": nodes.section,
    "pages": pages.section,
    "browser": browser.section,
}
"""What can be measured, in the order in which it is."""

SIZES, QUICK_SIZES = (100, 10_000), (100, 500)
REPEATS, QUICK_REPEATS = 5, 2


def main(words: Sequence[str] | None = None) -> None:
    asked = _arguments().parse_args(words)
    console = Console(width=None if sys.stdout.isatty() else 160)
    found: list[Figure] = []
    with databases() as both:
        bench = _bench(asked, tuple(each for each in both if each.name.lower() in asked.databases))
        console.print(in_words(bench))
        for figure in measured(bench, asked.sections, console):
            found.append(figure)
            _write(found, bench, asked.out)
    console.print(table(found))


def measured(bench: Bench, sections: Sequence[str], console: Console) -> Iterator[Figure]:
    """Measure section by section, telling the console what is under way."""
    for name in sections:
        console.log(name)
        yield from SECTIONS[name](bench)


def _bench(asked: argparse.Namespace, chosen: tuple[object, ...]) -> Bench:
    sizes, repeats = (QUICK_SIZES, QUICK_REPEATS) if asked.quick else (tuple(asked.sizes), asked.repeats)
    return Bench(chosen, sizes, repeats, asked.quick)  # type: ignore[arg-type]


def _write(figures: Sequence[Figure], bench: Bench, out: Path) -> None:
    """Write what there is so far: it takes a while, and whoever interrupts it keeps the others."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(document(figures, bench), indent=1) + "\n")
    (out / "report.md").write_text(markdown(figures, bench))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.service", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small studies, two repeats, under a minute")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=[*SECTIONS], metavar="SECTION")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[*SIZES], help="trials of the studies (%(default)s)")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--out", type=Path, default=OUT, help="where results are written (default: %(default)s)")
    return parser


if __name__ == "__main__":
    main()
