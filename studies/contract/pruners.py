"""Pruners of a search: when a run under way is stopped before its end, and what can be said about each rule.

The rules are Optuna's, under its names. Every number of steps counts training steps of a run, never trials, and those
of a run of ``budget.steps``: one that takes half as many, at a larger batch, is held against the others at the same
share of its length. What is compared is the study's metric at the evaluations.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from studies.contract.base import Finite, Message, NonNegative, Steps
from studies.contract.study_fields import refusal

ReductionFactor = Annotated[int, Field(ge=2, le=100)]


class MedianPruner(Message):
    """Stop a run whose best value so far is worse than the median of the finished runs at the same step.

    Attributes:
        startup_trials: finished runs that it takes to judge others by them.
        warmup_steps: steps of a run before which it is not judged; left out, a ninth of a full run (guide, section 7).
    """

    kind: Literal["median"]
    startup_trials: int = Field(default=5, ge=1, le=1_000)
    warmup_steps: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class SuccessiveHalvingPruner(Message):
    """Stop a run that is not among the best ``1 / reduction_factor`` of those that have come to a rung (ASHA).

    The rungs are at ``min_resource`` steps and at ``reduction_factor`` times the one before. ``min_resource`` left out
    is a ninth of a full run (guide, section 7).
    """

    kind: Literal["successive_halving"]
    min_resource: Steps | None = None
    reduction_factor: ReductionFactor = 3


class HyperbandPruner(Message):
    """Successive halving in several brackets, whose first rung is later from one to the next.

    So a configuration that starts slowly has its chance in some bracket; otherwise as `SuccessiveHalvingPruner`.
    """

    kind: Literal["hyperband"]
    min_resource: Steps | None = None
    reduction_factor: ReductionFactor = 3


class PatiencePruner(Message):
    """Stop a run that has not become better for so many evaluations (guide, stage 3).

    Such a run has come to its end, so it takes part in the choice by the best that it reached.

    Attributes:
        patience: evaluations without a better value.
        min_delta: by how much the best value before them has to be ahead of the best since.
    """

    kind: Literal["patience"]
    patience: int = Field(default=10, ge=1, le=100_000)
    min_delta: NonNegative = 0.0


class ThresholdPruner(Message):
    """Stop a run whose metric lies outside ``lower`` and ``upper``, from ``warmup_steps`` on; one bound is enough."""

    kind: Literal["threshold"]
    lower: Finite | None = None
    upper: Finite | None = None
    warmup_steps: int = Field(default=0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _bounded(self) -> ThresholdPruner:
        if self.lower is None and self.upper is None:
            raise refusal("needs a bound beyond which a run is stopped: give lower, upper or both")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise refusal(f"lower ({self.lower:g}) must be less than upper ({self.upper:g})")
        return self


Pruner = Annotated[
    MedianPruner | SuccessiveHalvingPruner | HyperbandPruner | PatiencePruner | ThresholdPruner,
    Field(discriminator="kind"),
]


def first_judged(pruner: Pruner) -> tuple[str, int | None]:
    """Return the setting that says from which step on runs are judged, and its value; None where it is left out."""
    match pruner:
        case MedianPruner() | ThresholdPruner():
            return "warmup_steps", pruner.warmup_steps
        case SuccessiveHalvingPruner() | HyperbandPruner():
            return "min_resource", pruner.min_resource
        case PatiencePruner():
            return "patience", None
