"""A task: curves of every configuration, known beforehand, and what a result on it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from tests.bench.quality.axes import Axis, draw

Curve = NDArray[np.float64]

DefaultsKind = Literal["good", "random"]

SCHEDULE = "schedule"
"""Name of the axis that says which learning-rate schedule a run has, on tasks that have several."""


@dataclass(frozen=True)
class Training:
    """What one configuration gives when it is trained in full.

    Attributes:
        dev: the metric that methods see, after each epoch, in [0, 1], higher is better; shape [epochs].
        loss: the training loss of each epoch (of LCBench the validation cross entropy, it has no other); [epochs].
        epoch_time: how long an epoch takes, in any unit.
    """

    dev: Curve
    loss: Curve
    epoch_time: float = 1.0


@dataclass(frozen=True)
class Scale:
    """The two results that regret is measured by: the best known one, and that of a median random configuration."""

    best: float
    median: float

    def regret(self, value: float) -> float:
        """Return 0 for the best known result, 1 for that of a median random configuration."""
        return (self.best - value) / (self.best - self.median)


class Task(Protocol):
    """A tabulated problem. Pure: the same question has the same answer.

    Attributes:
        name: unique among the tasks.
        family: tasks of a kind are averaged together.
        epochs: length of a full training.
        axes: what is searched.
        good_defaults: what a practitioner would begin with: a value for every axis.
        forms: the decay forms that a schedule may have; empty where the schedule is not to be chosen.
        starts: the shares of a full training at which a decay may begin.
    """

    name: str
    family: str
    epochs: int
    axes: tuple[Axis, ...]
    good_defaults: Params
    forms: tuple[str, ...]
    starts: tuple[float, ...]

    @property
    def scale(self) -> Scale: ...

    def training(self, params: Params, seed: int) -> Training:
        """Return the curves of a configuration, a value for every axis; values out of range are brought back in."""
        ...

    def result(self, params: Params, epochs: int, seed: int) -> float:
        """Return what a run of `epochs` is worth that is kept at its dev peak: the test metric where there is one."""
        ...

    def schedule_label(self, schedule: Schedule, num_epochs: int) -> str:
        """Return the value of the axis `SCHEDULE` that is nearest to a schedule; asked only where there is one."""
        ...


def defaults_of(task: Task, kind: DefaultsKind, seed: int) -> Params:
    """Return the good defaults, or a random draw from the space."""
    if kind == "good":
        return dict(task.good_defaults)
    return draw(task.axes, np.random.default_rng([seed, 0xDEFA]))


def peak_epoch(dev: Curve, epochs: int) -> int:
    """Return how many epochs had been trained at the first best dev value within `epochs`: whose weights are kept."""
    return int(np.argmax(dev[:epochs])) + 1
