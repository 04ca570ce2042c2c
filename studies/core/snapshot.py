"""What is known of a study at one moment: the whole input of `studies.core.decide.decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from studies.contract.base import Params
from studies.contract.decision import Decision
from studies.contract.schedule import Schedule
from studies.contract.states import StageState, StudyState, TrialState
from studies.contract.study_file import StageKind, StudySpec

LOSS = "loss"
"""Name of the training loss of every step, which every objective reports."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A metric over steps. ``steps`` int64 [n], strictly increasing; ``values`` float64 [n], NaN and Inf included.

    A point's step is the number of optimiser updates completed when it was measured: the loss of the first update
    stands at 1, and the last point of a whole run at its ``num_steps``.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def empty(cls) -> Curve:
        return cls(np.empty(0, np.int64), np.empty(0, np.float64))

    def __len__(self) -> int:
        return int(self.steps.size)


@dataclass(frozen=True)
class Trial:
    """A trial as the rules see it. ``curves`` by metric name; `LOSS` has a point for every step.

    ``ended_because`` says why it ended where that needs saying (diverged, pruned, failed).
    """

    id: str
    number: int
    key: str
    stage: StageKind
    params: Params
    schedule: Schedule
    num_steps: int
    seed: int
    state: TrialState
    parent_id: str | None = None
    ended_because: str = ""
    curves: Mapping[str, Curve] = field(default_factory=dict)

    def curve(self, name: str) -> Curve:
        """Return the curve of that name, empty where nothing has been reported."""
        return self.curves[name] if name in self.curves else Curve.empty()


@dataclass(frozen=True)
class Stage:
    """A stage as it stands. ``approved`` says that a person let it begin (only asked for with ``gates: approve``)."""

    kind: StageKind
    state: StageState
    decision: Decision | None = None
    approved: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A study as it stands. ``stages`` in the order of the study file; ``trials`` ordered by number."""

    study_id: str
    spec: StudySpec
    state: StudyState
    stages: tuple[Stage, ...]
    trials: tuple[Trial, ...]

    @cached_property
    def by_key(self) -> Mapping[tuple[StageKind, str], Trial]:
        return {(trial.stage, trial.key): trial for trial in self.trials}

    @cached_property
    def by_id(self) -> Mapping[str, Trial]:
        return {trial.id: trial for trial in self.trials}

    def of(self, kind: StageKind) -> tuple[Trial, ...]:
        """Return the trials of one stage, ordered by number."""
        return tuple(trial for trial in self.trials if trial.stage == kind)
