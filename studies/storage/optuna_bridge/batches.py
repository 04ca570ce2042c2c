"""Trials written to Optuna's tables a batch at a time, in one transaction.

Optuna's own `add_trial` takes 15 to 60 ms a trial: its object-relational layer looks up the trial once more for each of
some hundred values. The rows are the same whoever writes them, so here they are inserted through the tables of Optuna's
own models. These are private to Optuna; what keeps that honest is that they are used only where both this Optuna and
the database are of the schema that this module was written for (`KNOWN_SCHEMA`, Optuna 4.0 to 5.0). Anywhere else the
mirror goes back to `add_trial`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import Connection

from studies.storage.optuna_bridge.record import TRIAL_ID
from studies.storage.sql import arrays

KNOWN_SCHEMA = 12

_STUDIES, _TRIALS = models.StudyModel.__table__, models.TrialModel.__table__
_PARAMS, _ATTRIBUTES = models.TrialParamModel.__table__, models.TrialUserAttributeModel.__table__
_VALUES, _POINTS = models.TrialValueModel.__table__, models.TrialIntermediateValueModel.__table__


class Vanished(Exception):
    """The Optuna study is gone: `stagetune prune` has removed it, in another process."""


@dataclass
class Recorded:
    """What is known of an Optuna study that is written to.

    Attributes:
        name: Optuna's name of it.
        study_id: Optuna's id of it.
        last_row: the largest ``trial_id`` that has been looked at.
        numbers: the number of each of our trials, by our id.
        distributions: the latest of each parameter.
    """

    name: str
    study_id: int
    last_row: int = -1
    numbers: dict[str, int] = field(default_factory=dict)
    distributions: dict[str, BaseDistribution] = field(default_factory=dict)


def possible(storage: BaseStorage) -> bool:
    """Return whether the storage's tables are the ones that this module knows."""
    if not isinstance(storage, RDBStorage) or models.SCHEMA_VERSION != KNOWN_SCHEMA:
        return False
    with storage.engine.connect() as connection:
        stored = connection.execute(sa.select(models.VersionInfoModel.__table__.c.schema_version)).scalar()
    return stored == KNOWN_SCHEMA


@contextmanager
def writing(storage: BaseStorage, recorded: Recorded) -> Iterator[Connection]:
    """Open a transaction that nobody else writes to this Optuna study in, Optuna itself included.

    The storage is one for which batches are `possible`.

    Raises:
        Vanished: there is no such study. Its number alone says little: SQLite gives it to another one.
    """
    assert isinstance(storage, RDBStorage)
    with storage.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        same = _STUDIES.c.study_id == recorded.study_id, _STUDIES.c.study_name == recorded.name
        if connection.execute(sa.select(_STUDIES.c.study_id).where(*same).with_for_update()).first() is None:
            raise Vanished
        yield connection


def look(connection: Connection, recorded: Recorded) -> None:
    """Learn of the trials that were added since the last look: a server that was killed, or another one, left them."""
    t, a, p = _TRIALS.c, _ATTRIBUTES.c, _PARAMS.c
    ours = sa.and_(a.trial_id == t.trial_id, a.key == TRIAL_ID)
    later = sa.and_(t.study_id == recorded.study_id, t.trial_id > recorded.last_row)
    rows = sa.select(t.trial_id, t.number, a.value_json).outerjoin_from(_TRIALS, _ATTRIBUTES, ours).where(later)
    latest = sa.select(sa.func.max(p.param_id)).join_from(_PARAMS, _TRIALS, t.trial_id == p.trial_id).where(later)
    known = sa.select(p.param_name, p.distribution_json).where(p.param_id.in_(latest.group_by(p.param_name)))
    found = connection.execute(rows).all()
    if found:
        stored = {row.param_name: json_to_distribution(row.distribution_json) for row in connection.execute(known)}
        recorded.distributions.update(stored)
        recorded.numbers.update((json.loads(row.value_json), row.number) for row in found if row.value_json)
        recorded.last_row = max(row.trial_id for row in found)


def add(connection: Connection, recorded: Recorded, trials: Sequence[FrozenTrial]) -> None:
    """Insert finished trials behind those that the study has, numbered as Optuna does: by how many there are."""
    count = sa.select(sa.func.count()).select_from(_TRIALS).where(_TRIALS.c.study_id == recorded.study_id)
    first = connection.execute(count).scalar_one()
    heads = [_head(recorded.study_id, first + index, trial) for index, trial in enumerate(trials)]
    inserted = connection.execute(sa.insert(_TRIALS).returning(_TRIALS.c.number, _TRIALS.c.trial_id), heads)
    rows = {row.number: row.trial_id for row in inserted}
    numbered = [(rows[first + index], trial) for index, trial in enumerate(trials)]
    for table, make in ((_PARAMS, _params), (_ATTRIBUTES, _attributes), (_VALUES, _values), (_POINTS, _points)):
        made = [row for row_id, trial in numbered for row in make(row_id, trial)]
        arrays.insert(connection, table, arrays.by_column(made))


# --- rows --------------------------------------------------------------------------------------------------------


def _head(study_id: int, number: int, trial: FrozenTrial) -> dict[str, Any]:
    """Return the row of a trial; the times of its attributes are converted as Optuna's model does."""
    model = models.TrialModel(datetime_start=trial.datetime_start, datetime_complete=trial.datetime_complete)
    times: dict[str, Any] = {
        "datetime_start": model._datetime_start_utc,
        "datetime_complete": model._datetime_complete_utc,
    }
    return {"study_id": study_id, "number": number, "state": trial.state, **times}


def _params(row_id: int, trial: FrozenTrial) -> Iterable[dict[str, Any]]:
    for name, value in trial.params.items():
        distribution = trial.distributions[name]
        yield {
            "trial_id": row_id,
            "param_name": name,
            "param_value": distribution.to_internal_repr(value),
            "distribution_json": distribution_to_json(distribution),
        }


def _attributes(row_id: int, trial: FrozenTrial) -> Iterable[dict[str, Any]]:
    for key, value in trial.user_attrs.items():
        yield {"trial_id": row_id, "key": key, "value_json": json.dumps(value)}


def _values(row_id: int, trial: FrozenTrial) -> Iterable[dict[str, Any]]:
    if trial.values is not None:
        value, kind = models.TrialValueModel.value_to_stored_repr(trial.values[0])
        yield {"trial_id": row_id, "objective": 0, "value": value, "value_type": kind}


def _points(row_id: int, trial: FrozenTrial) -> Iterable[dict[str, Any]]:
    for step, point in trial.intermediate_values.items():
        value, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(point)
        yield {
            "trial_id": row_id,
            "step": step,
            "intermediate_value": value,
            "intermediate_value_type": kind,
        }
