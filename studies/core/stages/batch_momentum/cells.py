"""The configurations of stage 2: batch sizes x momenta x a small bracket of rates around the scaled one (guide 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from studies.contract.base import Params
from studies.contract.decision import Candidate
from studies.contract.study_file import BatchMomentum
from studies.core import schedules
from studies.core.context import Context
from studies.core.space import equal_epochs_steps, hold_effective_lr, lr_label, nice, scale_lr
from studies.core.starting import has_momentum, start

TIE_BREAK = 1e-3
"""Weight of the distance to all chosen cells beside the distance to the nearest one, which decides."""

UNDECAYED = schedules.constant()

DIGITS = 3
"""Significant digits of a scaled rate: finer than any difference that a run could show."""


@dataclass(frozen=True)
class Cell:
    """A point of the stage's space. ``capped`` says that the budget gives it fewer epochs than its peers."""

    params: Params
    num_steps: int
    capped: bool

    @cached_property
    def key(self) -> str:
        words = [f"{name}={self.params[name]}" for name in ("batch_size", "momentum") if name in self.params]
        return "/".join([*words, f"lr={lr_label(float(self.params['lr']))}"])

    @property
    def configuration(self) -> object:
        """The same as `studies.core.judging.configuration` of a trial that runs it."""
        return tuple(sorted(self.params.items())), UNDECAYED, self.num_steps


def momenta(context: Context[BatchMomentum]) -> tuple[float | None, ...]:
    """Return the momentum axis; for Adam and its kin it drops out (guide, stage 2)."""
    return context.stage.momenta if has_momentum(context.spec) else (None,)


def centre_lr(context: Context[BatchMomentum], batch_size: int, momentum: float | None) -> float:
    """Return the rate that follows the batch size by the stage's rule and keeps lr / (1 - momentum) (guide 2)."""
    origin = start(context).params
    lr = scale_lr(float(origin["lr"]), int(origin["batch_size"]), batch_size, context.stage.lr_scaling)
    if momentum is not None:
        lr = hold_effective_lr(lr, float(origin["momentum"]), momentum)
    return lr


def cell(context: Context[BatchMomentum], batch_size: int, momentum: float | None, factor: float) -> Cell:
    """Return the cell at this point: its rate scaled, and as many epochs as the start had, as far as the cap allows."""
    origin = start(context)
    params = {**origin.params, "batch_size": batch_size}
    if momentum is not None:
        params["momentum"] = momentum
    if params != origin.params or factor != 1.0:
        params["lr"] = nice(centre_lr(context, batch_size, momentum) * factor, DIGITS)
    return _with_steps(context, params)


def of_candidate(context: Context[BatchMomentum], candidate: Candidate) -> Cell:
    """Return the cell of an incoming candidate as it came."""
    return _with_steps(context, candidate.params)


def _with_steps(context: Context[BatchMomentum], params: Params) -> Cell:
    origin, cap = start(context), context.spec.budget.steps
    if context.spec.hold == "steps":
        return Cell(params, origin.num_steps, capped=False)
    batch0, batch = int(origin.params["batch_size"]), int(params["batch_size"])
    wanted = -(-origin.num_steps * batch0 // batch)
    return Cell(params, equal_epochs_steps(origin.num_steps, batch0, batch, cap), capped=wanted > cap)


def incoming_cells(context: Context[BatchMomentum]) -> list[Cell]:
    """Return the baseline first, then the other rates that the sweep carried on."""
    carried = context.incoming or (start(context),)
    return [of_candidate(context, candidate) for candidate in carried]


def grid_cells(context: Context[BatchMomentum]) -> list[Cell]:
    """Return the cells of the whole grid, each configuration once."""
    axes = (context.stage.batch_sizes, momenta(context), context.stage.lr_bracket)
    cells = (cell(context, batch, momentum, factor) for batch, momentum, factor in product(*axes))
    return list({each.key: each for each in cells}.values())


def spread(cells: Sequence[Cell], origin: Cell, count: int) -> list[Cell]:
    """Return `count` of the cells, spread evenly over the axes around `origin`: each the farthest from those before.

    Deterministic, and a shorter selection begins a longer one.
    """
    if count >= len(cells):
        return list(cells)
    places = _coordinates([origin, *cells])
    nearest = total = _distances(places[1:], places[0])
    chosen: list[int] = []
    for _ in range(count):
        # Corners are all as far from the middle: among equals the one that is farther from all the others.
        farthest = int(np.argmax(nearest + TIE_BREAK * total))
        chosen.append(farthest)
        to_chosen = _distances(places[1:], places[farthest + 1])
        nearest, total = np.minimum(nearest, to_chosen), total + to_chosen
        nearest[chosen] = -1.0
    return [cells[index] for index in chosen]


def _coordinates(cells: Sequence[Cell]) -> NDArray[np.float64]:
    """Return the cells as points [n, 3]: each axis by rank in [0, 1], the rate relative to the effective rate."""
    columns = [[_effective(each) for each in cells]]
    columns += [[float(each.params.get(name, 0.0)) for each in cells] for name in ("batch_size", "momentum")]
    ranks = [np.unique(column, return_inverse=True)[1] for column in columns]
    return np.stack([rank / max(1, rank.max()) for rank in ranks], axis=1).astype(np.float64)


def _effective(each: Cell) -> float:
    """Return lr / batch / (1 - momentum), which the linear rule holds fixed: what the bracket varies."""
    params = each.params
    effective = float(params["lr"]) / int(params["batch_size"]) / (1.0 - float(params.get("momentum", 0.0)))
    return nice(effective, DIGITS - 1)


def _distances(places: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(places - origin, axis=1), np.float64)
