"""The rates of the sweep: evenly spread over the range of lr on a log scale, around the default."""

from __future__ import annotations

import math
from collections.abc import Sequence

from studies.contract.search_space import Choice
from studies.contract.study_file import LrHalving, StudySpec
from studies.core import schedules
from studies.core.actions import Proposal
from studies.core.context import Context
from studies.core.search.budget import SHARES
from studies.core.search.lengths import full_length, rungs
from studies.core.search.space import ranges, starting_params
from studies.core.space import lr_label, nice

SPACING = math.sqrt(10.0)
"""Half a decade between rates: the joint search comes back to what lies between."""

WIDEST = 10.0
"""A decade between rates where the budget has no room for more (guide, stage 1)."""

MORE = 1.5
"""Halving affords about so many times the rates that full runs would (guide, section 7)."""


def first_runs(context: Context[LrHalving]) -> Sequence[Proposal]:
    """Return every rate's run to the first rung, the rates nearest to the default first."""
    params = starting_params(context.spec)
    length = full_length(context.spec, params)
    first = rungs(context.spec, length)[0]
    return [
        Proposal(
            key=f"lr={lr_label(rate)}",
            params={**params, "lr": rate},
            schedule=schedules.constant(),
            num_steps=first,
            seed=context.spec.seed,
            reason="Sweep of learning rates by successive halving (guide, section 7).",
        )
        for rate in rates(context.spec, context.stage)
    ]


def rates(spec: StudySpec, stage: LrHalving) -> list[float]:
    """Return the rates of the sweep, nearest to the default first."""
    centre = float(starting_params(spec)["lr"])
    found = stage.rates or _of_range(spec, centre)
    return sorted(found, key=lambda rate: (abs(math.log(rate / centre)), rate))


def _of_range(spec: StudySpec, centre: float) -> Sequence[float]:
    given = ranges(spec)["lr"]
    if isinstance(given, Choice):
        return [float(value) for value in given.values]
    low, high = float(given.low), float(given.high)
    decades = math.log10(high / low)
    wanted = max(MORE * SHARES["lr_halving"] * spec.budget.trials, 1.0)
    ratio = min(WIDEST, max(SPACING, 10 ** (decades / wanted)))
    below = math.floor(math.log(centre / low) / math.log(ratio) + 1e-9)
    above = math.floor(math.log(high / centre) / math.log(ratio) + 1e-9)
    return [nice(centre * ratio**power) for power in range(-below, above + 1)]
