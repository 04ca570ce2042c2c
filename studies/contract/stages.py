"""The stages of a study file: what each strategy is made of, and what can be said about each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from studies.contract.base import Fraction, Message
from studies.contract.pruners import Pruner
from studies.contract.study_fields import MAX_CELLS, MAX_GRID, BatchSizes, Momenta, Rates, refusal, unique

LrScaling = Literal["linear", "sqrt", "none"]
Search = Literal["grid", "random", "qmc", "tpe", "gp"]
SamplerName = Literal["random", "qmc", "tpe", "gp", "cma-es", "grid"]
Strategy = Literal["guide", "guided_search"]
StageKind = Literal[
    "lr_sweep",
    "batch_momentum",
    "decay_schedule",
    "lr_halving",
    "decay_probes",
    "parameter_probes",
    "search",
    "joint_search",
    "confirm",
]

STAGE_ORDERS: dict[Strategy, tuple[StageKind, ...]] = {
    "guide": ("lr_sweep", "batch_momentum", "decay_schedule"),
    "guided_search": ("lr_halving", "decay_probes", "parameter_probes", "search", "joint_search", "confirm"),
}
"""The order of each strategy's stages: a later one builds on what an earlier one chose. A study need not have all."""


class LrSweep(Message):
    """Stage 1: learning rate and number of steps.

    ``grid`` is the coarse sweep; ``refine`` the number of points added around its winner; ``seeds`` how many seeds
    each coarse point gets. ``free_seeds`` repeats of the grid's best two rates are asked for along with the
    refinement instead of afterwards and only if needed: a pack with room trains them at next to no cost. It is off by
    default, and on or off whatever the hardware: a decision must not depend on the room that some card happens to have.
    """

    kind: Literal["lr_sweep"]
    grid: Rates = (1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001)
    refine: int = Field(default=4, ge=0, le=MAX_GRID)
    seeds: int = Field(default=1, ge=1, le=100)
    free_seeds: int = Field(default=0, ge=0, le=2)

    @field_validator("seeds")
    @classmethod
    def _bounded(cls, seeds: int, info: ValidationInfo) -> int:
        points = len(info.data.get("grid", ()))
        if points * seeds > MAX_CELLS:
            raise refusal(
                f"makes {points * seeds} trials of {points} rates: use at most {MAX_CELLS // points} seeds, "
                "or a smaller grid"
            )
        return seeds


class BatchMomentum(Message):
    """Stage 2: batch size and momentum together, with a small LR bracket around the scaled rate.

    ``search: grid`` walks batch sizes x momenta x bracket. The others draw ``trials`` points from the box that
    the axes span, by the Optuna sampler of that name.
    """

    kind: Literal["batch_momentum"]
    batch_sizes: BatchSizes = (32, 64, 128)
    momenta: Momenta = (0.8, 0.9, 0.95)
    search: Search = "grid"
    trials: int | None = Field(default=None, ge=1, le=MAX_GRID, validate_default=True)
    lr_scaling: LrScaling = "linear"
    lr_bracket: Rates = Field(default=(0.5, 1.0, 2.0), validate_default=True)

    @field_validator("trials")
    @classmethod
    def _trials_belong_to_samplers(cls, trials: int | None, info: ValidationInfo) -> int | None:
        search = info.data.get("search", None if trials is None else "unknown")
        if search == "grid" and trials is not None:
            raise refusal("leave it out with search: grid, the axes say how many points there are")
        if search not in (None, "grid") and trials is None:
            raise refusal(f"say how many trials search: {search} may use, for example trials: 20")
        return trials

    @field_validator("lr_bracket")
    @classmethod
    def _bounded(cls, lr_bracket: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        axes: list[Sequence[object]] = [info.data.get("batch_sizes", ()), info.data.get("momenta", ()), lr_bracket]
        cells = math.prod(len(axis) for axis in axes)
        if info.data.get("search") == "grid" and cells > MAX_CELLS:
            raise refusal(
                f"makes a grid of {cells} points with batch_sizes and momenta, more than {MAX_CELLS}: "
                "shorten the axes, or sample with search: random and trials"
            )
        return lr_bracket


DecayForms = Annotated[
    tuple[Literal["linear", "exponential", "cosine", "polynomial", "piecewise"], ...],
    Field(min_length=1),
    AfterValidator(unique),
]


class DecaySchedule(Message):
    """Stage 3: whether the learning rate should decay, from when on, and in which form."""

    kind: Literal["decay_schedule"]
    forms: DecayForms = ("linear", "exponential", "cosine", "polynomial", "piecewise")


class LrHalving(Message):
    """Guided search, stage 1: the learning rate, by successive halving.

    Many rates begin, and a third of them goes on at 1/9 and at 1/3 of the steps. ``rates`` left out are spread
    evenly on a log scale over the range of ``lr``, around its default, as many as the budget has room for.
    """

    kind: Literal["lr_halving"]
    rates: Rates | None = None


class DecayProbes(Message):
    """Guided search, stage 2: whether a late decay pays.

    A linear and a cosine decay are tried from just before the dev peak, or what ``forms`` has instead. ``starts`` are
    the shares of a run at which a decay may begin; the probes take the one nearest to that place. The joint search
    takes any of the forms and starts.
    """

    kind: Literal["decay_probes"]
    forms: DecayForms = ("linear", "cosine")
    starts: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=100), AfterValidator(unique)] = tuple(
        share / 20 for share in range(20)
    )


