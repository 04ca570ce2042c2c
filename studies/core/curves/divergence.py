"""Divergence: a result, not an error. It must show on a prefix, and never on a healthy curve (guide, stage 1).

Rates that are too large seldom end in NaN. Most blow the loss up within a few updates and let it come back, to where
it began or even to a good fit. So an early peak of any height proves nothing; a loss that stays high does.
"""

from __future__ import annotations

import numpy as np

from studies.core.curves.smoothing import HUGE, Values
from studies.core.snapshot import Curve

PATIENCE = 50
"""Points that a loss must stay high, or a quarter of all so far if that is more: early bumps are shorter."""

WELL_ABOVE = 2.0
"""Every single one of those points lies this many times above the first loss. Their middle lies far higher."""


def diverged(loss: Curve) -> str | None:
    """Return a sentence that says how the run diverged, None while it has not.

    Diverged is a loss that was NaN, infinite or beyond 1e100 once, or that stays well above where it began. Each
    answer depends on the points so far alone.
    """
    lost = np.flatnonzero(~(np.abs(loss.values) < HUGE))
    if lost.size:
        return f"the training loss was {loss.values[lost[0]]:.3g} at step {loss.steps[lost[0]]:,}"
    return _stays_high(loss.values)


def _stays_high(values: Values) -> str | None:
    count = max(PATIENCE, values.size // 4)
    if values.size <= count:
        return None
    first, latest = float(values[0]), values[-count:]
    lower, middle = (float(quantile) for quantile in np.quantile(latest, (0.25, 0.5)))
    if np.min(latest) <= first + (WELL_ABOVE - 1) * abs(first) or _may_be_luck(first, lower, middle):
        return None
    return f"the training loss was {middle:.3g} over its last {count:,} steps, well above the {first:.3g} it began at"


def _may_be_luck(first: float, lower: float, middle: float) -> bool:
    """Return whether the first loss may be low by chance: losses of tiny batches are skewed, with many near zero.

    There the lower quartile is nearer to zero than to the median, so no first loss can lie further below it.
    """
    return lower - first <= middle - lower
