"""The report in words: Markdown tables, which read as well in a terminal as in the README."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.bench.quality.cases import Conditions
from tests.bench.quality.report import ALL, Row, Table

PERCENT = "25 / 50 / 100 %"


def markdown(tables: Sequence[Table]) -> str:
    """Return the overview of all conditions, then the table of each."""
    return "\n\n".join(["\n".join(_overview(tables)), *("\n".join(_table(table)) for table in tables if table.rows)])


def conditions(where: Conditions) -> str:
    slots = "one run at a time" if where.slots == 1 else f"{where.slots} runs at once"
    return f"{where.budget} full trainings, {slots}, {where.defaults} defaults"


def _overview(tables: Sequence[Table]) -> Iterator[str]:
    """One line for each of the conditions: the strategy to be proved against the best peer."""
    yield "| trainings | slots | defaults | strategy | regret at 50 / 100 % | best peer | its regret | matched at |"
    yield "|---|---|---|---|---|---|---|---|"
    for table in tables:
        own = next((row for row in table.rows if row.method == table.proved), None)
        peer = next((row for row in table.rows if row.method == table.best_peer), None)
        if own and peer:
            where, matched = table.conditions, table.matched_at
            share = "never" if matched is None else f"{matched:.0%} of the budget"
            yield (
                f"| {where.budget} | {where.slots} | {where.defaults} | {own.method} | {_numbers(own.regret[ALL][1:])} "
                f"| {peer.method} | {_numbers(peer.regret[ALL][1:])} | {share} |"
            )


def _table(table: Table) -> Iterator[str]:
    families = list(table.rows[0].regret)
    yield f"**{conditions(table.conditions)}**"
    yield ""
    yield f"| method | {' | '.join(f'{name}, {PERCENT}' for name in families)} | 95 % | rank, 50 / 100 % | p | seeds |"
    yield "|---" * (len(families) + 5) + "|"
    yield from (_row(row) for row in table.rows)
    if table.missing:
        yield ""
        yield f"Not run on every task: {', '.join(table.missing)}."


def _row(row: Row) -> str:
    regrets = " | ".join(_numbers(values) for values in row.regret.values())
    spread = f"{_number(row.interval[0])} to {_number(row.interval[1])}"
    p = "" if row.p is None else f"{row.p:.2g}"
    rank = " / ".join(f"{value:.1f}" for value in row.rank[1:])
    return f"| {row.method} | {regrets} | {spread} | {rank} | {p} | {row.seeds} |"


def _numbers(values: Sequence[float]) -> str:
    return " / ".join(map(_number, values))


def _number(value: float) -> str:
    """Write a regret as short as three decimals allow: ``.031``."""
    return f"{value:.3f}".replace("0.", ".", 1)
