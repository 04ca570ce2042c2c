"""The best trials of studies, from an index alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Select, func, select

from studies.contract.views import BestTrial
from studies.core.listing import Card
from studies.storage import presenting
from studies.storage.records import StudyRecord, TrialRecord
from studies.storage.sql import metrics, tables
from studies.storage.sql.among import among
from studies.storage.sql.rows import records


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


def best_scores(connection: Connection, cards: Sequence[Card]) -> dict[str, float]:
    """Return the best score of each study that has one, whatever it has chosen."""
    found: dict[str, float] = {}
    for direction in ("maximize", "minimize"):
        wanted = [card.id for card in cards if card.direction == direction]
        if wanted:
            rows = connection.execute(_SCORES[direction], {"studies": wanted})
            found |= {row.id: row.score for row in rows if row.score is not None}
    return found


def _best_score(best: ColumnElement[float]) -> Select[str, float | None]:
    trial, study = tables.trial.c, tables.study.c
    own = select(best).where(trial.study_id == study.id, trial.score.is_not(None))
    return select(study.id, own.correlate(tables.study).scalar_subquery().label("score")).where(
        among(study.id, "studies")
    )


_SCORES = {
    "maximize": _best_score(func.max(tables.trial.c.score)),
    "minimize": _best_score(func.min(tables.trial.c.score)),
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
