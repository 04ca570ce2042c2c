"""The study file: what a user submits, checked whole.

The same document travels as YAML on disk and as JSON in ``POST /api/v1/studies``. `StudySpec` is its meaning;
`studies.contract.study_document` reads the two texts and names every fault by its path. What its parts are
(`studies.contract.objective`, `studies.contract.stages`) can be had from here too.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from studies.contract.base import Fraction, Message, NonNegative, Positive, Steps
from studies.contract.command import CommandObjective, unknown_placeholder
from studies.contract.objective import BuiltinObjective, FunctionObjective, ImageClassificationArgs, Objective
from studies.contract.search_faults import search_fault
from studies.contract.search_space import STANDARD, SearchRanges
from studies.contract.stages import (
    STAGE_ORDERS,
    BatchMomentum,
    Confirm,
    DecayProbes,
    DecaySchedule,
    JointSearch,
    LrHalving,
    LrScaling,
    LrSweep,
    ParameterProbes,
    SamplerName,
    SamplerSearch,
    Search,
    Stage,
    StageKind,
    Strategy,
    default_stages,
    stage_order_fault,
    strategy_of,
)
from studies.contract.study_fields import matching, refusal
from studies.contract.tags import Tags

__all__ = [
    "MAX_ATTEMPTS", "METRIC_NAME", "MOMENTUM_OPTIMIZERS", "NAME", "STAGE_ORDERS", "STALL_TIMEOUT",
    "BatchMomentum", "Budget", "BuiltinObjective", "Confirm", "DecayProbes", "DecaySchedule", "Defaults",
    "FunctionObjective", "ImageClassificationArgs", "JointSearch", "LrHalving", "LrScaling", "LrSweep", "Metric",
    "Objective", "OptimizerName", "ParameterProbes", "Precision", "SamplerName", "SamplerSearch", "Search",
    "Stage", "StageKind", "Strategy", "StudySpec", "default_stages", "stage_order_fault", "strategy_of",
]  # fmt: skip

OptimizerName = Literal["sgd", "nesterov", "adam", "adamw", "rmsprop"]
Precision = Literal["float32", "float64", "bfloat16", "float16"]

MOMENTUM_OPTIMIZERS: tuple[OptimizerName, ...] = ("sgd", "nesterov")
"""With an all-round optimiser (Adam, RMSProp) momentum is left alone (guide, stage 2)."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
METRIC_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")

STALL_TIMEOUT = 1800.0
"""Seconds of silence after which a run is taken to hang: half an hour, longer than loading data or an epoch between
two reports should take, and short enough that a night is not lost to one collective operation that never returns."""


class Metric(Message):
    """What the study is judged by: a metric that the objective reports at each dev evaluation."""

    name: Annotated[
        str, matching(METRIC_NAME, "must be 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or '_'")
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


def _standard(optimizer: OptimizerName) -> list[str]:
    """Return the hyperparameters that every study with this optimizer has."""
    return [name for name in STANDARD if name != "momentum" or optimizer in MOMENTUM_OPTIMIZERS]


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
        str, matching(NAME, "must be 1 to 100 letters, digits, '.', '_' or '-', starting with a letter or digit")
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
            parameters = dict.fromkeys((*_standard(self.optimizer), *self.space))
            if fault := unknown_placeholder(self.objective.command, parameters):
                raise refusal(f"objective.command {fault}")
        return self

    @field_validator("stages")
    @classmethod
    def _each_kind_once_in_order(cls, stages: tuple[Stage, ...], info: ValidationInfo) -> tuple[Stage, ...]:
        fault = stage_order_fault([stage.kind for stage in stages], info.data.get("strategy"))
        if fault:
            raise refusal(fault)
        return stages

    @field_validator("stages")
    @classmethod
    def _searches_what_there_is(cls, stages: tuple[Stage, ...], info: ValidationInfo) -> tuple[Stage, ...]:
        given = info.data
        if not {"space", "budget", "optimizer"} <= given.keys():
            return stages
        names = tuple(dict.fromkeys((*_standard(given["optimizer"]), *given["space"])))
        for index, stage in enumerate(stages):
            fault = search_fault(stage, names, given["space"], given["budget"].steps)
            if fault:
                raise refusal(fault.message, index, *fault.at)
        return stages

    @field_validator("evaluate_every")
    @classmethod
    def _evaluated_at_least_once(cls, evaluate_every: int, info: ValidationInfo) -> int:
        budget = info.data.get("budget")
        if budget is not None and evaluate_every > budget.steps:
            raise refusal(
                f"is more than budget.steps ({budget.steps}), so no trial would ever be evaluated: "
                f"use at most {budget.steps}"
            )
        return evaluate_every
