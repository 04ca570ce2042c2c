"""Changes by the engine and by people: load the picture that a rule needs, write what the rule changed.

Locks are taken in one order everywhere: study, then trials by id. Whoever changes an attempt holds its trial's lock.
(SQLite has one writer at a time and ignores them.)
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, or_, select

from studies.contract.states import AttemptState, StudyCommand, StudyState, TrialState
from studies.core.actions import Action
from studies.core.lifecycle import is_active
from studies.storage.applying import apply_actions, end_study, ends_the_study, named_trials, proposed_keys
from studies.storage.commanding import apply_command
from studies.storage.picture import Picture
from studies.storage.records import AttemptRecord, StudyRecord, TrialRecord
from studies.storage.sql import decisions, events, marks, studies, tables
from studies.storage.sql.engine import now
from studies.storage.sql.rows import insert_all, records, update_all

UNFINISHED = [TrialState.WAITING, TrialState.RUNNING]


def apply(connection: Connection, study_id: str, version: int, actions: Sequence[Action]) -> bool:
    """Do the engine's actions; see `studies.storage.port.StudyStore.apply`."""
    study = studies.get(connection, study_id, lock=True)
    if study.version != version or not is_active(study.state):
        return False
    if actions:
        c = tables.trial.c
        touched = [c.id.in_(named_trials(actions)), c.key.in_(proposed_keys(actions))]
        if ends_the_study(actions):
            touched.append(c.state.in_(UNFINISHED))
        picture = _picture(connection, study, or_(*touched))
        apply_actions(picture, actions)
        _write(connection, picture)
    return True


def command(connection: Connection, study_id: str, order: StudyCommand) -> None:
    """Do a person's command; see `studies.storage.port.StudyStore.command`."""
    study = studies.get(connection, study_id, lock=True)
    picture = _picture(connection, study, tables.trial.c.state.in_(UNFINISHED))
    apply_command(picture, order)
    _write(connection, picture)


def fail(connection: Connection, study_id: str, reason: str) -> None:
    """Fail a study that no decision can be taken about."""
    study = studies.get(connection, study_id, lock=True)
    picture = _picture(connection, study, tables.trial.c.state.in_(UNFINISHED))
    picture.set_study(version=study.version + 1, updated_at=picture.now)
    end_study(picture, StudyState.FAILED, reason)
    _write(connection, picture)


def _picture(connection: Connection, study: StudyRecord, touched: ColumnElement[bool]) -> Picture:
    trial, decision = tables.trial.c, tables.decision.c
    query = select(tables.trial).where(trial.study_id == study.id, touched).order_by(trial.id)
    trials = records(connection, TrialRecord, query.with_for_update(key_share=True))
    asked = select(func.coalesce(func.max(trial.number) + 1, 0)).where(trial.study_id == study.id)
    decided = select(func.coalesce(func.max(decision.sequence) + 1, 0)).where(decision.study_id == study.id)
    return Picture(
        study=study,
        now=now(connection),
        stages={stage.kind: stage for stage in studies.stages(connection, study.id)},
        trials={item.id: item for item in trials},
        live=_live(connection, [item.id for item in trials]),
        next_number=connection.execute(asked).scalar_one(),
        next_decision=connection.execute(decided).scalar_one(),
    )


def _live(connection: Connection, trial_ids: Sequence[str]) -> dict[str, AttemptRecord]:
    c = tables.attempt.c
    query = select(tables.attempt).where(c.trial_id.in_(trial_ids), c.state == AttemptState.RUNNING)
    return {attempt.trial_id: attempt for attempt in records(connection, AttemptRecord, query)}


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
