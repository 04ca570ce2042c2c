"""A filter and an order over trials as SQL; `studies.core.query.evaluation` says the same in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Select,
    Text,
    and_,
    case,
    collate,
    false,
    func,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.sql.selectable import NamedFromClause

from studies.contract.trial_query import (
    CHOICES,
    AllOf,
    AnyOf,
    Compare,
    Contains,
    Fact,
    Filter,
    Measure,
    Missing,
    Not,
    OneOf,
    Operator,
    Order,
    Param,
    Term,
    TrialQuery,
    Value,
)
from studies.storage.sql import tables
from studies.storage.sql.engine import clock, is_postgres
from studies.storage.sql.json_values import Kinds, member

_PARTS: Final = {"last": "last", "min": "minimum", "max": "maximum"}
_TRIAL: Final = tables.trial.c


def numbers(connection: Connection, study_id: str, query: TrialQuery) -> list[int]:
    """Return the numbers of all trials that `query` asks for, in its order, whatever its window."""
    return list(connection.execute(_Asking(connection).statement(study_id, query)).scalars().all())


def window(connection: Connection, study_id: str, query: TrialQuery) -> tuple[list[int], int]:
    """Return the numbers of the trials in the window of `query`, and how many it asks for in all."""
    asked = _Asking(connection).statement(study_id, query).add_columns(func.count().over())
    found = connection.execute(asked.limit(query.limit).offset(query.offset)).all()
    if found:
        return [number for number, _ in found], found[0][1]
    return [], len(numbers(connection, study_id, query)) if query.offset else 0


class _Asking:
    """One statement in the making: each metric that it asks for is joined once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._postgres = is_postgres(connection)
        self._summaries: dict[str, NamedFromClause] = {}

    def statement(self, study_id: str, query: TrialQuery) -> Select[int]:
        conditions = [] if query.filter is None else [self._holds(query.filter)]
        order = self._order(query.order)
        asked = select(_TRIAL.number).select_from(self._joined()).where(_TRIAL.study_id == study_id, *conditions)
        return asked.order_by(*order, _TRIAL.number)

    def _joined(self) -> FromClause:
        joined: FromClause = tables.trial
        for metric, summary in self._summaries.items():
            joined = joined.outerjoin(summary, and_(summary.c.trial_id == _TRIAL.id, summary.c.name == metric))
        return joined

    # --- names ---------------------------------------------------------------------------------------------------

    def _kinds(self, term: Term) -> Kinds:
        if isinstance(term, Param):
            return member(_TRIAL.params, term.name, postgres=self._postgres)
        return self._measure(term) if isinstance(term, Measure) else self._fact(term)

    def _measure(self, term: Measure) -> Kinds:
        name = f"metric_{len(self._summaries)}"
        summary = self._summaries.setdefault(term.metric, tables.metric_summary.alias(name))
        return Kinds(number=type_coerce(summary.c[_PARTS[term.part]], Double))

    def _fact(self, fact: Fact) -> Kinds:
        match fact.name:
            case "number" | "seed" | "num_steps":
                return _numeric(_TRIAL[fact.name])
            case "steps":
                return _numeric(_TRIAL.last_step)
            case "duration":
                return _numeric(func.coalesce(_TRIAL.ended_at, clock(self._connection)) - _TRIAL.started_at)
            case "schedule":
                return _chosen(fact, member(_TRIAL.schedule, "kind", postgres=self._postgres).text)
            case "state" | "stage":
                return _chosen(fact, type_coerce(_TRIAL[fact.name], Text))
            case "worker":
                return Kinds(text=func.nullif(_latest_worker(), ""))
            case name:
                return Kinds(text=func.nullif(_TRIAL[name], ""))

    # --- conditions ----------------------------------------------------------------------------------------------

    def _holds(self, query: Filter) -> ColumnElement[bool]:
        """Return `query` as a condition that is true or false, and never NULL."""
        match query:
            case AllOf(operands):
                return and_(*map(self._holds, operands))
            case AnyOf(operands):
                return or_(*map(self._holds, operands))
            case Not(operand):
                return not_(self._holds(operand))
            case Missing(term):
                return not_(self._kinds(term).present)
            case Compare(term, operator, value):
                return _compares(self._kinds(term), operator, value)
            case OneOf(term, values):
                kinds = self._kinds(term)
                return or_(*(_compares(kinds, "=", value) for value in values))
            case Contains(term, text):
                return self._contains(self._kinds(term).text, text)

    def _contains(self, column: ColumnElement[Any] | None, text: str) -> ColumnElement[bool]:
        """A database's own ``lower`` without a locale changes A to Z alone, and so does Python's of ASCII bytes."""
        if column is None:
            return false()
        wanted = text.encode().lower().decode()
        if self._postgres:
            return _surely(func.strpos(func.lower(collate(column, "C")), wanted) > 0)
        return _surely(func.instr(func.lower(column), wanted) > 0)

    # --- order ---------------------------------------------------------------------------------------------------

    def _order(self, order: Order) -> Sequence[ColumnElement[Any]]:
        kinds = self._kinds(order.term)
        if kinds.rank is not None:
            by = [kinds.rank]
        else:
            texts = kinds.text if kinds.text is None or not self._postgres else collate(kinds.text, "C")
            both = (_first(kinds.number, kinds.truth), texts)
            by = [column for column in both if column is not None]
        if order.descending:
            return [column.desc().nulls_last() for column in reversed(by)]
        return [column.asc().nulls_last() for column in by]


def _numeric(column: ColumnElement[Any]) -> Kinds:
    return Kinds(number=type_coerce(column, Double))


def _chosen(fact: Fact, column: ColumnElement[Any] | None) -> Kinds:
    places = {choice: place for place, choice in enumerate(CHOICES[fact.name])}
    return Kinds(text=column, rank=case(places, value=column))


def _first(*columns: ColumnElement[Any] | None) -> ColumnElement[Any] | None:
    """Return the value of the first column that has one."""
    known = [column for column in columns if column is not None]
    return func.coalesce(*known) if len(known) > 1 else known[0] if known else None


def _latest_worker() -> ColumnElement[str]:
    attempt, worker = tables.attempt.c, tables.worker.c
    latest = select(worker.name).join(tables.attempt, attempt.worker_id == worker.id)
    latest = latest.where(attempt.trial_id == _TRIAL.id).order_by(attempt.ordinal.desc()).limit(1)
    return latest.correlate(tables.trial).scalar_subquery()


def _compares(kinds: Kinds, operator: Operator, value: Value) -> ColumnElement[bool]:
    column = kinds.truth if isinstance(value, bool) else kinds.text if isinstance(value, str) else kinds.number
    if operator == "!=":
        return and_(kinds.present, not_(_equals(column, value)))
    if column is None:
        return false()
    return _equals(column, value) if operator == "=" else _surely(column.op(operator, is_comparison=True)(value))


def _equals(column: ColumnElement[Any] | None, value: Value) -> ColumnElement[bool]:
    return false() if column is None else _surely(column == (float(value) if isinstance(value, bool) else value))


def _surely(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return `condition` with false in place of NULL: the filter's ``not`` knows no third answer."""
    return func.coalesce(condition, false())
