"""Migration 0003: thinned curves, scores and sizes of the trials that are there already.

Reads rows as they are in schema 0003, whatever the tables become later; what it takes from the program is arithmetic.
What cannot be read is passed by: only the upgraded program can set it aside (`studies.storage.sql.poison`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from studies.core.curves import sketch
from studies.core.snapshot import Curve
from studies.storage.assembly import Part, joined, merged
from studies.storage.codec import Encoded, decode
from studies.storage.summaries import packed

logger = logging.getLogger(__name__)

_TRIALS_AT_ONCE = 200

_CHUNKS = sa.text(
    "SELECT a.trial_id, c.name, a.ordinal, a.started_from,"
    ' c.count, c.first_step, c.stride, c.steps, c."values" AS points'
    " FROM stagetune_metric_chunk c JOIN stagetune_attempt a ON a.id = c.attempt_id"
    " WHERE a.trial_id IN :ids ORDER BY a.trial_id, c.name, a.ordinal, c.sequence"
).bindparams(sa.bindparam("ids", expanding=True))

_SIZES = sa.text(
    "UPDATE stagetune_trial SET"
    " points = coalesce((SELECT sum(c.count) FROM stagetune_metric_chunk c"
    "  JOIN stagetune_attempt a ON a.id = c.attempt_id WHERE a.trial_id = stagetune_trial.id), 0),"
    ' bytes = coalesce((SELECT sum(length(c."values") + coalesce(length(c.steps), 0)) FROM stagetune_metric_chunk c'
    "  JOIN stagetune_attempt a ON a.id = c.attempt_id WHERE a.trial_id = stagetune_trial.id), 0)"
    " + coalesce((SELECT sum(l.length) FROM stagetune_log_chunk l"
    "  JOIN stagetune_attempt a ON a.id = l.attempt_id WHERE a.trial_id = stagetune_trial.id), 0)"
)


_SCORES = sa.text(
    "UPDATE stagetune_trial SET score ="
    " (SELECT CASE WHEN :upwards THEN s.maximum ELSE s.minimum END FROM stagetune_metric_summary s"
    "  WHERE s.trial_id = stagetune_trial.id AND s.name = :name)"
    " WHERE study_id = :study_id AND state = 'completed'"
)


def fill(connection: Connection) -> None:
    """Write what new trials have from the beginning."""
    connection.execute(_SIZES)
    _fill_scores(connection)
    _fill_curves(connection)


def _fill_scores(connection: Connection) -> None:
    for study_id, spec in connection.execute(sa.text("SELECT id, spec FROM stagetune_study")).all():
        try:
            metric = json.loads(spec)["metric"]
            judged_by = {"name": metric["name"], "upwards": metric["direction"] == "maximize"}
        except (ValueError, KeyError, TypeError):
            logger.warning("study %s cannot be read: the server that finds it under way sets it aside", study_id)
            continue
        connection.execute(_SCORES, judged_by | {"study_id": study_id})


def _fill_curves(connection: Connection) -> None:
    trials = connection.execute(sa.text("SELECT DISTINCT trial_id FROM stagetune_metric_summary")).scalars().all()
    for start in range(0, len(trials), _TRIALS_AT_ONCE):
        rows = list(_thinned(connection, trials[start : start + _TRIALS_AT_ONCE]))
        if rows:
            statement = "UPDATE stagetune_metric_summary SET thinned = :thinned WHERE trial_id = :id AND name = :name"
            connection.execute(sa.text(statement), rows)


def _thinned(connection: Connection, trials: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    chunks = connection.execute(_CHUNKS, {"ids": list(trials)}).mappings()
    for (trial_id, name), rows in groupby(chunks, lambda row: (row["trial_id"], row["name"])):
        try:
            curve = merged([_part(list(own)) for _, own in groupby(rows, lambda row: row["ordinal"])])
            thinned = packed(sketch(curve))
        except ValueError:
            logger.warning("the curve %s of trial %s cannot be read: it is shown without", name, trial_id)
            continue
        yield {"id": trial_id, "name": name, "thinned": thinned}


def _part(rows: Sequence[RowMapping]) -> Part:
    return Part(rows[0]["started_from"], joined([_piece(row) for row in rows]))


def _piece(row: RowMapping) -> Curve:
    return decode(Encoded(row["count"], row["first_step"], row["stride"], row["steps"], row["points"]))
