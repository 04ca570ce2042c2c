"""What finding studies reads: their cards, what they are sorted by, and how long devices were busy with them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, type_coerce
from sqlalchemy.types import NullType, TypeEngine

from studies.contract.base import Timestamp
from studies.contract.states import StudyState
from studies.contract.study_query import StudyQuery
from studies.core.device_time import Ran
from studies.core.listing import Card
from studies.storage.records import StudyRecord
from studies.storage.sql import standing, tables
from studies.storage.sql.among import among
from studies.storage.sql.device_times import DeviceTimes, Read
from studies.storage.sql.engine import now
from studies.storage.sql.rows import records

_RAW: TypeEngine[Any] = NullType()
_AS_STORED = [field.name for field in fields(Card) if field.name not in ("state", "tags")]
_CARDS = select(*(type_coerce(tables.study.c[name], _RAW) for name in ("state", "tags", *_AS_STORED)))
_STATES: dict[Any, StudyState] = {state.value: state for state in StudyState}
_NAMED = select(tables.study).where(among(tables.study.c.id, "ids"))

_attempt = tables.attempt.c
_RAN = select(_attempt.study_id, _attempt.worker_id, _attempt.device, _attempt.started_at, _attempt.ended_at).where(
    among(_attempt.study_id, "studies"),
    or_(_attempt.ended_at.is_(None), _attempt.ended_at > bindparam("after")),
)


def cards(connection: Connection) -> list[Card]:
    """Return a card of every study there is. What a row holds is read here: there may be thousands, many alike."""
    return [
        Card(state=_STATES[state], tags=_tags(tags), **dict(zip(_AS_STORED, stored, strict=True)))
        for state, tags, *stored in connection.execute(_CARDS)
    ]


@lru_cache(maxsize=4096)
def _tags(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def named(connection: Connection, study_ids: Sequence[str]) -> list[StudyRecord]:
    """Return these studies, in this order."""
    by_id = {study.id: study for study in records(connection, StudyRecord, _NAMED, {"ids": study_ids})}
    return [by_id[study_id] for study_id in study_ids if study_id in by_id]


def worth(connection: Connection, found: Sequence[Card], query: StudyQuery, times: DeviceTimes) -> dict[str, float]:
    """Return what the studies are sorted by, where that is not on their cards."""
    if query.sort == "best":
        return standing.best_scores(connection, found)
    if query.sort == "device_time":
        return times.seconds([card.id for card in found], now(connection), attempts(connection))
    return {}


def attempts(connection: Connection) -> Read:
    """Return what reads when attempts ran, for `DeviceTimes`."""

    def read(study_ids: Collection[str], after: Timestamp) -> dict[str, list[Ran]]:
        ran: dict[str, list[Ran]] = {}
        for row in connection.execute(_RAN, {"studies": study_ids, "after": after}):
            ran.setdefault(row.study_id, []).append(Ran((row.worker_id, row.device), row.started_at, row.ended_at))
        return ran

    return read
