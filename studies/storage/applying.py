"""What the engine's actions do to a study: one small rule an action, on a `Picture`."""

from __future__ import annotations

from collections.abc import Sequence

from studies.contract.ids import new_id
from studies.contract.states import StageState, StudyState, TrialState
from studies.contract.study_file import StageKind
from studies.contract.views import DecisionRecord
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
from studies.core.lifecycle import may_end, stage_after_end
from studies.errors import NotFound
from studies.storage.copies import copy_of
from studies.storage.picture import Picture
from studies.storage.records import TrialRecord


def apply_actions(picture: Picture, actions: Sequence[Action]) -> None:
    """Do `actions` in order, move the version and let a queued study run.

    Raises:
        NotFound: an action names a trial or a stage that the study does not have.
    """
    if picture.study.state is StudyState.QUEUED:
        picture.set_study(state=StudyState.RUNNING)
        picture.tell("study", "running")
    for action in actions:
        _apply(picture, action)
    picture.set_study(version=picture.study.version + 1, updated_at=picture.now)


def named_trials(actions: Sequence[Action]) -> set[str]:
    """Return the ids of existing trials that `actions` name."""
    named = {action.trial_id for action in actions if isinstance(action, EndTrial | ContinueTrial)}
    return named | {action.best_trial_id for action in actions if isinstance(action, Finish)}


def proposed_keys(actions: Sequence[Action]) -> set[str]:
    """Return the keys of all trials that `actions` propose."""
    return {proposal.key for action in actions if isinstance(action, AddTrials) for proposal in action.proposals}


def proposed_stages(actions: Sequence[Action]) -> set[StageKind]:
    """Return the stages that `actions` add trials to."""
    return {action.stage for action in actions if isinstance(action, AddTrials)}


def ends_the_study(actions: Sequence[Action]) -> bool:
    """Return whether `actions` end the study, so that all its unfinished trials are touched."""
    return any(isinstance(action, Finish | Fail) for action in actions)


def _apply(picture: Picture, action: Action) -> None:
    match action:
        case AddTrials():
            _add_trials(picture, action)
        case EndTrial():
            _end_trial(picture, action)
        case ContinueTrial():
            _continue_trial(picture, action)
        case OpenStage(stage=stage):
            _open_stage(picture, stage)
        case CloseStage():
            _close_stage(picture, action)
        case AwaitApproval():
            _await_approval(picture, action)
        case Finish(best_trial_id=best, reason=reason):
            picture.set_study(best_trial_id=_trial(picture, best).id)
            end_study(picture, StudyState.COMPLETED, reason)
        case Fail(reason=reason):
            end_study(picture, StudyState.FAILED, reason)


def end_study(picture: Picture, state: StudyState, reason: str) -> None:
    """End the study: unfinished trials are cancelled, their runs stopped, open stages closed."""
    picture.set_study(state=state, reason=reason, updated_at=picture.now)
    for trial in picture.unfinished():
        picture.end_trial(trial.id, TrialState.CANCELLED, f"the study is {state}")
    for kind, stage in picture.stages.items():
        after = stage_after_end(stage.state, state)
        if after is not stage.state:
            picture.set_stage(kind, state=after, closed_at=picture.now)
            picture.tell("stage", f"{kind} {after}")
    picture.tell("study", f"{state}: {reason}" if reason else str(state))


def _trial(picture: Picture, trial_id: str) -> TrialRecord:
    if trial_id not in picture.trials:
        raise NotFound(f"study {picture.study.id} has no trial {trial_id}: load it again and decide on what it has.")
    return picture.trials[trial_id]


def _require_stage(picture: Picture, kind: StageKind) -> None:
    if kind not in picture.stages:
        raise NotFound(f"study {picture.study.id} has no stage {kind}: it has {', '.join(picture.stages)}.")


def _add_trials(picture: Picture, action: AddTrials) -> None:
    _require_stage(picture, action.stage)
    taken = picture.keys()
    for proposal in action.proposals:
        if (action.stage, proposal.key) not in taken:
            taken.add((action.stage, proposal.key))
            trial = _new_trial(picture, action.stage, proposal)
            picture.add_trial(trial)
            picture.tell_trial(trial, f"added: {trial.reason}" if trial.reason else "added")


def _new_trial(picture: Picture, stage: StageKind, proposal: Proposal) -> TrialRecord:
    return TrialRecord(
        id=new_id("trial"),
        study_id=picture.study.id,
        number=picture.next_number,
        key=proposal.key,
        stage=stage,
        params=dict(proposal.params),
        schedule=proposal.schedule,
        num_steps=proposal.num_steps,
        seed=proposal.seed,
        reason=proposal.reason,
        parent_id=proposal.parent_id,
        created_at=picture.now,
    )


def _end_trial(picture: Picture, action: EndTrial) -> None:
    if may_end(_trial(picture, action.trial_id).state):
        picture.end_trial(action.trial_id, TrialState(action.state), action.reason)


def _continue_trial(picture: Picture, action: ContinueTrial) -> None:
    trial = _trial(picture, action.trial_id)
    if trial.state is not TrialState.COMPLETED or action.num_steps <= trial.num_steps:
        return
    fresh = {
        "state": TrialState.WAITING,
        "num_steps": action.num_steps,
        "ended_at": None,
        "alone": False,
        "score": None,
    }
    trial = picture.set_trial(trial.id, **fresh)
    picture.tell_trial(trial, f"goes on to step {action.num_steps}: {action.reason}")


def _open_stage(picture: Picture, kind: StageKind) -> None:
    _require_stage(picture, kind)
    if picture.stages[kind].state in (StageState.PENDING, StageState.AWAITING_APPROVAL):
        picture.set_stage(kind, state=StageState.RUNNING, opened_at=picture.now)
        picture.tell("stage", f"{kind} opened")


def _close_stage(picture: Picture, action: CloseStage) -> None:
    _require_stage(picture, action.stage)
    if picture.stages[action.stage].state is StageState.COMPLETED:
        return
    decision = copy_of(action.decision)
    record = DecisionRecord(
        id=new_id("decision"),
        study_id=picture.study.id,
        sequence=picture.next_decision,
        stage=action.stage,
        decided_at=picture.now,
        decision=decision,
    )
    picture.next_decision += 1
    picture.decisions.append(record)
    picture.set_stage(action.stage, state=StageState.COMPLETED, decision=decision, closed_at=picture.now)
    picture.tell("decision", decision.reason)
    picture.tell("stage", f"{action.stage} completed")


def _await_approval(picture: Picture, action: AwaitApproval) -> None:
    _require_stage(picture, action.stage)
    picture.set_stage(action.stage, state=StageState.AWAITING_APPROVAL)
    picture.set_study(state=StudyState.AWAITING_APPROVAL, reason=action.reason)
    picture.tell("study", f"awaiting_approval: {action.reason}")
