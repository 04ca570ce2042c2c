"""What the parts of a study file share: checks whose faults a person can read, axes of a search, and their bounds."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from studies.contract.base import Fraction, Positive, Steps

MAX_GRID = 1_000
"""Most points of one axis, most trials of one stage's search: a bound against typing errors, not a tuning rule."""

MAX_CELLS = 10_000
"""Most points of one stage's grid, all axes multiplied."""


def refusal(message: str, *at: int | str) -> PydanticCustomError:
    """Return what a check raises: its message is shown as it is, ``at`` a place within what was checked."""
    return PydanticCustomError("study", "{message}", {"message": message, "at": at})


def matching(pattern: re.Pattern[str], meaning: str) -> AfterValidator:
    """Return a check that a text is of the form `pattern`, which a fault explains as `meaning`."""

    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise refusal(meaning)
        return text

    return AfterValidator(check)


def unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return `values`, none of which may stand there twice."""
    repeated = {str(value) for value in values if values.count(value) > 1}
    if repeated:
        raise refusal(f"must not repeat a value: {', '.join(sorted(repeated))} given more than once")
    return values


Rates = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=MAX_GRID), AfterValidator(unique)]
BatchSizes = Annotated[tuple[Steps, ...], Field(min_length=1, max_length=MAX_GRID), AfterValidator(unique)]
Momenta = Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=MAX_GRID), AfterValidator(unique)]
