"""Base of every message: frozen, closed to unknown keys, and able to carry every float through JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError


class Message(BaseModel):
    """An immutable value of the contract. Unknown keys are refused; NaN and the infinities travel as strings.

    JSON has no NaN. Pydantic writes ``"NaN"``, ``"Infinity"`` and ``"-Infinity"`` and reads them back as floats.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings", populate_by_name=True)


Scalar = bool | int | float | str
"""What a hyperparameter or an objective's argument may be."""

Params = dict[str, Scalar]
"""A hyperparameter configuration by name: ``{"lr": 0.01, "batch_size": 64, "momentum": 0.9}``."""


def _below_one(value: float) -> float:
    if not 0 <= value < 1:
        raise PydanticCustomError("interval", "must be in [0, 1)")
    return value


Fraction = Annotated[float, AfterValidator(_below_one), Field(json_schema_extra={"minimum": 0, "exclusiveMaximum": 1})]
"""A share or a momentum: one check for both ends, so that a fault names the whole interval."""

Measured = Annotated[
    float,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}, mode="serialization"),
]
"""A float that need not be finite, documented as what it travels as: what runs measure is anything."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Steps = Annotated[int, Field(ge=1, lt=2**31)]
"""A count of optimiser updates or of samples: what a database's integer column holds."""
Timestamp = float
"""Seconds since 1970-01-01 UTC, by the database's clock unless said otherwise."""
