"""The ranges that a guided search may move in: the hyperparameters every study has, and further ones by name.

Ranges for ``lr``, ``batch_size``, ``momentum`` and ``weight_decay`` replace the built-in ones, and their starting
values stand under ``defaults``; the scale on which they are searched is known (guide, section 7). Every other name is
a further hyperparameter, which the objective finds among its params.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from studies.contract.base import Finite, Message, Scalar

MAX_PARAMETERS = 64
"""Most ranges of one study: a bound against typing errors, and far beyond what a few dozen runs can tell apart."""

STANDARD = ("lr", "batch_size", "momentum", "weight_decay")
"""Hyperparameters that every study has; their starting values stand under ``defaults``."""


def _fault(message: str) -> PydanticCustomError:
    return PydanticCustomError("study", "{message}", {"message": message})


def _above(high: float, info: ValidationInfo) -> None:
    low = info.data.get("low")
    if low is not None and high <= low:
        raise _fault(f"must be more than low ({low:g})")
    if info.data.get("log") and low is not None and low <= 0:
        raise _fault(f"a log scale needs a range above zero, and low is {low:g}")


def _within(default: float | None, info: ValidationInfo) -> None:
    low, high = info.data.get("low"), info.data.get("high")
    if default is not None and low is not None and high is not None and not low <= default <= high:
        raise _fault(f"must lie between low ({low:g}) and high ({high:g})")


class FloatRange(Message):
    """A number within ``[low, high]``; ``log`` searches it on a log scale. Without ``default`` it starts midway."""

    kind: Literal["float"]
    low: Finite
    log: bool = False
    high: Finite
    default: Finite | None = None

    @field_validator("high")
    @classmethod
    def _ordered(cls, high: float, info: ValidationInfo) -> float:
        _above(high, info)
        return high

    @field_validator("default")
    @classmethod
    def _inside(cls, default: float | None, info: ValidationInfo) -> float | None:
        _within(default, info)
        return default


class IntRange(Message):
    """A whole number within ``[low, high]``; otherwise as `FloatRange`."""

    kind: Literal["int"]
    low: int = Field(ge=-(2**31), lt=2**31)
    log: bool = False
    high: int = Field(ge=-(2**31), lt=2**31)
    default: int | None = None

    @field_validator("high")
    @classmethod
    def _ordered(cls, high: int, info: ValidationInfo) -> int:
        _above(high, info)
        return high

    @field_validator("default")
    @classmethod
    def _inside(cls, default: int | None, info: ValidationInfo) -> int | None:
        _within(default, info)
        return default


def _unique(values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    if len({(type(value).__name__, value) for value in values}) < len(values):
        raise _fault("must not repeat a value")
    return values


class Choice(Message):
    """One of some values. Numbers are taken as ordered; texts and true/false are not. Starts with the first."""

    kind: Literal["choice"]
    values: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=1_000), AfterValidator(_unique)]
    default: Scalar | None = None

    @field_validator("default")
    @classmethod
    def _listed(cls, default: Scalar | None, info: ValidationInfo) -> Scalar | None:
        values = info.data.get("values", (default,))
        if default is not None and default not in values:
            raise _fault(f"must be one of the values: {', '.join(map(str, values))}")
        return default


ParameterRange = Annotated[FloatRange | IntRange | Choice, Field(discriminator="kind")]

BUILT_IN: dict[str, ParameterRange] = {
    "lr": FloatRange(kind="float", low=1e-5, high=1.0),
    "batch_size": Choice(kind="choice", values=(16, 32, 64, 128, 256)),
    "momentum": FloatRange(kind="float", low=0.0, high=0.99),
    "weight_decay": FloatRange(kind="float", low=1e-6, high=1e-2),
}
"""Ranges where the study file names none: the guide's grids (stages 1 and 2), a decade more for weight decay (M, P)."""

PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def _sound(space: dict[str, ParameterRange]) -> dict[str, ParameterRange]:
    for name in space:
        if not PARAMETER_NAME.fullmatch(name):
            raise _fault("names of hyperparameters must be 1 to 64 letters, digits or '_', not starting with a digit")
    for name in STANDARD:
        if name in space and space[name].default is not None:
            raise _fault(f"the starting value of {name} stands in defaults.{name}, leave out its default here")
    return space


SearchRanges = Annotated[dict[str, ParameterRange], Field(max_length=MAX_PARAMETERS), AfterValidator(_sound)]
