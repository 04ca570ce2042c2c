"""Decisions as they were taken: append-only."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from studies.contract.views import DecisionRecord
from studies.storage.sql import tables


def store(connection: Connection, decisions: Sequence[DecisionRecord]) -> None:
    rows = [{name: getattr(item, name) for name in DecisionRecord.model_fields} for item in decisions]
    if rows:
        connection.execute(insert(tables.decision), rows)


def of_study(connection: Connection, study_id: str) -> list[DecisionRecord]:
    c = tables.decision.c
    rows = connection.execute(select(tables.decision).where(c.study_id == study_id).order_by(c.sequence)).mappings()
    return [DecisionRecord(**row) for row in rows]
