"""The study file: what a user submits, checked whole.

The same document travels as YAML on disk and as JSON in ``POST /api/v1/studies``. `StudySpec` is its meaning;
`studies.contract.study_document` reads the two texts and names every fault by its path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from studies.contract.base import Fraction, Message, NonNegative, Positive, Scalar, Steps
from studies.contract.command import CommandObjective, unknown_placeholder
from studies.contract.search_space import STANDARD, SearchRanges

OptimizerName = Literal["sgd", "nesterov", "adam", "adamw", "rmsprop"]
Precision = Literal["float32", "float64", "bfloat16", "float16"]
LrScaling = Literal["linear", "sqrt", "none"]
Search = Literal["grid", "random", "qmc", "tpe", "gp"]
Strategy = Literal["guide", "guided_search"]
StageKind = Literal[
    "lr_sweep",
    "batch_momentum",
    "decay_schedule",
    "lr_halving",
    "decay_probes",
    "parameter_probes",
    "joint_search",
    "confirm",
]

STAGE_ORDERS: dict[Strategy, tuple[StageKind, ...]] = {
    "guide": ("lr_sweep", "batch_momentum", "decay_schedule"),
    "guided_search": ("lr_halving", "decay_probes", "parameter_probes", "joint_search", "confirm"),
}
"""The order of each strategy's stages: a later one builds on what an earlier one chose."""

MAX_GRID = 1_000
"""Most points of one axis, most trials of one stage's search: a bound against typing errors, not a tuning rule."""

MAX_CELLS = 10_000
"""Most points of one stage's grid, all axes multiplied."""

