"""The trials that a filter asks for, a page of them; and what hyperparameters a study's trials have."""

from __future__ import annotations

from sqlalchemy import Connection, select, union

from studies.contract.base import Params
from studies.contract.trial_query import TrialQuery
from studies.contract.views import TrialPage
from studies.storage.port import SAMPLED_PARAMS
from studies.storage.sql import asking, overview, studies, tables


def page(connection: Connection, study_id: str, query: TrialQuery) -> TrialPage:
    wanted, total = asking.window(connection, study_id, query)
    by_number = {trial.number: trial for trial in overview.numbered(connection, study_id, wanted)}
    return TrialPage(trials=tuple(by_number[number] for number in wanted), total=total)


def configurations(connection: Connection, study_id: str) -> list[Params]:
    """Return the hyperparameters of each stage's first and latest trials, by number: two ends of an index a stage."""
    c = tables.trial.c
    ends = []
    for stage in studies.stages(connection, study_id):
        own = select(c.number).where(c.study_id == study_id, c.stage == stage.kind).limit(SAMPLED_PARAMS)
        ends += [select(end.subquery().c.number) for end in (own.order_by(c.number), own.order_by(c.number.desc()))]
    found = select(c.params).where(c.study_id == study_id, c.number.in_(union(*ends))).order_by(c.number)
    return list(connection.execute(found).scalars())
