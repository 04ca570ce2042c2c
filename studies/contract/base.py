"""Base of every message: frozen, closed to unknown keys, and able to carry every float through JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Message(BaseModel):
    """An immutable value of the contract. Unknown keys are refused; NaN and the infinities travel as strings.

    JSON has no NaN. Pydantic writes ``"NaN"``, ``"Infinity"`` and ``"-Infinity"`` and reads them back as floats.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings", populate_by_name=True)


Scalar = bool | int | float | str
"""What a hyperparameter or an objective's argument may be."""

Params = dict[str, Scalar]
"""A hyperparameter configuration by name: ``{"lr": 0.01, "batch_size": 64, "momentum": 0.9}``."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Steps = Annotated[int, Field(ge=1)]
Timestamp = float
"""Seconds since 1970-01-01 UTC, by the database's clock unless said otherwise."""
