"""A learning-rate schedule as a value. What it means is in `studies.core.schedules`, the same code for all."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from studies.contract.base import Message, Positive

ScheduleKind = Literal["constant", "linear", "exponential", "cosine", "polynomial", "piecewise"]


class Schedule(Message):
    """The factor by which the peak learning rate is multiplied at each step.

    Steps are counted in optimiser updates from 0. Warmup (linear from 0) covers ``[0, warmup_steps)``; the decay
    covers ``[start, end)``; before it the factor is 1.

    Attributes:
        kind: form of the decay; ``constant`` ignores everything but warmup.
        start: first step of the decay.
        end: step at which the decay is over: usually the trial's ``num_steps``. Required unless ``constant``.
        warmup_steps: length of the linear warmup, 0 for none.
        interval: the factor is recomputed every so many steps (guide, stage 3: 100 is fine for lazy linear decay).
        rate: exponential: factor per ``interval``; piecewise: factor per milestone.
        power: exponent of the polynomial decay.
        milestones: piecewise: steps at which the factor is multiplied by ``rate``.
        floor: the factor that the decay ends at (linear, cosine, polynomial).
    """

    kind: ScheduleKind = "constant"
    start: int = Field(default=0, ge=0)
    end: int | None = Field(default=None, ge=1)
    warmup_steps: int = Field(default=0, ge=0)
    interval: int = Field(default=1, ge=1)
    rate: Positive = 0.1
    power: Positive = 2.0
    milestones: tuple[int, ...] = ()
    floor: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _decay_is_complete(self) -> Schedule:
        if self.kind != "constant" and self.end is None:
            raise ValueError(f"end: a {self.kind} decay needs the step at which it is over, usually num_steps")
        if self.kind == "piecewise" and not self.milestones:
            raise ValueError("milestones: a piecewise decay needs one step at least")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError("milestones: must be strictly increasing")
        return self
