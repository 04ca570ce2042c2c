"""What a person's command does to a study: a rule on a `Picture`, by `studies.core.lifecycle.after_command`."""

from __future__ import annotations

from studies.contract.states import StageState, StudyCommand, StudyState
from studies.core.lifecycle import after_command, allowed_commands
from studies.errors import NotAllowedNow
from studies.storage.applying import end_study
from studies.storage.picture import Picture

PAUSED = "the study was paused"

_PUTTING_AWAY = (StudyCommand.ARCHIVE, StudyCommand.UNARCHIVE)


def apply_command(picture: Picture, command: StudyCommand) -> None:
    """Do `command`; one that changes nothing (pausing a paused study) leaves the version as it is.

    Raises:
        NotAllowedNow: the state does not allow it.
    """
    before = picture.study.state
    after = after_command(before, command)
    if after is None:
        raise NotAllowedNow(_refusal(picture.study.name, before, command))
    if command in _PUTTING_AWAY:
        _put_away(picture, away=command is StudyCommand.ARCHIVE)
        return
    if after is before:
        return
    picture.set_study(state=after, reason="", version=picture.study.version + 1, updated_at=picture.now)
    if after is StudyState.CANCELLED:
        end_study(picture, after, "on a person's command")
        return
    if after is StudyState.PAUSED:
        _stop_runs(picture)
    if command is StudyCommand.APPROVE:
        _approve(picture)
    picture.tell("study", str(after))


def _put_away(picture: Picture, *, away: bool) -> None:
    """Archive the study, or bring it back. Neither is a change of the study: when it changed last stays as it was."""
    if away != (picture.study.archived_at is not None):
        picture.set_study(archived_at=picture.now if away else None)
        picture.tell("study", "archived" if away else "unarchived")


def _stop_runs(picture: Picture) -> None:
    for trial_id in tuple(picture.live):
        picture.order_stop(trial_id, PAUSED)


def _approve(picture: Picture) -> None:
    for kind, stage in picture.stages.items():
        if stage.state is StageState.AWAITING_APPROVAL:
            picture.set_stage(kind, state=StageState.PENDING, approved=True)
            picture.tell("stage", f"{kind} approved")


def _refusal(name: str, state: StudyState, command: StudyCommand) -> str:
    allowed = [each for each in allowed_commands(state) if each not in _PUTTING_AWAY]
    what_to_do = f"it allows {', '.join(allowed)}" if allowed else "it is over: submit a new study"
    if command in _PUTTING_AWAY:
        what_to_do = "only what has ended is archived, so cancel it first, or wait for its end"
    return f"study {name} is {state}, which does not allow {command}: {what_to_do}."
