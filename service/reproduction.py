"""A trial run again: reads what the second run reported, and says how well the two agree. Pure but for reading."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from service.format import count, number, words
from studies.contract.packing import Engine
from studies.contract.views import AttemptView
from studies.core.snapshot import Curve

SERIAL: tuple[Engine | None, ...] = ("serial", "serial_channels_last")


@dataclass(frozen=True)
class Agreement:
    """A metric of both runs.

    Attributes:
        points: steps that both have.
        equal: of these, points that are the same to the last digit.
        difference: the largest between two that are finite; 0 where none is.
        last: the last value of either run, None where it has none.
        missing: points that only one of the two has.
    """

    name: str
    points: int
    equal: int
    difference: float
    last: tuple[float | None, float | None]
    missing: int

    @property
    def exact(self) -> bool:
        return self.points > 0 and self.equal == self.points and not self.missing


def agreement(name: str, before: Curve, after: Curve) -> Agreement:
    """Return how well two curves of a metric agree, step by step; NaN agrees with NaN."""
    steps, own, others = np.intersect1d(before.steps, after.steps, assume_unique=True, return_indices=True)
    first, second = before.values[own], after.values[others]
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    finite = np.isfinite(first) & np.isfinite(second)
    with np.errstate(over="ignore"):  # further apart than a number can say is infinitely far
        apart = np.abs(first[finite] - second[finite])
    return Agreement(
        name=name,
        points=len(steps),
        equal=int(same.sum()),
        difference=float(apart.max()) if apart.size else 0.0,
        last=(_last(before), _last(after)),
        missing=len(before) + len(after) - 2 * len(steps),
    )


def _last(curve: Curve) -> float | None:
    return float(curve.values[-1]) if len(curve) else None


def read_metrics(lines: Iterable[str]) -> dict[str, Curve]:
    """Return the curves in a ``metrics.jsonl`` by name."""
    points: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        record = json.loads(line)
        step = record.pop("step")
        for name, value in record.items():
            points.setdefault(name, []).append((step, value))
    return {name: _curve(own) for name, own in points.items()}


def _curve(points: list[tuple[int, float]]) -> Curve:
    steps, values = zip(*points, strict=True)
    return Curve(np.asarray(steps, np.int64), np.asarray(values, np.float64))


def verdict(found: Iterable[Agreement], attempts: Iterable[AttemptView]) -> str:
    """Return in a sentence or two whether a trial, with these attempts, was reproduced."""
    metrics = list(found)
    compared = sum(each.points for each in metrics)
    if not compared:
        return "There is nothing to compare: the two runs have no step in common."
    if all(each.exact for each in metrics):
        return f"Reproduced to the last digit: all {count(compared, 'point')} are the same."
    worst = max(metrics, key=lambda each: each.difference)
    said = f"{sum(each.equal for each in metrics):,} of {count(compared, 'point')} are the same to the last digit"
    said += f"; the largest difference is {number(worst.difference)}, in {words(worst.name)}."
    return " ".join(filter(None, (said, _why(attempts))))


def _why(attempts: Iterable[AttemptView]) -> str:
    if all(attempt.engine in SERIAL for attempt in attempts):
        return "Another device, or other versions of what it is trained with, take sums in another order."
    return (
        "A trial that was trained in a fused pack, on another device or with other versions differs in its last digits "
        "from a run alone, because sums were taken in another order; at a large learning rate that grows step by step."
    )


def table(found: Mapping[str, Agreement]) -> list[tuple[str, ...]]:
    """Return the rows to print: metric, last value then and now, largest difference, points that are the same."""
    return [
        (
            words(name),
            number(each.last[0]),
            number(each.last[1]),
            number(each.difference),
            f"{each.equal:,} of {each.points:,}",
        )
        for name, each in found.items()
    ]
