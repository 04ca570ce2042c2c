"""Rows that cannot be read: moved out of the way, with what they hold, so that everything else goes on.

Documents stand in columns as text. One that a hand, a disk or another version has left unreadable would raise wherever
its row is looked at: in the engine's look at the study, in the sync of the node that runs the trial, in every list. So
it is taken out: its content goes to a table of its own, a harmless value takes its place, and what it belongs to has
failed, with the reason. Where a trial's document is unreadable that is the trial, where a study's, the study.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, Text, delete, func, insert, or_, select, type_coerce, update

from studies.contract.schedule import Schedule
from studies.contract.states import AttemptState, StudyState, TrialState
from studies.contract.study_file import FunctionObjective, StudySpec
from studies.storage.records import News
from studies.storage.sql import changes, events, tables
from studies.storage.sql.engine import now

logger = logging.getLogger(__name__)

MAX_WORDS = 300
"""Longest description of why a document cannot be read."""

UNDER_WAY = [state for state in StudyState if not state.ended]
_WIDTHS = (4, 8)
"""Bytes that a step or a value of a chunk may take."""


@dataclass(frozen=True)
class Poison:
    """An unreadable document. ``row`` is its row, whose study and trial (or "") are what it belongs to."""

    column: Column[Any]
    row: Any
    content: str
    error: str
    study_id: str
    trial_id: str = ""


def isolate(connection: Connection) -> int:
    """Take every unreadable document out of the way; return how many there were.

    Of a study that has ended only what lists of studies read is looked at, and its end stays what it was.
    """
    time = now(connection)
    poisons = [*_of_trials(connection), *_of_chunks(connection), *_of_studies(connection)]
    _lock(connection, {poison.study_id for poison in poisons})
    for poison in poisons:
        logger.error("%s of study %s is poisoned: %s", poison.column, poison.study_id, poison.error)
        _keep(connection, poison, time)
    for poison in {poison.trial_id: poison for poison in poisons if poison.trial_id}.values():
        _fail_trial(connection, poison, time)
    going_on = _going_on(connection, {poison.study_id for poison in poisons})
    for poison in {poison.study_id: poison for poison in poisons if not poison.trial_id}.values():
        if poison.study_id in going_on:
            changes.fail(connection, poison.study_id, _reason(poison))
    return len(poisons)


# --- looking ---------------------------------------------------------------------------------------------------------


def _of_trials(connection: Connection) -> Iterator[Poison]:
    c = tables.trial.c
    for column in (c.params, c.schedule):
        query = select(c.id, c.study_id, type_coerce(column, Text).label("content")).where(_under_way(c.study_id))
        for row, error in _unreadable(connection, column, query):
            yield Poison(column, row, row.content, error, row.study_id, row.id)


def _of_chunks(connection: Connection) -> Iterator[Poison]:
    """Yield chunks whose bytes are no numbers of a known width; every other sequence of bytes is points."""
    c, attempt = tables.metric_chunk.c, tables.attempt.c
    broken = or_(
        func.length(c["values"]).not_in([width * c.count for width in _WIDTHS]),
        func.length(c.steps).not_in([width * c.count for width in _WIDTHS]),
    )
    query = (
        select(
            c.id,
            attempt.study_id,
            attempt.trial_id,
            c.name,
            c.count.label("points"),
            c.steps,
            c["values"].label("held"),
        )
        .join_from(tables.metric_chunk, tables.attempt, attempt.id == c.attempt_id)
        .where(broken, _under_way(attempt.study_id))
    )
    for row in connection.execute(query):
        error = f"its bytes are not those of {row.points} points of {row.name}"
        content = f"steps {(row.steps or b'').hex()} values {row.held.hex()}"
        yield Poison(c["values"], row, content, error, row.study_id, row.trial_id)


def _of_studies(connection: Connection) -> Iterator[Poison]:
    study, stage, decision = tables.study.c, tables.stage.c, tables.decision.c
    for column, keys in (
        (study.spec, (study.id, study.name, study.id.label("study_id"))),
        (stage.decision, (stage.study_id, stage.kind)),
        (decision.decision, (decision.id, decision.study_id)),
    ):
        query = select(*keys, type_coerce(column, Text).label("content"))
        for row, error in _unreadable(connection, column, query):
            yield Poison(column, row, row.content, error, row.study_id)


def _going_on(connection: Connection, study_ids: Collection[str]) -> set[str]:
    """Return those of the studies that have not ended."""
    c = tables.study.c
    return set(connection.execute(select(c.id).where(c.id.in_(study_ids), c.state.in_(UNDER_WAY))).scalars())


def _under_way(study_id: Any) -> Any:
    return study_id.in_(select(tables.study.c.id).where(tables.study.c.state.in_(UNDER_WAY)))


def _unreadable(connection: Connection, column: Column[Any], query: Any) -> Iterator[tuple[Any, str]]:
    read: Callable[[Any], Any] = column.type.result_processor(connection.dialect, None) or (lambda value: value)
    for row in connection.execute(query).all():
        try:
            read(row.content)
        except ValueError as error:  # pydantic's and json's are ValueErrors
            yield row, " ".join(str(error).split())[:MAX_WORDS]


def _lock(connection: Connection, study_ids: Collection[str]) -> None:
    """Lock studies before their trials, as everywhere."""
    c = tables.study.c
    locked = select(c.id).where(c.id.in_(study_ids)).order_by(c.id)
    connection.execute(locked.with_for_update(key_share=True)).all()


# --- taking out ------------------------------------------------------------------------------------------------------


def _keep(connection: Connection, poison: Poison, time: float) -> None:
    """Move a document to the table of poison, and put a harmless one in its place."""
    kept = {"place": str(poison.column), "content": poison.content, "error": poison.error, "found_at": time}
    connection.execute(insert(tables.poison).values(kept | {"study_id": poison.study_id, "trial_id": poison.trial_id}))
    connection.execute(_replacement(poison))


def _replacement(poison: Poison) -> Any:
    column, row = poison.column, poison.row
    table: Table = column.table
    if column is tables.stage.c.decision:
        return update(table).where(table.c.study_id == row.study_id, table.c.kind == row.kind).values(decision=None)
    if table in (tables.decision, tables.metric_chunk):
        return delete(table).where(table.c.id == row.id)
    return update(table).where(table.c.id == row.id).values({column.name: _harmless(poison)})


def _harmless(poison: Poison) -> Any:
    if poison.column is tables.trial.c.params:
        return {}
    if poison.column is tables.trial.c.schedule:
        return Schedule()
    nothing = FunctionObjective(kind="function", target="unreadable.py:unreadable")
    return StudySpec(name=poison.row.name, objective=nothing)


def _fail_trial(connection: Connection, poison: Poison, time: float) -> None:
    trial, attempt, reason = tables.trial.c, tables.attempt.c, _reason(poison)
    failed = {"state": TrialState.FAILED, "ended_because": reason, "ended_at": time}
    statement = update(tables.trial).where(trial.id == poison.trial_id).values(failed)
    row = connection.execute(statement.returning(trial.number, trial.key)).one()
    running = (attempt.trial_id == poison.trial_id) & (attempt.state == AttemptState.RUNNING)
    connection.execute(update(tables.attempt).where(running).values(stop=reason))
    news = News(poison.study_id, "trial", f"trial {row.number} ({row.key}) failed: {reason}", poison.trial_id)
    events.publish(connection, [news], time)


def _reason(poison: Poison) -> str:
    return (
        f"poisoned: {poison.column} cannot be read ({poison.error}); "
        f"what stood there is kept in {tables.poison.name}, a harmless value stands in its place"
    )