MOMENTUM_OPTIMIZERS: tuple[OptimizerName, ...] = ("sgd", "nesterov")
"""With an all-round optimiser (Adam, RMSProp) momentum is left alone (guide, stage 2)."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
TAG = re.compile(r"\w[\w.:/+-]{0,39}")
METRIC_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
FUNCTION_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*:[A-Za-z_][A-Za-z0-9_]*")


def _fault(message: str) -> PydanticCustomError:
    return PydanticCustomError("study", "{message}", {"message": message})


def _matching(pattern: re.Pattern[str], meaning: str) -> AfterValidator:
    """Return a check that a text is of the form `pattern`, which a fault explains as `meaning`."""

    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise _fault(meaning)
        return text

    return AfterValidator(check)


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = {str(value) for value in values if values.count(value) > 1}
    if repeated:
        raise _fault(f"must not repeat a value: {', '.join(sorted(repeated))} given more than once")
    return values


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise _fault("must be true, false, a number or a text")
    return value


Argument = Annotated[Scalar, BeforeValidator(_scalar)]
"""A keyword argument of a function objective."""

Rates = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=MAX_GRID), AfterValidator(_unique)]
BatchSizes = Annotated[tuple[Steps, ...], Field(min_length=1, max_length=MAX_GRID), AfterValidator(_unique)]
Momenta = Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=MAX_GRID), AfterValidator(_unique)]


class ImageClassificationArgs(Message):
    """Arguments of the builtin objective ``image_classification``.

    Attributes:
        dataset: ``digits``, ``image_folder`` or the name of a torchvision data set class such as ``FashionMNIST``.
        model: ``small_cnn``, ``mlp`` or the name of a torchvision model such as ``resnet18``.
        root: folder of the data on the worker (torchvision and image_folder).
        download: let torchvision fetch the data set if it is not in ``root``.
        dev_fraction: share of the training set held out, stratified by class, as the dev set.
        image_size: side in pixels that images are resized to; None keeps them.
    """

    dataset: str = Field(min_length=1, max_length=100)
    model: str = Field(min_length=1, max_length=100)
    root: str | None = Field(default=None, max_length=1000)
    download: bool = False
    dev_fraction: float = Field(default=0.2, gt=0, lt=1)
    image_size: int | None = Field(default=None, ge=1, le=4096)


class BuiltinObjective(Message):
    """A task class that Stagetune ships."""

    kind: Literal["builtin"]
    name: Literal["image_classification"]
    args: ImageClassificationArgs


class FunctionObjective(Message):
    """A Python function ``train(trial)``, named as ``file.py:function`` or ``package.module:function``.

    The worker decides whether it may run (``stagetune-worker --allow 'train.py:*'``). A file is looked up below the
    worker's working folder.
    """

    kind: Literal["function"]
    target: Annotated[
        str,
        Field(max_length=300),
        _matching(FUNCTION_TARGET, "must name a function as file.py:function or package.module:function"),
    ]
    args: dict[str, Argument] = Field(default_factory=dict)

    @field_validator("target")
    @classmethod
    def _confined(cls, target: str) -> str:
        if ".." in target.split(":", maxsplit=1)[0].split("/"):
            raise _fault("must stay below the worker's folder: '..' is not allowed")
        return target


Objective = Annotated[BuiltinObjective | FunctionObjective | CommandObjective, Field(discriminator="kind")]


MAX_TAGS = 20
"""Most tags of a study."""


def _unique_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    _unique(tuple(tag.casefold() for tag in tags))
    return tags


Tag = Annotated[
    str, _matching(TAG, "must be one word of at most 40 characters: letters, digits and any of . _ - : / +")
]
Tags = Annotated[tuple[Tag, ...], Field(max_length=MAX_TAGS), AfterValidator(_unique_tags)]

STALL_TIMEOUT = 1800.0
"""Seconds of silence after which a run is taken to hang: half an hour, longer than loading data or an epoch between
two reports should take, and short enough that a night is not lost to one collective operation that never returns."""


class Metric(Message):
    """What the study is judged by: a metric that the objective reports at each dev evaluation."""

    name: Annotated[
        str, _matching(METRIC_NAME, "must be 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or '_'")
    ] = "dev_accuracy"
    direction: Literal["maximize", "minimize"] = "maximize"


class Budget(Message):
    """The most steps of one trial, and the most trials of the study (replicates included).

    A guided search counts in steps consumed: ``steps`` is the length of a full run, and the whole study never takes
    more than ``steps`` times ``trials`` steps. A run that is stopped costs what it ran, so there can be more trials.
    """

    steps: Steps = 600
    trials: Annotated[int, Field(ge=1, le=100_000)] = 60


class Defaults(Message):
    """Hyperparameters where no stage has chosen yet (guide, section 0: regularisers off, batch size 64).

    Attributes:
        lr: where a guided search begins: the rate that suits most nets (M).
    """

    lr: Positive = 0.01
    batch_size: Steps = 64
    momentum: Fraction = 0.9
    weight_decay: NonNegative = 0.0


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
            raise _fault(
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
            raise _fault("leave it out with search: grid, the axes say how many points there are")
        if search not in (None, "grid") and trials is None:
            raise _fault(f"say how many trials search: {search} may use, for example trials: 20")
        return trials

    @field_validator("lr_bracket")
    @classmethod
    def _bounded(cls, lr_bracket: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        axes: list[Sequence[object]] = [info.data.get("batch_sizes", ()), info.data.get("momenta", ()), lr_bracket]
        cells = math.prod(len(axis) for axis in axes)
        if info.data.get("search") == "grid" and cells > MAX_CELLS:
            raise _fault(
                f"makes a grid of {cells} points with batch_sizes and momenta, more than {MAX_CELLS}: "
                "shorten the axes, or sample with search: random and trials"
            )
        return lr_bracket


DecayForms = Annotated[
    tuple[Literal["linear", "exponential", "cosine", "polynomial", "piecewise"], ...],
    Field(min_length=1),
    AfterValidator(_unique),
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
    starts: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=100), AfterValidator(_unique)] = tuple(
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
    LrSweep | BatchMomentum | DecaySchedule | LrHalving | DecayProbes | ParameterProbes | JointSearch | Confirm,
    Field(discriminator="kind"),
]


def default_stages(strategy: Strategy = "guided_search") -> tuple[Stage, ...]:
    """Return all stages of a strategy, in order, with their defaults."""
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


def _stages_of(fields: dict[str, Any]) -> tuple[Stage, ...]:
    return default_stages(fields.get("strategy", "guided_search"))


def _kind_of(stage: object) -> object:
    return stage.get("kind") if isinstance(stage, dict) else getattr(stage, "kind", None)


def _default_evaluate_every(fields: dict[str, Any]) -> int:
    return min(50, fields["budget"].steps) if "budget" in fields else 50


MAX_ATTEMPTS = 2
"""How often a trial may fail by its own fault, unless the study file says otherwise."""


class StudySpec(Message):
    """A study as submitted, with every default filled in.

    ``tags`` are words to find the study by, whatever their case.

    ``strategy`` left out is ``guide`` where the stages are the guide's, ``guided_search`` otherwise. ``space`` is for a
    guided search: ranges that replace or extend the built-in ones. ``hold`` is what a change of the batch size leaves
    as it is. With ``epochs`` a run at a larger batch takes fewer steps than ``budget.steps``, so that
    it sees as many samples as one at the default batch size; with ``steps`` every full run takes ``budget.steps``.

    ``evaluate_every`` left out is 50 steps, or the budget's steps where those are fewer. ``precision`` is that of
    builtin objectives: ``bfloat16`` and ``float16`` are mixed precision, weights and loss staying float32, the latter
    with dynamic loss scaling (guide, section 5); ``float64`` is for comparing runs to the last digit.

    A run that says nothing for ``stall_timeout`` seconds (no metric, no line of output) is taken to hang: it is
    stopped, and the attempt counts as failed. 0 waits for ever.
    ``max_attempts`` is how many attempts of a trial may fail by their own fault (the run raised, was killed, ran out
    of memory alone) before the trial has failed and the study goes on without it. An attempt that ended with its
    worker, was given back or had to leave its pack does not count.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "digits-cnn",
                    "objective": {
                        "kind": "builtin",
                        "name": "image_classification",
                        "args": {"dataset": "digits", "model": "small_cnn"},
                    },
                    "budget": {"steps": 600, "trials": 60},
                    "strategy": "guide",
                    "stages": [
                        {"kind": "lr_sweep", "grid": [1, 0.1, 0.01, 0.001, 0.0001, 0.00001]},
                        {"kind": "batch_momentum", "batch_sizes": [32, 64, 128], "momenta": [0.8, 0.9, 0.95]},
                        {"kind": "decay_schedule"},
                    ],
                }
            ]
        }
    )

    name: Annotated[
        str, _matching(NAME, "must be 1 to 100 letters, digits, '.', '_' or '-', starting with a letter or digit")
    ]
    tags: Tags = ()
    objective: Objective
    metric: Metric = Metric()
    optimizer: OptimizerName = "sgd"
    precision: Precision = "float32"
    strategy: Strategy = "guided_search"
    seed: int = Field(default=0, ge=0, lt=2**31)
    budget: Budget = Budget()
    evaluate_every: Steps = Field(default_factory=_default_evaluate_every)
    defaults: Defaults = Defaults()
    space: SearchRanges = Field(default_factory=dict)
    hold: Literal["epochs", "steps"] = "epochs"
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = Field(default_factory=_stages_of)
    gates: Literal["auto", "approve"] = "auto"
    stall_timeout: NonNegative = STALL_TIMEOUT
    max_attempts: Annotated[int, Field(ge=1, le=100)] = MAX_ATTEMPTS

    @model_validator(mode="before")
    @classmethod
    def _strategy_by_its_stages(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "strategy" in data:
            return data
        stages = data.get("stages")
        kinds = [_kind_of(stage) for stage in stages] if isinstance(stages, list | tuple) else []
        return {**data, "strategy": strategy_of(kinds)}

    @model_validator(mode="after")
    def _asks_for_what_there_is(self) -> StudySpec:
        if isinstance(self.objective, CommandObjective):
            standard = [name for name in STANDARD if name != "momentum" or self.optimizer in MOMENTUM_OPTIMIZERS]
            parameters = dict.fromkeys((*standard, *self.space))
            if fault := unknown_placeholder(self.objective.command, parameters):
                raise _fault(f"objective.command {fault}")
        return self

    @field_validator("stages")
    @classmethod
    def _each_kind_once_in_order(cls, stages: tuple[Stage, ...], info: ValidationInfo) -> tuple[Stage, ...]:
        fault = stage_order_fault([stage.kind for stage in stages], info.data.get("strategy"))
        if fault:
            raise _fault(fault)
        return stages

    @field_validator("evaluate_every")
    @classmethod
    def _evaluated_at_least_once(cls, evaluate_every: int, info: ValidationInfo) -> int:
        budget = info.data.get("budget")
        if budget is not None and evaluate_every > budget.steps:
            raise _fault(
                f"is more than budget.steps ({budget.steps}), so no trial would ever be evaluated: "
                f"use at most {budget.steps}"
            )
        return evaluate_every
