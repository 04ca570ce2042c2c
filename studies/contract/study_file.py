"""The study file: what a user submits, checked whole.

The same document travels as YAML on disk and as JSON in ``POST /api/v1/studies``. `StudySpec` is its meaning;
`studies.contract.study_document` reads the two texts and names every fault by its path.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from studies.contract.base import Fraction, Message, NonNegative, Positive, Scalar, Steps

OptimizerName = Literal["sgd", "nesterov", "adam", "adamw", "rmsprop"]
LrScaling = Literal["linear", "sqrt", "none"]
Search = Literal["grid", "random", "qmc", "tpe", "gp"]
StageKind = Literal["lr_sweep", "batch_momentum", "decay_schedule"]

STAGE_ORDER: tuple[StageKind, ...] = ("lr_sweep", "batch_momentum", "decay_schedule")
"""The guide's order: a later stage builds on what an earlier one chose."""

MAX_GRID = 1_000
"""Most points of one axis, most trials of one stage's search: a bound against typing errors, not a tuning rule."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("must not repeat a value")
    return values


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
    target: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*:[A-Za-z_][A-Za-z0-9_]*$", max_length=300)
    args: dict[str, Scalar] = Field(default_factory=dict)

    @field_validator("target")
    @classmethod
    def _confined(cls, target: str) -> str:
        if ".." in target.split(":", maxsplit=1)[0].split("/"):
            raise ValueError("must stay below the worker's folder: '..' is not allowed")
        return target


Objective = Annotated[BuiltinObjective | FunctionObjective, Field(discriminator="kind")]


class Metric(Message):
    """What the study is judged by: a metric that the objective reports at each dev evaluation."""

    name: str = Field(default="dev_accuracy", pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")
    direction: Literal["maximize", "minimize"] = "maximize"


class Budget(Message):
    """The most steps of one trial, and the most trials of the study (replicates included)."""

    steps: Steps = 600
    trials: Annotated[int, Field(ge=1, le=100_000)] = 60


class Defaults(Message):
    """Hyperparameters where no stage has chosen yet (guide, section 0: regularisers off, batch size 64)."""

    batch_size: Steps = 64
    momentum: Fraction = 0.9
    weight_decay: NonNegative = 0.0


class LrSweep(Message):
    """Stage 1: learning rate and number of steps.

    ``grid`` is the coarse sweep; ``refine`` the number of points added around its winner; ``seeds`` how many seeds
    each coarse point gets.
    """

    kind: Literal["lr_sweep"]
    grid: Rates = (1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001)
    refine: int = Field(default=4, ge=0, le=MAX_GRID)
    seeds: int = Field(default=1, ge=1, le=100)


class BatchMomentum(Message):
    """Stage 2: batch size and momentum together, with a small LR bracket around the scaled rate.

    ``search: grid`` walks batch sizes x momenta x bracket. The others draw ``trials`` points from the box that
    the axes span, by the Optuna sampler of that name.
    """

    kind: Literal["batch_momentum"]
    batch_sizes: BatchSizes = (32, 64, 128)
    momenta: Momenta = (0.8, 0.9, 0.95)
    search: Search = "grid"
    trials: int | None = Field(default=None, ge=1, le=MAX_GRID)
    lr_scaling: LrScaling = "linear"
    lr_bracket: Rates = (0.5, 1.0, 2.0)

    @model_validator(mode="after")
    def _trials_belong_to_samplers(self) -> BatchMomentum:
        if self.search == "grid" and self.trials is not None:
            raise ValueError("trials: leave it out with search: grid, the axes say how many points there are")
        if self.search != "grid" and self.trials is None:
            raise ValueError(f"trials: say how many trials search: {self.search} may use, for example trials: 20")
        return self


class DecaySchedule(Message):
    """Stage 3: whether the learning rate should decay, from when on, and in which form."""

    kind: Literal["decay_schedule"]
    forms: Annotated[
        tuple[Literal["linear", "exponential", "cosine", "polynomial", "piecewise"], ...],
        Field(min_length=1),
        AfterValidator(_unique),
    ] = ("linear", "exponential", "cosine", "polynomial", "piecewise")


Stage = Annotated[LrSweep | BatchMomentum | DecaySchedule, Field(discriminator="kind")]


def default_stages() -> tuple[Stage, ...]:
    return (LrSweep(kind="lr_sweep"), BatchMomentum(kind="batch_momentum"), DecaySchedule(kind="decay_schedule"))


class StudySpec(Message):
    """A study as submitted, with every default filled in."""

    name: str
    objective: Objective
    metric: Metric = Metric()
    optimizer: OptimizerName = "sgd"
    strategy: Literal["guide"] = "guide"
    seed: int = Field(default=0, ge=0, lt=2**31)
    budget: Budget = Budget()
    evaluate_every: Steps = 50
    defaults: Defaults = Defaults()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = Field(default_factory=default_stages)
    gates: Literal["auto", "approve"] = "auto"

    @field_validator("name")
    @classmethod
    def _name_fits_a_url(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("must be 1 to 100 letters, digits, '.', '_' or '-', starting with a letter or digit")
        return name

    @field_validator("stages")
    @classmethod
    def _each_kind_once_in_order(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        positions = [STAGE_ORDER.index(stage.kind) for stage in stages]
        if len(set(positions)) != len(positions):
            raise ValueError("names a kind twice: each stage kind may stand once")
        if positions != sorted(positions):
            raise ValueError(f"must keep the guide's order: {', '.join(STAGE_ORDER)}")
        return stages

    @model_validator(mode="after")
    def _evaluated_at_least_once(self) -> StudySpec:
        if self.evaluate_every > self.budget.steps:
            raise ValueError(
                f"evaluate_every: {self.evaluate_every} is more than budget.steps ({self.budget.steps}), so no trial "
                f"would ever be evaluated: use at most {self.budget.steps}"
            )
        return self
