"""Who may go where: the rules that both stores act on, as tables."""

from __future__ import annotations

import pytest

from studies.contract.states import AttemptState, StageState, StudyCommand, StudyState, TrialState
from studies.core.lifecycle import (
    MAX_ATTEMPTS,
    MAX_EXPIRIES,
    after_attempt,
    after_command,
    allowed_commands,
    is_active,
    is_failure,
    may_end,
    stage_after_end,
)

S, C = StudyState, StudyCommand


@pytest.mark.parametrize(
    ("state", "command", "after"),
    [
        (S.QUEUED, C.PAUSE, S.PAUSED),
        (S.RUNNING, C.PAUSE, S.PAUSED),
        (S.PAUSED, C.PAUSE, S.PAUSED),
        (S.PAUSED, C.RESUME, S.RUNNING),
        (S.RUNNING, C.RESUME, S.RUNNING),
        (S.AWAITING_APPROVAL, C.APPROVE, S.RUNNING),
        (S.AWAITING_APPROVAL, C.CANCEL, S.CANCELLED),
        (S.AWAITING_APPROVAL, C.PAUSE, None),
        (S.RUNNING, C.APPROVE, None),
        (S.COMPLETED, C.CANCEL, None),
        (S.CANCELLED, C.RESUME, None),
        (S.FAILED, C.RESUME, None),
    ],
)
def test_commands(state: StudyState, command: StudyCommand, after: StudyState | None) -> None:
    assert after_command(state, command) is after


@pytest.mark.parametrize("state", list(StudyState))
def test_allowed_commands_are_those_that_lead_somewhere(state: StudyState) -> None:
    expected = tuple(command for command in StudyCommand if after_command(state, command) is not None)
    assert allowed_commands(state) == expected


def test_a_study_that_ended_can_be_put_away_and_brought_back_and_nothing_else_changes_it() -> None:
    assert {state: allowed_commands(state) for state in StudyState if state.ended} == {
        S.COMPLETED: (C.ARCHIVE, C.UNARCHIVE),
        S.FAILED: (C.ARCHIVE, C.UNARCHIVE),
        S.CANCELLED: (C.CANCEL, C.ARCHIVE, C.UNARCHIVE),
    }


@pytest.mark.parametrize("state", [state for state in StudyState if not state.ended])
def test_what_has_not_ended_is_not_archived(state: StudyState) -> None:
    assert after_command(state, C.ARCHIVE) is after_command(state, C.UNARCHIVE) is None


def test_the_engine_moves_queued_and_running_studies() -> None:
    assert [state for state in StudyState if is_active(state)] == [S.QUEUED, S.RUNNING]


@pytest.mark.parametrize(
    ("stage", "study", "after"),
    [
        (StageState.COMPLETED, S.FAILED, StageState.COMPLETED),
        (StageState.FAILED, S.CANCELLED, StageState.FAILED),
        (StageState.CANCELLED, S.FAILED, StageState.CANCELLED),
        (StageState.RUNNING, S.FAILED, StageState.FAILED),
        (StageState.RUNNING, S.CANCELLED, StageState.CANCELLED),
        (StageState.RUNNING, S.COMPLETED, StageState.CANCELLED),
        (StageState.PENDING, S.FAILED, StageState.CANCELLED),
        (StageState.AWAITING_APPROVAL, S.CANCELLED, StageState.CANCELLED),
    ],
)
def test_stages_of_a_study_that_ends(stage: StageState, study: StudyState, after: StageState) -> None:
    assert stage_after_end(stage, study) is after


def test_trials_that_may_still_be_ended() -> None:
    assert {state for state in TrialState if may_end(state)} == {
        TrialState.WAITING,
        TrialState.RUNNING,
        TrialState.COMPLETED,
    }


@pytest.mark.parametrize(
    ("outcome", "failures", "expiries", "measured", "state", "reason"),
    [
        pytest.param(AttemptState.COMPLETED, 0, 0, True, TrialState.COMPLETED, "", id="completed"),
        pytest.param(AttemptState.COMPLETED, 0, 0, False, TrialState.FAILED, "no-metric", id="nothing reported"),
        pytest.param(AttemptState.DIVERGED, 0, 0, True, TrialState.DIVERGED, "no longer finite", id="diverged"),
        pytest.param(AttemptState.DIVERGED, 0, 0, False, TrialState.DIVERGED, "no longer", id="diverged at once"),
        pytest.param(AttemptState.FAILED, MAX_ATTEMPTS - 1, 0, True, TrialState.WAITING, "", id="fails once"),
        pytest.param(AttemptState.FAILED, MAX_ATTEMPTS, 0, True, TrialState.FAILED, "no reason", id="fails again"),
        pytest.param(AttemptState.EXPIRED, 0, MAX_EXPIRIES - 1, True, TrialState.WAITING, "", id="expires"),
        pytest.param(AttemptState.EXPIRED, 0, MAX_EXPIRIES, True, TrialState.FAILED, "silent", id="expires often"),
        pytest.param(AttemptState.PREEMPTED, MAX_ATTEMPTS, 0, True, TrialState.WAITING, "", id="given back"),
        pytest.param(AttemptState.STOPPED, 0, MAX_EXPIRIES, True, TrialState.WAITING, "", id="stopped"),
    ],
)
def test_fate_of_a_trial_whose_attempt_ended(
    outcome: AttemptState, failures: int, expiries: int, measured: bool, state: TrialState, reason: str
) -> None:
    fate = after_attempt(outcome, "", failures, expiries, measured=measured)
    assert fate.state is state
    assert reason in fate.reason
    assert bool(reason) == bool(fate.reason)


@pytest.mark.parametrize(
    ("failures", "alone", "state"),
    [
        pytest.param(0, False, TrialState.WAITING, id="from a pack"),
        pytest.param(MAX_ATTEMPTS, False, TrialState.WAITING, id="from a pack, whatever failed before"),
        pytest.param(MAX_ATTEMPTS - 1, True, TrialState.WAITING, id="alone, as a failure"),
        pytest.param(MAX_ATTEMPTS, True, TrialState.FAILED, id="alone, as the last failure"),
    ],
)
def test_fate_of_a_trial_that_was_evicted(failures: int, alone: bool, state: TrialState) -> None:
    fate = after_attempt(AttemptState.EVICTED, "out of memory", failures, 0, alone=alone)
    assert (fate.state, fate.alone) == (state, not alone)
    assert ("out of memory" in fate.reason) == (state is TrialState.FAILED)


def test_what_counts_as_a_failed_attempt() -> None:
    assert {state for state in AttemptState if is_failure(state, alone=False)} == {AttemptState.FAILED}
    assert {state for state in AttemptState if is_failure(state, alone=True)} == {
        AttemptState.FAILED,
        AttemptState.EVICTED,
    }


@pytest.mark.parametrize("outcome", [AttemptState.DIVERGED, AttemptState.FAILED])
def test_the_workers_reason_is_passed_on(outcome: AttemptState) -> None:
    assert "loss was nan" in after_attempt(outcome, "loss was nan", MAX_ATTEMPTS, 0).reason
