"""What `decide` can answer. Nothing else changes a study, so a new strategy needs no new machinery.

Every action is idempotent against the snapshot it was decided on: a trial is named by its stage and key, so that
adding it again adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from studies.contract.base import Params
from studies.contract.decision import Decision
from studies.contract.schedule import Schedule
from studies.contract.study_file import StageKind


@dataclass(frozen=True)
class Proposal:
    """A trial to run. ``key`` names it within its stage; ``reason`` says in a sentence why it is asked for."""

    key: str
    params: Params
    schedule: Schedule
    num_steps: int
    seed: int
    reason: str
    parent_id: str | None = None


@dataclass(frozen=True)
class AddTrials:
    stage: StageKind
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True)
class EndTrial:
    """End a trial that waits, runs or has completed: as diverged, pruned or cancelled, and say why."""

    trial_id: str
    state: Literal["diverged", "pruned", "cancelled"]
    reason: str

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError("a trial is not ended without a reason")


@dataclass(frozen=True)
class ContinueTrial:
    """Let a completed trial go on from its checkpoint to step ``num_steps``."""

    trial_id: str
    num_steps: int
    reason: str


@dataclass(frozen=True)
class OpenStage:
    stage: StageKind


@dataclass(frozen=True)
class CloseStage:
    stage: StageKind
    decision: Decision


@dataclass(frozen=True)
class AwaitApproval:
    """Hold the study before ``stage`` until a person approves."""

    stage: StageKind
    reason: str


@dataclass(frozen=True)
class Finish:
    """The study is complete; ``best_trial_id`` is its result."""

    best_trial_id: str
    reason: str


@dataclass(frozen=True)
class Fail:
    """The study cannot go on; ``reason`` says why and what the user can do."""

    reason: str


Action = AddTrials | EndTrial | ContinueTrial | OpenStage | CloseStage | AwaitApproval | Finish | Fail
