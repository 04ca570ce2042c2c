"""The trials of the sweep: coarse grid, extension beyond an edge, refinement, repeats of the finalists (guide 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from studies.contract.study_file import LrSweep, StudySpec
from studies.core import schedules
from studies.core.actions import Proposal
from studies.core.context import Context, Phase
from studies.core.plan import Demand, sweep_steps
from studies.core.repeating import REPEAT, again, next_seed, repeats
from studies.core.space import at_edge, extend_beyond, lr_label, refine_around
from studies.core.stages.lr_sweep.standing import (
    Standing,
    as_repeated,
    diverged_rates,
    ranked,
    settled,
    standings,
    winner,
)
from studies.core.starting import DEFAULT_LR, default_params

EXTENSIONS = 3
"""Rates by which the grid is extended on one side at most."""

LEADING = 2
"""Rates of the coarse grid that get free seeds."""


def demand(spec: StudySpec, stage: LrSweep) -> Demand:
    """Return what the sweep asks for: grid, refinement, an extension, one repeat of both finalists, free seeds."""
    del spec
    grid = len(stage.grid) * stage.seeds
    free = LEADING * stage.free_seeds
    return Demand(minimum=min(3, grid), wanted=grid + stage.refine + EXTENSIONS + 2 + free)


# --- the phases --------------------------------------------------------------------------------------------------


def coarse_grid(context: Context[LrSweep]) -> Sequence[Proposal]:
    """Every rate of the grid with every seed; the rates nearest to 0.01 first, further seeds last."""
    rates = sorted(context.stage.grid, key=lambda lr: abs(math.log(lr / DEFAULT_LR)))
    reason = "Coarse grid of learning rates at a constant schedule (guide, stage 1)."
    return [_proposal(context, lr, seed, reason) for seed in range(context.stage.seeds) for lr in rates]


def extension(context: Context[LrSweep]) -> Sequence[Proposal]:
    """The next rate beyond the edge at which the grid's winner sits, or below when all of them diverged."""
    beyond, why = _beyond(context)
    if beyond is None:
        return ()
    return [_proposal(context, beyond, seed, why) for seed in range(context.stage.seeds)]


def refinement(context: Context[LrSweep]) -> Sequence[Proposal]:
    """Rates around the winner of the coarse grid, and along with them the free seeds of its best rates."""
    coarse = coarse_standings(context)
    return [*_finer(context, coarse), *_free_seeds(context, coarse)] if coarse else ()


def _finer(context: Context[LrSweep], coarse: Sequence[Standing]) -> list[Proposal]:
    """Rates around the winner of the coarse grid, within the range tried and below those above it that diverged."""
    best = winner(coarse).lr
    bound = min((lr for lr in diverged_rates(context) if _coarse(context, lr) and lr > best), default=None)
    tried = sorted({standing.lr for standing in coarse} | set(context.stage.grid))
    reason = f"Refine around lr {lr_label(best)}, the best of the coarse grid (guide, stage 1)."
    finer = refine_around(tried, best, 2 * context.stage.refine, bound)
    inside = [lr for lr in finer if tried[0] < lr < tried[-1]]
    return [_proposal(context, lr, 0, reason) for lr in inside[: context.stage.refine]]


def _free_seeds(context: Context[LrSweep], coarse: Sequence[Standing]) -> list[Proposal]:
    """Repeats of the best coarse rates, the same runs that `repetition` would ask for if they became finalists."""
    why = "it leads the coarse grid, and a pack may have room beside the refinement (free_seeds)."
    leading = ranked(coarse, LEADING) if context.stage.free_seeds else []
    return [
        again(standing.depth, next_seed(standing.depth) + repeat, repeat, why)
        for repeat in range(context.stage.free_seeds)
        for standing in leading
    ]


def repetition(context: Context[LrSweep]) -> Sequence[Proposal]:
    """Further seeds of the best two rates while their order is within noise (T)."""
    pair = finalists(context)
    why = "the lead of the best learning rate is within noise (guide, stage 1; T)."
    return repeats([s.depth for s in pair], lambda done: settled(as_repeated(pair, done), repeated=done > 0), why)


PHASES: tuple[Phase[LrSweep], ...] = (coarse_grid, extension, refinement, repetition)


# --- what they stand on ------------------------------------------------------------------------------------------


def finalists(context: Context[LrSweep]) -> list[Standing]:
    """Return the best two rates by the runs before any repeat, in that order, with all their runs."""
    everything = {standing.lr: standing for standing in standings(context)}
    return [everything[standing.lr] for standing in ranked(as_repeated(everything.values(), 0), 2)]


def coarse_standings(context: Context[LrSweep]) -> list[Standing]:
    """Return how the rates of the grid and its extensions stood before refinement and repeats."""
    return [standing for standing in as_repeated(standings(context), 0) if _coarse(context, standing.lr)]


def _coarse(context: Context[LrSweep], lr: float) -> bool:
    return lr in ladder(context.stage.grid)


def ladder(grid: Sequence[float]) -> list[float]:
    """Return the grid with the rates that it may be extended by, smallest first.

    A grid of one rate has no spacing to go on by: it says what the user wants, and is not extended.
    """
    rungs = sorted(grid)
    for _ in range(EXTENSIONS if len(grid) > 1 else 0):
        rungs = [extend_beyond(rungs, "low"), *rungs, extend_beyond(rungs, "high")]
    return rungs


def _beyond(context: Context[LrSweep]) -> tuple[float | None, str]:
    coarse = coarse_standings(context)
    diverged = {lr for lr in diverged_rates(context) if _coarse(context, lr)}
    rungs = ladder(context.stage.grid)
    if not coarse:
        below = [lr for lr in rungs if diverged and lr < min(diverged)]
        return max(below, default=None), "Every rate so far diverged: try a smaller one (guide, stage 1)."
    best = winner(coarse)
    side = at_edge(sorted({standing.lr for standing in coarse} | diverged), best.lr)
    if side is None or _edge_by_tie(coarse, best):
        return None, ""
    outside = [lr for lr in rungs if (lr < best.lr if side == "low" else lr > best.lr)]
    nearest = min(outside, key=lambda lr: abs(math.log(lr / best.lr)), default=None)
    return nearest, f"The winner, lr {lr_label(best.lr)}, sits on the edge of the grid: extend it that way (T)."


def _edge_by_tie(coarse: Sequence[Standing], best: Standing) -> bool:
    """Return whether the smallest rate won as the smaller one of a tie only: flat terrain goes on for ever."""
    neighbour = min((s for s in coarse if s is not best), key=lambda s: abs(math.log(s.lr / best.lr)), default=None)
    return neighbour is not None and neighbour.lr > best.lr and not settled([best, neighbour], repeated=True)


def _proposal(context: Context[LrSweep], lr: float, replicate: int, reason: str) -> Proposal:
    seed = context.spec.seed + replicate
    key = f"lr={lr_label(lr)}"
    return Proposal(
        key=f"{key}{REPEAT}{seed}" if replicate else key,
        params=default_params(context.spec, lr),
        schedule=schedules.constant(),
        num_steps=sweep_steps(context.spec),
        seed=seed,
        reason=reason,
    )
