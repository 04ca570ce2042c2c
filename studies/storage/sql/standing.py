"""How studies stand: counts of their trials, what they take up, and their best trials, each from an index alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, func, select

from studies.contract.study_file import StageKind
from studies.contract.views import BestTrial
from studies.storage import presenting
from studies.storage.presenting import Tally
from studies.storage.records import StudyRecord, TrialRecord
from studies.storage.sql import metrics, tables
from studies.storage.sql.rows import records


def tallies(connection: Connection, ids: Collection[str]) -> dict[str, dict[StageKind, Tally]]:
    """Return the tallies of studies by stage.

    Of the trials that have ended, which are many, nothing is read but `ix_stagetune_trial_ended`; of the others, which
    are few, the rows that `ix_stagetune_trial_unfinished` leads to.
    """
    c = tables.trial.c
    found: dict[str, dict[StageKind, Tally]] = {}
    for row in connection.execute(_sums(ids, c.stage).where(c.ended_at.is_not(None))):
        own = Tally(row.trials, row.trials, int(row.last_step), int(row.points), int(row.bytes))
        found.setdefault(row.study_id, {})[row.stage] = own
    unordered = c.stage.concat("")  # else SQLite walks through all trials by stage rather than sort the few
    for row in connection.execute(_sums(ids, unordered).where(c.ended_at.is_(None))):
        by_stage = found.setdefault(row.study_id, {})
        own = Tally(row.trials, 0, int(row.last_step), int(row.points), int(row.bytes))
        by_stage[row.stage] = by_stage.get(row.stage, Tally()) + own
    return found


def _sums(ids: Collection[str], stage: ColumnElement[Any]) -> Select[tuple[str, StageKind, int, int, int, int]]:
    c = tables.trial.c
    sums = (func.sum(column).label(column.name) for column in (c.last_step, c.points, c.bytes))
    counted = select(c.study_id, stage.label("stage"), func.count().label("trials"), *sums)
    return counted.where(c.study_id.in_(ids)).group_by(c.study_id, stage)


def best(connection: Connection, studies: Sequence[StudyRecord]) -> dict[str, BestTrial]:
    """Return the best trial of each study that has one: the one that it has chosen, or else its leader."""
    chosen = {study.id: study.best_trial_id for study in studies if study.best_trial_id is not None}
    open_ones = [study for study in studies if study.id not in chosen]
    leaders = chosen | _leaders(connection, open_ones, "maximize") | _leaders(connection, open_ones, "minimize")
    if not leaders:
        return {}
    trials = select(tables.trial).where(tables.trial.c.id.in_(leaders.values()))
    by_id = {trial.id: trial for trial in records(connection, TrialRecord, trials)}
    summaries = metrics.summaries(connection, by_id)
    return {
        study.id: presenting.best_trial(
            by_id[leaders[study.id]], summaries.get(leaders[study.id], {}), study.spec.metric
        )
        for study in studies
        if study.id in leaders
    }


def _leaders(
    connection: Connection, studies: Sequence[StudyRecord], direction: Literal["maximize", "minimize"]
) -> dict[str, str]:
    """Return the trial with the best score of each study, by study; ties go to the earliest."""
    wanted = [study.id for study in studies if study.spec.metric.direction == direction]
    if not wanted:
        return {}
    trial, study = tables.trial.c, tables.study.c
    leader = (
        select(trial.id)
        .where(trial.study_id == study.id, trial.score.is_not(None))
        .order_by(trial.score.desc() if direction == "maximize" else trial.score, trial.number)
        .limit(1)
        .correlate(tables.study)
        .scalar_subquery()
        .label("leader")
    )
    rows = connection.execute(select(study.id, leader).where(study.id.in_(wanted)))
    return {row.id: row.leader for row in rows if row.leader is not None}
