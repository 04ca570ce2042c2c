"""The ranges that a guided search may move in: the hyperparameters every study has, and further ones by name.

Ranges for ``lr``, ``batch_size``, ``momentum`` and ``weight_decay`` replace the built-in ones, and their starting
values stand under ``defaults``; the scale on which they are searched is known (guide, section 7). Every other name is
a further hyperparameter, which the objective finds among its params.

A further one may be conditional: ``when: {optimizer_kind: [a, b]}`` says that a run has it only where another one has
one of these values. Where the condition does not hold, the run's params are without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from studies.contract.base import Finite, Message, Params, Scalar
from studies.contract.study_fields import refusal

MAX_PARAMETERS = 64
"""Most ranges of one study: a bound against typing errors, and far beyond what a few dozen runs can tell apart."""

STANDARD = ("lr", "batch_size", "momentum", "weight_decay")
"""Hyperparameters that every study has; their starting values stand under ``defaults``."""


def _listed(values: object) -> object:
    """Return the values of a condition as a list, where one alone is given."""
    return (values,) if isinstance(values, bool | int | float | str) else values


Condition = Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=1_000), BeforeValidator(_listed)]
When = dict[str, Condition]
"""Names of other hyperparameters, each with the values under which this one counts: all of them have to hold."""


def _above(high: float, info: ValidationInfo) -> None:
    low = info.data.get("low")
    if low is not None and high <= low:
        raise refusal(f"must be more than low ({low:g})")
    if info.data.get("log") and low is not None and low <= 0:
        raise refusal(f"a log scale needs a range above zero, and low is {low:g}")


def _within(default: float | None, info: ValidationInfo) -> None:
    low, high = info.data.get("low"), info.data.get("high")
    if default is not None and low is not None and high is not None and not low <= default <= high:
        raise refusal(f"must lie between low ({low:g}) and high ({high:g})")


class FloatRange(Message):
    """A number within ``[low, high]``; ``log`` searches it on a log scale. Without ``default`` it starts midway."""

    kind: Literal["float"]
    low: Finite
    log: bool = False
    high: Finite
    default: Finite | None = None
    when: When | None = None

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
    when: When | None = None

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
        raise refusal("must not repeat a value")
    return values


class Choice(Message):
    """One of some values. Numbers are taken as ordered; texts and true/false are not. Starts with the first."""

    kind: Literal["choice"]
    values: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=1_000), AfterValidator(_unique)]
    default: Scalar | None = None
    when: When | None = None

    @field_validator("default")
    @classmethod
    def _listed(cls, default: Scalar | None, info: ValidationInfo) -> Scalar | None:
        values = info.data.get("values", (default,))
        if default is not None and default not in values:
            raise refusal(f"must be one of the values: {', '.join(map(str, values))}")
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
            raise refusal("names of hyperparameters must be 1 to 64 letters, digits or '_', not starting with a digit")
    for name in STANDARD:
        if name in space and space[name].default is not None:
            raise refusal(f"the starting value of {name} stands in defaults.{name}, leave out its default here")
    for name, given in space.items():
        for parent, values in (given.when or {}).items():
            if fault := _condition_fault(space, name, parent, values):
                raise refusal(fault, name, "when", parent)
    return space


def _condition_fault(
    space: dict[str, ParameterRange], name: str, parent: str, values: tuple[Scalar, ...]
) -> str | None:
    """Return what is wrong with a condition of a hyperparameter on another one."""
    if name in STANDARD:
        return f"every run has {name}, so it depends on no other: leave out its condition"
    given = space.get(parent, BUILT_IN.get(parent))
    if not isinstance(given, Choice):
        others = ", ".join(other for other, each in space.items() if isinstance(each, Choice) and other != name)
        return f"a condition needs a hyperparameter of kind choice in this space: {others or 'there is none yet'}"
    if name in _ancestors(space, parent):
        return f"{name} and {parent} depend on each other: a condition must not lead back to where it began"
    stray = next((value for value in values if not includes(given.values, value)), None)
    return None if stray is None else f"must name values of {parent}: {', '.join(map(str, given.values))}, not {stray}"


def _ancestors(space: dict[str, ParameterRange], name: str) -> set[str]:
    """Return a hyperparameter and all that it depends on."""
    found: set[str] = set()
    left = [name]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            left += (space[each].when or {}) if each in space else {}
    return found


def includes(values: tuple[Scalar, ...], value: Scalar) -> bool:
    """Return whether a value is among others; true is not the number 1."""
    return any(value == other and isinstance(value, bool) is isinstance(other, bool) for other in values)


def active(space: Mapping[str, ParameterRange], params: Params) -> Params:
    """Return the hyperparameters that count: those whose conditions hold, by others that count themselves."""

    def counts(name: str) -> bool:
        conditions = (space[name].when or {}).items() if name in space else ()
        return all(
            parent in params and includes(values, params[parent]) and counts(parent) for parent, values in conditions
        )

    return {name: value for name, value in params.items() if counts(name)}


SearchRanges = Annotated[dict[str, ParameterRange], Field(max_length=MAX_PARAMETERS), AfterValidator(_sound)]
