"""A whole study without workers, store or clock: actions are applied to a snapshot, runs reveal curves from a world.

Time is counted in ticks. In each tick every running trial reveals the next piece of its curves, then the study is
decided upon until there is nothing left to do but wait.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from studies.contract.base import Params
from studies.contract.decision import Decision
from studies.contract.schedule import Schedule
from studies.contract.states import StageState, StudyState, TrialState
from studies.contract.study_file import StageKind, StudySpec
from studies.core.actions import (
    Action,
    AddTrials,
    AwaitApproval,
    CloseStage,
    ContinueTrial,
    EndTrial,
    Fail,
    Finish,
    OpenStage,
    Proposal,
)
from studies.core.decide import decide
from studies.core.pruning import Pruner, keep_all
from studies.core.sampling import Axis, FloatAxis, Sampler, SearchRequest
from studies.core.snapshot import Curve, Snapshot, Stage, Trial

MAX_TICKS = 5_000
MAX_ANSWERS = 50
"""Answers between two ticks: a study that still wants something after so many never comes to rest."""


@dataclass(frozen=True)
class Run:
    """What a trial would give if it ran to its end; ``error`` makes it fail there instead of completing."""

    curves: Mapping[str, Curve]
    error: str = ""


class World(Protocol):
    """What training is like: a pure function, so that a longer run begins as the shorter one did."""

    def __call__(self, params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run: ...


def fake_sampler(request: SearchRequest) -> tuple[Params, ...]:
    """Draw every axis uniformly, seeded by the request: pure as the port demands, and it learns nothing."""
    random = np.random.default_rng([request.seed, len(request.history)])
    return tuple({axis.name: _draw(axis, random) for axis in request.space} for _ in range(request.count))


def _draw(axis: Axis, random: np.random.Generator) -> float | int:
    if not isinstance(axis, FloatAxis):
        return axis.choices[int(random.integers(len(axis.choices)))]
    if axis.log:
        return float(np.exp(random.uniform(np.log(axis.low), np.log(axis.high))))
    return float(random.uniform(axis.low, axis.high))


def queued(spec: StudySpec) -> Snapshot:
    """Return a study as it stands right after its submission."""
    stages = tuple(Stage(stage.kind, StageState.PENDING) for stage in spec.stages)
    return Snapshot("st_1", spec, StudyState.QUEUED, stages, ())


def upto(curve: Curve, step: int) -> Curve:
    return Curve(curve.steps[curve.steps <= step], curve.values[curve.steps <= step])


class Simulation:
    """One study in one world. Breaking a promise of `decide` raises AssertionError at the action that breaks it.

    `slots` is how many trials run at once, each in so many `pieces`; `twice` asks every question twice and holds the
    answers against each other.
    """

    def __init__(
        self,
        spec: StudySpec,
        world: World,
        *,
        sampler: Sampler = fake_sampler,
        pruner: Pruner = keep_all,
        slots: int = 4,
        twice: bool = False,
        pieces: int = 4,
    ) -> None:
        self.snapshot = queued(spec)
        self.actions: list[Action] = []
        self.ticks = 0
        self._world = world
        self._sampler = sampler
        self._pruner = pruner
        self._slots = slots
        self._twice = twice
        self._pieces = pieces
        self._counts_steps = spec.strategy == "guided_search"
        self._seen: dict[str, int] = {}
        self._runs: dict[tuple[str, int], Run] = {}

    # --- driving -------------------------------------------------------------------------------------------------

    def run(self, *, approve: bool = True) -> Simulation:
        """Go on until the study has ended, or waits for an approval that `approve` does not give."""
        self._settle()
        while not self.snapshot.state.ended:
            if self.snapshot.state is StudyState.AWAITING_APPROVAL:
                if not approve:
                    return self
                self.approve()
            else:
                self.tick()
            self._settle()
        return self

    def tick(self) -> None:
        """Let time pass: waiting trials take free slots, running trials reveal a quarter of their steps."""
        self.ticks += 1
        assert self.ticks < MAX_TICKS, "the study does not end"
        running = [trial for trial in self.snapshot.trials if trial.state is TrialState.RUNNING]
        waiting = [trial for trial in self.snapshot.trials if trial.state is TrialState.WAITING]
        assert running or waiting, f"nothing runs, nothing waits, yet the study goes on: {self.actions[-3:]}"
        for trial in running + waiting[: self._slots - len(running)]:
            self._replace(self._advanced(trial))

    def approve(self) -> None:
        stages = tuple(
            replace(stage, state=StageState.PENDING, approved=True)
            if stage.state is StageState.AWAITING_APPROVAL
            else stage
            for stage in self.snapshot.stages
        )
        self.snapshot = replace(self.snapshot, state=StudyState.RUNNING, stages=stages)

    def _settle(self) -> None:
        for _ in range(MAX_ANSWERS):
            actions = self._decided()
            assert not self._twice or actions == self._decided(), "asked twice, answered otherwise"
            if not actions:
                return
            for action in actions:
                self.apply(action)
        raise AssertionError(f"the study does not come to rest: {self.actions[-3:]}")

    def _decided(self) -> tuple[Action, ...]:
        return decide(self.snapshot, self._sampler, self._pruner)

    def _advanced(self, trial: Trial) -> Trial:
        run = self._run_of(trial)
        seen = min(trial.num_steps, self._seen.get(trial.id, 0) + max(1, trial.num_steps // self._pieces))
        self._seen[trial.id] = seen
        assert (
            not self._counts_steps or self.steps <= self.snapshot.spec.budget.steps * self.snapshot.spec.budget.trials
        )
        curves = {name: upto(curve, seen) for name, curve in run.curves.items()}
        if seen < trial.num_steps:
            return replace(trial, state=TrialState.RUNNING, curves=curves)
        state = TrialState.FAILED if run.error else TrialState.COMPLETED
        return replace(trial, state=state, curves=curves, ended_because=run.error)

    def _run_of(self, trial: Trial) -> Run:
        key = (trial.id, trial.num_steps)
        if key not in self._runs:
            self._runs[key] = self._world(trial.params, trial.schedule, trial.num_steps, trial.seed)
        return self._runs[key]

    # --- actions -------------------------------------------------------------------------------------------------

    def apply(self, action: Action) -> None:
        self.actions.append(action)
        match action:
            case OpenStage(stage):
                self._stage(stage, state=StageState.RUNNING)
                self.snapshot = replace(self.snapshot, state=StudyState.RUNNING)
            case AddTrials(stage, proposals):
                assert proposals, "adding nothing is not an action"
                for proposal in proposals:
                    self._add(stage, proposal)
            case EndTrial(trial_id, state, reason):
                ended = replace(self.snapshot.by_id[trial_id], state=TrialState(state), ended_because=reason)
                self._replace(ended)
            case ContinueTrial(trial_id, num_steps, reason):
                self._continue(self.snapshot.by_id[trial_id], num_steps, reason)
            case CloseStage(stage, decision):
                check_complete(decision)
                assert not [t for t in self.snapshot.of(stage) if not t.state.ended], "closed over running trials"
                self._stage(stage, state=StageState.COMPLETED, decision=decision)
            case AwaitApproval(stage, reason):
                assert reason
                self._stage(stage, state=StageState.AWAITING_APPROVAL)
                self.snapshot = replace(self.snapshot, state=StudyState.AWAITING_APPROVAL)
            case Finish(best_trial_id, reason):
                assert reason
                assert best_trial_id in self.snapshot.by_id
                self.snapshot = replace(self.snapshot, state=StudyState.COMPLETED)
            case Fail(reason):
                assert reason
                self.snapshot = replace(self.snapshot, state=StudyState.FAILED)

    def _add(self, stage: StageKind, proposal: Proposal) -> None:
        budget = self.snapshot.spec.budget
        assert (stage, proposal.key) not in self.snapshot.by_key, f"{proposal.key} was asked for twice"
        assert self._counts_steps or len(self.snapshot.trials) < budget.trials, "more trials than the budget has"
        assert 1 <= proposal.num_steps <= budget.steps, "more steps than the budget has"
        assert proposal.reason
        number = len(self.snapshot.trials)
        trial = Trial(
            f"tr_{number}",
            number,
            proposal.key,
            stage,
            proposal.params,
            proposal.schedule,
            proposal.num_steps,
            proposal.seed,
            TrialState.WAITING,
            proposal.parent_id,
        )
        self.snapshot = replace(self.snapshot, trials=(*self.snapshot.trials, trial))

    def _continue(self, trial: Trial, num_steps: int, reason: str) -> None:
        assert reason
        assert trial.state is TrialState.COMPLETED
        assert trial.num_steps < num_steps <= self.snapshot.spec.budget.steps
        self._replace(replace(trial, state=TrialState.WAITING, num_steps=num_steps))

    def _stage(self, kind: StageKind, **changes: Any) -> None:
        stages = tuple(replace(s, **changes) if s.kind == kind else s for s in self.snapshot.stages)
        self.snapshot = replace(self.snapshot, stages=stages)

    def _replace(self, trial: Trial) -> None:
        trials = list(self.snapshot.trials)
        trials[trial.number] = trial
        self.snapshot = replace(self.snapshot, trials=tuple(trials))

    # --- reading -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> StudyState:
        return self.snapshot.state

    def decision(self, kind: StageKind) -> Decision:
        decision = next(stage.decision for stage in self.snapshot.stages if stage.kind == kind)
        assert decision is not None
        return decision

    @property
    def steps(self) -> int:
        """Steps trained so far."""
        return sum(self._seen.values())

    @property
    def last(self) -> Action:
        return self.actions[-1]

    def keys(self, kind: StageKind) -> tuple[str, ...]:
        return tuple(trial.key for trial in self.snapshot.of(kind))


def check_complete(decision: Decision) -> None:
    """Hold a decision to what every one owes the reader: rule, sentence, numbers as plain JSON, what would flip it."""
    json.dumps(decision.evidence, allow_nan=False)
    json.dumps(decision.choice, allow_nan=False)
    assert "guide, s" in decision.rule
    assert decision.reason.endswith(".")
    assert decision.what_would_flip_it.endswith(".")
    assert decision.candidates
    assert {"dev_before", "dev_after", "noise"} <= decision.evidence.keys()
    for warning in decision.warnings:
        assert warning.endswith("."), warning
    for candidate in (*decision.candidates, *decision.runners_up):
        assert candidate.num_steps >= 1
