"""Arithmetic on hyperparameters: scaling a learning rate, refining and extending a grid, equal epochs, labels.

Guide, stages 1 and 2. Grids are given in any order; learning rates are positive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Literal

from studies.contract.study_file import LrScaling

Side = Literal["low", "high"]

DECADE = 10.0

MANTISSAS: tuple[tuple[float, ...], ...] = ((3, 5), (2, 7), (1.5, 4, 6, 8, 9))
"""What a practitioner puts between two decades, best first (guide, stage 1: 0.003 and 0.005, then 0.007)."""

PLAIN_EXPONENTS = range(-3, 5)
"""Decades in which a rate is written without an exponent."""


def scale_lr(lr0: float, batch0: int, batch: int, rule: LrScaling) -> float:
    """Return the rate for `batch` of a rate that suited `batch0` (guide, stage 2: 0.1 at 256 is 0.2 at 512).

    ``linear`` keeps lr/batch (P, B, M), ``sqrt`` keeps lr/sqrt(batch), ``none`` keeps the rate.
    """
    ratio = batch / batch0
    return lr0 * {"linear": ratio, "sqrt": math.sqrt(ratio), "none": 1.0}[rule]


def hold_effective_lr(lr: float, momentum0: float, momentum: float) -> float:
    """Return the rate at `momentum` that keeps lr / (1 - momentum) where it was at `momentum0` (M)."""
    return lr * (1.0 - momentum) / (1.0 - momentum0)


def equal_epochs_steps(num_steps: int, batch0: int, batch: int, cap: int) -> int:
    """Return the steps at `batch` that see at least the samples of `num_steps` at `batch0`, at most `cap` (M)."""
    return min(cap, -(-num_steps * batch0 // batch))


# --- grids -------------------------------------------------------------------------------------------------------


def at_edge(grid: Sequence[float], winner: float) -> Side | None:
    """Return the side on which the grid ends at its winner (T: the grid is wrong there), None inside.

    One point alone spans nothing and has no edge.
    """
    if len(grid) == 1 or min(grid) < winner < max(grid):
        return None
    return "low" if winner <= min(grid) else "high"


def extend_beyond(grid: Sequence[float], side: Side) -> float:
    """Return the next rate on that side, by the grid's own spacing there (a decade where it has one point)."""
    ordered = sorted(grid, reverse=side == "low")
    edge = ordered[-1]
    ratio = edge / ordered[-2] if len(ordered) > 1 else {"low": 1 / DECADE, "high": DECADE}[side]
    beyond = edge * ratio
    rounded = nice(beyond)
    return rounded if (rounded < edge) == (side == "low") and rounded != edge else beyond


def refine_around(
    grid: Sequence[float], winner: float, count: int, upper_bound: float | None = None
) -> tuple[float, ...]:
    """Return up to `count` new rates around the winner, for 0.01 in decades: 0.005, 0.03, 0.003, 0.05 (G).

    They lie strictly between the winner's neighbours (its own spacing stands in for one that is missing), are round
    to two digits, do not repeat a grid point and stay below `upper_bound`, a rate known to diverge. Better mantissas
    come first, among equals the nearer one, so that a prefix is a good choice too. Fewer than `count` are returned
    where the grid is as fine as two digits already.
    """
    low, high = _neighbours(grid, winner)
    high = high if upper_bound is None else min(high, upper_bound)
    chosen: list[float] = []
    for mantissas in (*MANTISSAS, tuple(tenth / 10 for tenth in range(10, 100))):
        fresh = (rate for rate in _between(low, high, mantissas) if rate not in grid and rate not in chosen)
        chosen += sorted(fresh, key=lambda rate: abs(math.log(rate / winner)))
    return tuple(chosen[:count])


def _neighbours(grid: Sequence[float], winner: float) -> tuple[float, float]:
    below = [rate for rate in grid if rate < winner]
    above = [rate for rate in grid if rate > winner]
    low = max(below) if below else winner * winner / min(above) if above else winner / DECADE
    high = min(above) if above else winner * winner / max(below) if below else winner * DECADE
    return low, high


def _between(low: float, high: float, mantissas: Iterable[float]) -> Iterator[float]:
    """Yield mantissa x 10^k strictly between `low` and `high`, the rates nearly equal to either left out."""
    if not low < high:
        return
    for exponent in range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1):
        for mantissa in mantissas:
            rate = float(f"{mantissa}e{exponent}")
            if low * (1 + 1e-9) < rate < high * (1 - 1e-9):
                yield rate


# --- numbers for people and for keys -----------------------------------------------------------------------------


def nice(value: float, digits: int = 2) -> float:
    """Round to `digits` significant digits: 0.0033333 -> 0.0033."""
    return float(f"{value:.{digits - 1}e}")


def lr_label(lr: float) -> str:
    """Write a rate as people do: ``0.001``, ``1e-5``, ``3.2e-4``. Different rates have different labels."""
    exact = Decimal(repr(lr)).normalize()
    if exact.adjusted() in PLAIN_EXPONENTS:
        return f"{exact:f}"
    return f"{exact.scaleb(-exact.adjusted()):f}e{exact.adjusted()}"
