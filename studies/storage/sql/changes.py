"""Changes by the engine and by people: load the picture that a rule needs, write what the rule changed.

Locks are taken in one order everywhere: study, then trials by id. Whoever changes an attempt holds its trial's lock.
(SQLite has one writer at a time and ignores them.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, or_, select

from studies.contract.states import AttemptState, StudyCommand, StudyState, TrialState
from studies.core.actions import Action
from studies.core.lifecycle import is_active
from studies.storage.applying import (
    apply_actions,
    end_study,
    ends_the_study,
    named_trials,
    proposed_keys,
    proposed_stages,
)
from studies.storage.commanding import apply_command
from studies.storage.picture import Picture
from studies.storage.records import AttemptRecord, StudyRecord, TrialRecord
from studies.storage.sql import decisions, events, marks, studies, tables
from studies.storage.sql.among import among
from studies.storage.sql.engine import now
from studies.storage.sql.rows import insert_all, records, update_all


def apply(connection: Connection, study_id: str, version: int, actions: Sequence[Action]) -> bool:
    """Do the engine's actions; see `studies.storage.port.StudyStore.apply`."""
    study = studies.get(connection, study_id, lock=True)
    if study.version != version or not is_active(study.state):
        return False
    if actions:
        picture = _picture(connection, study, _touched(connection, study_id, actions))
        apply_actions(picture, actions)
        _write(connection, picture)
    return True


_UNFINISHED = tables.trial.c.state.in_([TrialState.WAITING, TrialState.RUNNING])


def _locked(*which: ColumnElement[bool]) -> Select[Any]:
    c = tables.trial.c
    own = select(tables.trial).where(c.study_id == bindparam("study_id"), *which)
    return own.order_by(c.id).with_for_update(key_share=True)


_NAMED = _locked(among(tables.trial.c.id, "ids"))
_NAMED_OR_UNFINISHED = _locked(or_(among(tables.trial.c.id, "ids"), _UNFINISHED))
_ALL_UNFINISHED = _locked(_UNFINISHED)

_KEYED = select(tables.trial).where(
    tables.trial.c.study_id == bindparam("study_id"),
    among(tables.trial.c.stage, "stages"),
    among(tables.trial.c.key, "keys"),
)


def _touched(connection: Connection, study_id: str, actions: Sequence[Action]) -> list[TrialRecord]:
    """Return the existing trials that the actions may touch, locked, and those that stand where one is proposed."""
    named = {"study_id": study_id, "ids": named_trials(actions)}
    proposed = {"study_id": study_id, "stages": proposed_stages(actions), "keys": proposed_keys(actions)}
    there = records(connection, TrialRecord, _KEYED, proposed) if proposed["keys"] else []
    if ends_the_study(actions):
        return [*there, *records(connection, TrialRecord, _NAMED_OR_UNFINISHED, named)]
    return [*there, *records(connection, TrialRecord, _NAMED, named)] if named["ids"] else there


def command(connection: Connection, study_id: str, order: StudyCommand) -> None:
    """Do a person's command; see `studies.storage.port.StudyStore.command`."""
    study = studies.get(connection, study_id, lock=True)
    picture = _picture(connection, study, records(connection, TrialRecord, _ALL_UNFINISHED, {"study_id": study_id}))
    apply_command(picture, order)
    _write(connection, picture)


def fail(connection: Connection, study_id: str, reason: str) -> None:
    """Fail a study that no decision can be taken about."""
    study = studies.get(connection, study_id, lock=True)
    picture = _picture(connection, study, records(connection, TrialRecord, _ALL_UNFINISHED, {"study_id": study_id}))
    picture.set_study(version=study.version + 1, updated_at=picture.now)
    end_study(picture, StudyState.FAILED, reason)
    _write(connection, picture)


_NEXT = select(
    select(func.coalesce(func.max(tables.trial.c.number) + 1, 0))
    .where(tables.trial.c.study_id == bindparam("study_id"))
    .scalar_subquery(),
    select(func.coalesce(func.max(tables.decision.c.sequence) + 1, 0))
    .where(tables.decision.c.study_id == bindparam("study_id"))
    .scalar_subquery(),
)

_LIVE = select(tables.attempt).where(
    among(tables.attempt.c.trial_id, "trials"), tables.attempt.c.state == AttemptState.RUNNING
)


def _picture(connection: Connection, study: StudyRecord, trials: Sequence[TrialRecord]) -> Picture:
    next_number, next_decision = connection.execute(_NEXT, {"study_id": study.id}).one()
    return Picture(
        study=study,
        now=now(connection),
        stages={stage.kind: stage for stage in studies.stages(connection, study.id)},
        trials={item.id: item for item in trials},
        live=_live(connection, [item.id for item in trials]),
        next_number=next_number,
        next_decision=next_decision,
    )


def _live(connection: Connection, trial_ids: Sequence[str]) -> dict[str, AttemptRecord]:
    found = records(connection, AttemptRecord, _LIVE, {"trials": trial_ids}) if trial_ids else ()
    return {attempt.trial_id: attempt for attempt in found}


def _write(connection: Connection, picture: Picture) -> None:
    update_all(connection, tables.study, [picture.study] if picture.study_changed else [])
    update_all(connection, tables.stage, [picture.stages[kind] for kind in sorted(picture.changed_stages)])
    added = [picture.trials[trial_id] for trial_id in picture.added_trials]
    if added:
        insert_all(connection, tables.trial, added, touched=marks.fresh(connection, picture.study.id))
    changed = [picture.trials[trial_id] for trial_id in sorted(picture.changed_trials)]
    update_all(connection, tables.trial, changed)
    update_all(connection, tables.attempt, list(picture.changed_attempts.values()))
    decisions.store(connection, picture.decisions)
    events.publish(connection, picture.news, picture.now)
