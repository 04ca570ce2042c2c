"""Who may go where: what a command does to a study, and what the end of an attempt does to its trial.

Policies return a value and do nothing else; both stores act on them, so the rules stand here once.
"""

from __future__ import annotations

from dataclasses import dataclass

from studies.contract.states import AttemptState, StageState, StudyCommand, StudyState, TrialState
from studies.contract.study_file import MAX_ATTEMPTS

MAX_EXPIRIES = 5
"""Leases of one trial that may run out before the trial fails: it may well be what takes the workers down."""

NO_METRIC = (
    "no-metric: it ended well but reported neither the study's metric nor a loss: "
    "report them, under the names that the study file uses"
)
"""Why a trial failed whose run said nothing that it could be judged by."""

_ENDED = {state: state for state in StudyState if state.ended}

_COMMANDS: dict[StudyCommand, dict[StudyState, StudyState]] = {
    StudyCommand.PAUSE: {
        StudyState.QUEUED: StudyState.PAUSED,
        StudyState.RUNNING: StudyState.PAUSED,
        StudyState.PAUSED: StudyState.PAUSED,
    },
    StudyCommand.RESUME: {
        StudyState.PAUSED: StudyState.RUNNING,
        StudyState.RUNNING: StudyState.RUNNING,
        StudyState.QUEUED: StudyState.QUEUED,
    },
    StudyCommand.APPROVE: {StudyState.AWAITING_APPROVAL: StudyState.RUNNING},
    StudyCommand.CANCEL: {
        StudyState.QUEUED: StudyState.CANCELLED,
        StudyState.RUNNING: StudyState.CANCELLED,
        StudyState.PAUSED: StudyState.CANCELLED,
        StudyState.AWAITING_APPROVAL: StudyState.CANCELLED,
        StudyState.CANCELLED: StudyState.CANCELLED,
    },
    StudyCommand.ARCHIVE: _ENDED,
    StudyCommand.UNARCHIVE: _ENDED,
}


def after_command(state: StudyState, command: StudyCommand) -> StudyState | None:
    """Return the state that `command` leads to from `state`, or None where it is not allowed."""
    return _COMMANDS[command].get(state)


def allowed_commands(state: StudyState) -> tuple[StudyCommand, ...]:
    """Return the commands that `state` allows, in the order in which `StudyCommand` names them."""
    return tuple(command for command in StudyCommand if state in _COMMANDS[command])


def is_active(state: StudyState) -> bool:
    """Return whether the engine may change a study in this state."""
    return state in (StudyState.QUEUED, StudyState.RUNNING)


def stage_after_end(stage: StageState, study: StudyState) -> StageState:
    """Return what becomes of a stage when its study ends in state `study`: what was concluded stays concluded."""
    if stage in (StageState.COMPLETED, StageState.FAILED, StageState.CANCELLED):
        return stage
    failed_here = study is StudyState.FAILED and stage is StageState.RUNNING
    return StageState.FAILED if failed_here else StageState.CANCELLED


def may_end(state: TrialState) -> bool:
    """Return whether `EndTrial` applies: to trials that wait, run or have completed."""
    return not state.ended or state is TrialState.COMPLETED


@dataclass(frozen=True)
class TrialFate:
    """What becomes of a trial when an attempt ends; ``waiting`` puts it back into the queue.

    ``alone``: its pack could not go on with it, so from now on nothing may run beside it.
    """

    state: TrialState
    reason: str = ""
    alone: bool = False


def is_failure(outcome: AttemptState, *, alone: bool) -> bool:
    """Return whether an attempt counts as failed: by itself, or evicted although it shared its device with nobody."""
    return outcome is AttemptState.FAILED or (outcome is AttemptState.EVICTED and alone)


def after_attempt(
    outcome: AttemptState,
    reason: str,
    failures: int,
    expiries: int,
    *,
    max_attempts: int = MAX_ATTEMPTS,
    measured: bool = True,
    alone: bool = False,
) -> TrialFate:
    """Decide what becomes of a running trial whose attempt ended.

    Args:
        outcome: the attempt's final state.
        reason: what the worker said of it.
        failures: failed attempts of this trial, this one included.
        expiries: expired leases of this trial, this one included.
        max_attempts: attempts that may fail by their own fault before the trial fails, as the study file says.
        measured: whether any point of the study's metric or of the training loss was reported.
        alone: whether nothing else ran on its device.
    """
    match outcome:
        case AttemptState.COMPLETED if not measured:
            return TrialFate(TrialState.FAILED, NO_METRIC)
        case AttemptState.COMPLETED:
            return TrialFate(TrialState.COMPLETED)
        case AttemptState.DIVERGED:
            return TrialFate(TrialState.DIVERGED, reason or "the training loss was no longer finite")
        case AttemptState.EVICTED if not alone:
            return TrialFate(TrialState.WAITING, alone=True)
        case AttemptState.FAILED | AttemptState.EVICTED if failures >= max_attempts:
            return TrialFate(TrialState.FAILED, _failed(failures, reason or "no reason given"))
        case AttemptState.EXPIRED if expiries >= MAX_EXPIRIES:
            return TrialFate(TrialState.FAILED, f"{expiries} workers went silent while running it")
        case _:
            return TrialFate(TrialState.WAITING)


def _failed(failures: int, reason: str) -> str:
    return f"failed: {reason}" if failures == 1 else f"failed in {failures} attempts, last: {reason}"
