"""Who may go where: what a command does to a study, and what the end of an attempt does to its trial.

Policies return a value and do nothing else; both stores act on them, so the rules stand here once.
"""

from __future__ import annotations

from dataclasses import dataclass

from studies.contract.states import AttemptState, StudyCommand, StudyState, TrialState

MAX_ATTEMPTS = 2
"""Attempts that may fail by their own fault before the trial fails."""

MAX_EXPIRIES = 5
"""Leases of one trial that may run out before the trial fails: it may well be what takes the workers down."""

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
}


def after_command(state: StudyState, command: StudyCommand) -> StudyState | None:
    """Return the state that `command` leads to from `state`, or None where it is not allowed."""
    return _COMMANDS[command].get(state)


@dataclass(frozen=True)
class TrialFate:
    """What becomes of a trial when an attempt ends; ``waiting`` puts it back into the queue."""

    state: TrialState
    reason: str = ""


def after_attempt(outcome: AttemptState, reason: str, failures: int, expiries: int) -> TrialFate:
    """Decide what becomes of a running trial whose attempt ended.

    Args:
        outcome: the attempt's final state.
        reason: what the worker said of it.
        failures: failed attempts of this trial, this one included.
        expiries: expired leases of this trial, this one included.
    """
    match outcome:
        case AttemptState.COMPLETED:
            return TrialFate(TrialState.COMPLETED)
        case AttemptState.DIVERGED:
            return TrialFate(TrialState.DIVERGED, reason or "the training loss was no longer finite")
        case AttemptState.FAILED if failures >= MAX_ATTEMPTS:
            return TrialFate(TrialState.FAILED, f"failed in {failures} attempts, last: {reason or 'no reason given'}")
        case AttemptState.EXPIRED if expiries >= MAX_EXPIRIES:
            return TrialFate(TrialState.FAILED, f"{expiries} workers went silent while running it")
        case _:
            return TrialFate(TrialState.WAITING)