Parallel = Annotated[int | None, Field(ge=1, le=1024)]
"""Runs of a stage that are under way at once."""


class ParameterProbes(Message):
    """Guided search, stage 3: one hyperparameter after the other, a step to either side.

    ``lr_scaling`` says how the learning rate follows the batch size and 1 - momentum; ``parallel`` as in `JointSearch`.
    """

    kind: Literal["parameter_probes"]
    lr_scaling: LrScaling = "sqrt"
    parallel: Parallel = None


class SamplerSearch(Message):
    """A search that the user defines: a sampler over the study's space, runs stopped early by a pruner.

    It may be a study's only stage, or come after the sweep and the probes and before ``joint_search`` and ``confirm``.
    What does not move stands as in the best run of the stages before, or at its default.

    Attributes:
        sampler: Optuna's of that name; ``grid`` walks all combinations of listed values, in an order drawn by the seed.
        trials: runs of the stage; left out, the whole grid, or as many as the steps of the budget have room for.
        seeds: seeds that each point is run with; the sampler learns from their mean.
        parameters: the hyperparameters that move; left out, all that have a range.
        pruner: when a run is stopped early; left out, every run goes on to its end.
        parallel: as in `JointSearch`.
    """

    kind: Literal["search"]
    sampler: SamplerName = "tpe"
    trials: int | None = Field(default=None, ge=1, le=100_000)
    seeds: int = Field(default=1, ge=1, le=100)
    parameters: Annotated[tuple[str, ...], Field(min_length=1, max_length=100), AfterValidator(unique)] | None = None
    pruner: Pruner | None = None
    parallel: Parallel = None


class JointSearch(Message):
    """Guided search, stage 4: all hyperparameters together, by a Gaussian process over all runs so far.

    ``parallel`` is how many runs are under way at once; left out, one more than are running, and a quarter more
    where many are: so that a free worker finds something to do and a point is chosen as late as can be.
    """

    kind: Literal["joint_search"]
    parallel: Parallel = None


class Confirm(Message):
    """Guided search, stage 5: the best ``finalists`` with new seeds, chosen by their means."""

    kind: Literal["confirm"]
    finalists: int = Field(default=2, ge=2, le=10)


Stage = Annotated[
    LrSweep
    | BatchMomentum
    | DecaySchedule
    | LrHalving
    | DecayProbes
    | ParameterProbes
    | SamplerSearch
    | JointSearch
    | Confirm,
    Field(discriminator="kind"),
]


def default_stages(strategy: Strategy = "guided_search") -> tuple[Stage, ...]:
    """Return the stages that a strategy has by default, in order."""
    if strategy == "guide":
        return (LrSweep(kind="lr_sweep"), BatchMomentum(kind="batch_momentum"), DecaySchedule(kind="decay_schedule"))
    return (
        LrHalving(kind="lr_halving"),
        DecayProbes(kind="decay_probes"),
        ParameterProbes(kind="parameter_probes"),
        JointSearch(kind="joint_search"),
        Confirm(kind="confirm"),
    )


def strategy_of(kinds: Sequence[object]) -> Strategy:
    """Return the strategy that a file means by its stages alone: the guide where it names one of the guide's."""
    return "guide" if any(kind in STAGE_ORDERS["guide"] for kind in kinds) else "guided_search"


def stage_order_fault(kinds: Sequence[object], strategy: Strategy | None = None) -> str | None:
    """Return what is wrong with stages of these kinds in this order, None where they follow their strategy."""
    strategy = strategy or strategy_of(kinds)
    order = STAGE_ORDERS[strategy]
    others = {kind: name for name, known in STAGE_ORDERS.items() if name != strategy for kind in known}
    stray = next((kind for kind in kinds if kind in others), None)
    if stray is not None:
        return f"{stray} is a stage of strategy: {others[stray]}, those of strategy: {strategy} are {', '.join(order)}"
    positions = [order.index(kind) for kind in kinds if kind in order]
    if len(set(positions)) != len(positions):
        return "names a kind twice: each stage kind may stand once"
    if positions != sorted(positions):
        return f"must keep the order of strategy: {strategy}: {', '.join(order)}"
    return None
