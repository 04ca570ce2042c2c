"""Removing studies from Optuna's tables, in a statement a table.

Through Optuna's own objects ten thousand trials would take a minute and two gigabytes.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, MetaData, Table, delete, inspect, select

from studies.storage.sql.engine import make_engine, writing
from studies.storage.sql.tables import PREFIX

_STUDIES, _TRIALS = "studies", "trials"


def forget_studies(url: str, names: Collection[str]) -> int:
    """Delete the Optuna studies of these names with all that belongs to them; return how many there were.

    Tables are taken as they are found: what has a ``trial_id`` or a ``study_id`` belongs to a study.
    """
    engine = make_engine(url, bounded=False)
    try:
        with writing(engine) as connection:
            return _forget(connection, names) if inspect(connection).has_table(_STUDIES) else 0
    finally:
        engine.dispose()


def _forget(connection: Connection, names: Collection[str]) -> int:
    found = MetaData()
    found.reflect(connection, only=lambda name, _: not name.startswith(PREFIX))
    study = found.tables[_STUDIES].c
    ids = list(connection.execute(select(study.study_id).where(study.study_name.in_(names))).scalars())
    for table in reversed(found.sorted_tables):
        which = _belonging(table, found.tables[_TRIALS], ids)
        if which is not None:
            connection.execute(delete(table).where(which))
    return len(ids)


def _belonging(table: Table, trials: Table, ids: Collection[int]) -> ColumnElement[bool] | None:
    if "study_id" in table.c:
        return table.c.study_id.in_(ids)
    if "trial_id" in table.c:
        return table.c.trial_id.in_(select(trials.c.trial_id).where(trials.c.study_id.in_(ids)))
    return None
