"""Where the ticks of an axis stand and what they say: round numbers, and powers of ten on a log axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.format import number

_STEPS = (1.0, 2.0, 5.0, 10.0)
_DIGITS = 6
_FEWEST = 2
"""Ticks that an axis needs to be read."""
_EDGE = 1e-9
"""By how much of a step a tick may lie outside of its range: what rounding costs."""


@dataclass(frozen=True)
class Tick:
    """A tick ``at`` a place in the axis's units (on a log axis the logarithm to base 10)."""

    at: float
    label: str


def linear_ticks(low: float, high: float, most: int) -> tuple[Tick, ...]:
    """Return at most `most` + 1 ticks at multiples of 1, 2 or 5 times a power of ten within ``[low, high]``."""
    if not high > low:
        return (Tick(low, number(low, _DIGITS)),)
    step = round_step((high - low) / max(1, most))
    if len(_multiples(low, high, step)) < _FEWEST:
        step = round_step(step / 2)
    return tuple(Tick(index * step, number(_exact(index, step), _DIGITS)) for index in _multiples(low, high, step))


def _multiples(low: float, high: float, step: float) -> range:
    return range(math.ceil(low / step - _EDGE), math.floor(high / step + _EDGE) + 1)


def round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is at least `least` (and positive)."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (*_STEPS, 20.0) if step * power >= least * (1 - _EDGE))


def _exact(index: int, step: float) -> float:
    """Return index times step without the noise of the product: 0.3, not 0.30000000000000004."""
    return float(f"{index * step:.12g}")


def log_ticks(low: float, high: float, most: int) -> tuple[Tick, ...]:
    """Return ticks within ``[10**low, 10**high]``, at their logarithms.

    Powers of ten, as many as there is room for; with 2 and 5 between them where the range has few; and round numbers
    as on a linear axis where it has less than two of all these.
    """
    decades = range(math.ceil(low - _EDGE), math.floor(high + _EDGE) + 1)
    if len(decades) > 1 and 3 * (high - low) > most:
        return tuple(Tick(float(power), number(10.0**power)) for power in _spaced(decades, most))
    kept = [
        Tick(at, number(float(f"{digit}e{power}")))
        for power in range(math.floor(low), math.ceil(high) + 1)
        for digit in (1, 2, 5)
        if low - _EDGE <= (at := math.log10(digit) + power) <= high + _EDGE
    ]
    return tuple(kept) if len(kept) > 1 else _logs_of(linear_ticks(10.0**low, 10.0**high, most))


def _spaced(decades: range, most: int) -> range:
    """Return every second, third, ... of two `decades` or more: the multiples of that, where these are two at least."""
    stride = -(-len(decades) // most)
    spaced = range(-(-decades[0] // stride) * stride, decades[-1] + 1, stride)
    return spaced if len(spaced) > 1 else decades[::stride]


def _logs_of(ticks: tuple[Tick, ...]) -> tuple[Tick, ...]:
    return tuple(Tick(math.log10(tick.at), tick.label) for tick in ticks if tick.at > 0)
