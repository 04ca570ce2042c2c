"""A soak's results as a table that a person can read: a column a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from studies.contract.states import AttemptState
from tests.faults.proxy import Fate
from tests.faults.soak.soak import Result
from tests.faults.soak.strikes import Strike

Row = tuple[str, Sequence[object]]


def table(results: Sequence[Result]) -> str:
    """Return the table, and below it every violation."""
    rows = list(_rows(results))
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}" + "".join(f"{value!s:>14}" for value in values) for name, values in rows]
    broken = [f"{result.database}: {line}" for result in results for line in result.violations]
    return "\n".join([*lines, *broken])


def _rows(results: Sequence[Result]) -> Iterator[Row]:
    yield "", [result.database for result in results]
    yield "seed", [result.seed for result in results]
    yield "seconds", [round(result.seconds) for result in results]
    for strike in Strike:
        yield strike, [result.strikes[strike] for result in results]
    for fate in Fate:
        yield (
            f"requests {fate}" if fate in (Fate.PASS, Fate.SLOW, Fate.TWICE, Fate.LATE) else fate,
            [result.fates[fate] for result in results],
        )
    yield "studies", [result.studies for result in results]
    yield "trials", [result.trials for result in results]
    yield "points acknowledged", [result.points for result in results]
    yield "leases expired", [result.attempts[AttemptState.EXPIRED] for result in results]
    yield "attempts failed", [result.attempts[AttemptState.FAILED] for result in results]
    yield "attempts preempted", [result.attempts[AttemptState.PREEMPTED] for result in results]
    yield "workers quarantined", [result.released for result in results]
    yield "retries", [result.retries for result in results]
    yield "violations", [len(result.violations) for result in results]
