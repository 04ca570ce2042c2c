"""What the rule of an open stage is given, and how it proceeds: phase by phase, each asking for trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from studies.contract.decision import Candidate
from studies.contract.states import TrialState
from studies.contract.study_file import (
    BatchMomentum,
    Confirm,
    DecayProbes,
    DecaySchedule,
    JointSearch,
    LrHalving,
    LrSweep,
    ParameterProbes,
    SamplerSearch,
    StudySpec,
)
from studies.core.actions import Action, AddTrials, Proposal
from studies.core.plan import Demand
from studies.core.pruning import Pruner, keep_all
from studies.core.sampling import Sampler
from studies.core.snapshot import Snapshot, Trial

StageT = TypeVar(
    "StageT",
    LrSweep,
    BatchMomentum,
    DecaySchedule,
    LrHalving,
    DecayProbes,
    ParameterProbes,
    SamplerSearch,
    JointSearch,
    Confirm,
)


@dataclass(frozen=True, eq=False)
class Context(Generic[StageT]):
    """A stage at work.

    Attributes:
        snapshot: all that is known of the study.
        stage: the stage as the study file describes it.
        limit: trials that the stage may have in all.
        sampler: where random, qmc, tpe and gp searches get their points.
        incoming: candidates of the stage before, best first; empty for the first stage.
        pruner: who judges the runs under way of a search that the user defines.
    """

    snapshot: Snapshot
    stage: StageT
    limit: int
    sampler: Sampler
    incoming: tuple[Candidate, ...] = ()
    pruner: Pruner = keep_all

    @property
    def spec(self) -> StudySpec:
        return self.snapshot.spec

    @property
    def maximize(self) -> bool:
        return self.spec.metric.direction == "maximize"

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        return self.snapshot.of(self.stage.kind)

    @cached_property
    def completed(self) -> tuple[Trial, ...]:
        return self.ended_as(TrialState.COMPLETED)

    @cached_property
    def in_flight(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if not trial.state.ended)

    @property
    def room(self) -> int:
        """Trials that the stage may still add."""
        return max(0, self.limit - len(self.trials))

    def ended_as(self, state: TrialState) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.state is state)

    def missing(self, wanted: Iterable[Proposal]) -> tuple[Proposal, ...]:
        """Return those of `wanted` that have not been added yet, each key once, in order."""
        fresh = {proposal.key: proposal for proposal in wanted}
        return tuple(proposal for key, proposal in fresh.items() if (self.stage.kind, key) not in self.snapshot.by_key)


Phase = Callable[[Context[StageT]], Sequence[Proposal]]
"""A phase of a stage: all the trials that it wants, by what is known; those that exist already are passed over."""


@dataclass(frozen=True)
class Rule(Generic[StageT]):
    """A kind of stage of the guide: the trials it asks for, and what it does now."""

    demand: Callable[[StudySpec, StageT], Demand]
    act: Callable[[Context[StageT]], tuple[Action, ...]]


@dataclass(frozen=True)
class SearchRule(Generic[StageT]):
    """A kind of stage of a guided search, whose budget is counted in steps (`studies.core.search.budget`)."""

    act: Callable[[Context[StageT]], tuple[Action, ...]]


def next_trials(context: Context[StageT], phases: Sequence[Phase[StageT]]) -> tuple[Action, ...] | None:
    """Return what the first unfinished phase adds, ``()`` while it waits for its trials, None when all are done.

    A phase begins when the trials of the one before it have ended. What does not fit into the stage's limit is left
    out, the last first, and the phases go on with what there is.
    """
    if context.in_flight and not context.room:
        return ()
    for phase in phases:
        missing = context.missing(phase(context))
        if missing and context.room:
            return (AddTrials(context.stage.kind, missing[: context.room]),)
        if context.in_flight:
            return ()
    return None


def left_out(context: Context[StageT], phases: Sequence[Phase[StageT]]) -> int:
    """Return how many trials the phases would still have liked, had the budget had room for them."""
    return len(context.missing(proposal for phase in phases for proposal in phase(context)))
