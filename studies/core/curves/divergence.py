"""Divergence: a result, not an error. It must show on a prefix, and never on a healthy curve (guide, stage 1)."""

from __future__ import annotations

import numpy as np

from studies.core.curves.smoothing import HUGE, Values
from studies.core.snapshot import Curve

OPENING = 20
"""Points that say where a loss began."""

PATIENCE = 50
"""Points that a loss must stay high, and a quarter of all so far: an early bump under momentum is shorter."""

WELL_ABOVE = 3.0
"""How many times the opening level is "well above where it began"."""

OUTLIER = 4.0
"""Robust standard deviations that set the first loss apart from the rest of the opening."""

QUARTILES_TO_DEVIATION = 1.349
"""Interquartile range of a normal distribution in standard deviations."""


def diverged(loss: Curve) -> str | None:
    """Return a sentence that says how the run diverged, None while it has not.

    Diverged is a loss that is NaN, infinite or beyond 1e100 once, or three quarters of whose latest points (50, and a
    quarter of all) lie above three times the level of its first 20. Being asked again with more points is cheap: each
    answer depends on the points so far alone.
    """
    lost = np.flatnonzero(~(np.abs(loss.values) < HUGE))
    if lost.size:
        return f"the training loss was {loss.values[lost[0]]:.3g} at step {loss.steps[lost[0]]:,}"
    return _far_above_its_start(loss.values)


def _far_above_its_start(values: Values) -> str | None:
    latest = max(PATIENCE, values.size // 4)
    if values.size < OPENING + latest:
        return None
    level, spread = _opening(values[:OPENING])
    lower = float(np.quantile(values[-latest:], 0.25))
    if lower <= level + (WELL_ABOVE - 1.0) * max(abs(level), spread):
        return None
    middle = float(np.median(values[-latest:]))
    return f"the training loss was {middle:.3g} over its last {latest:,} steps, well above the {level:.3g} it began at"


def _opening(values: Values) -> tuple[float, float]:
    """Return where a loss began, and its spread there.

    That is the median of its first points. But a rate that is far too large blows the loss up with the first update:
    then the first loss, taken before any update, lies far below all others and is where it began.
    """
    low, level, high = (float(quantile) for quantile in np.quantile(values, (0.25, 0.5, 0.75)))
    spread = (high - low) / QUARTILES_TO_DEVIATION
    first = float(values[0])
    if level - first > OUTLIER * spread:
        return first, 0.0
    return level, spread
