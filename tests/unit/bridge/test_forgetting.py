"""Optuna's record of a pruned study goes, with every row that belongs to it."""

from __future__ import annotations

import optuna
import pytest
from sqlalchemy import MetaData, func, select

from studies.storage.optuna_bridge.forgetting import forget_studies
from studies.storage.sql.engine import make_engine, reading
from studies.storage.sql.tables import PREFIX

_OF_NOBODY = {"version_info", "alembic_version"}


def _record(url: str, *names: str) -> None:
    storage = optuna.storages.RDBStorage(url.replace("postgresql://", "postgresql+psycopg://"))
    for name in names:
        study = optuna.create_study(study_name=name, storage=storage)
        study.set_user_attr("by", "a test")
        trial = study.ask({"lr": optuna.distributions.FloatDistribution(0.1, 1.0)})
        trial.report(0.5, 1)
        trial.set_user_attr("seed", 0)
        study.tell(trial, 0.5)
    storage.remove_session()
    storage.engine.dispose()


def _rows(url: str) -> dict[str, int]:
    engine, found = make_engine(url), MetaData()
    with reading(engine) as connection:
        found.reflect(connection)
        counts = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in found.sorted_tables
            if not table.name.startswith(PREFIX) and table.name not in _OF_NOBODY
        }
    engine.dispose()
    return counts


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_only_the_named_studies_are_removed(database: str, request: pytest.FixtureRequest) -> None:
    url: str = request.getfixturevalue(f"{database}_url")
    _record(url, "mine/lr_sweep")
    alone = _rows(url)
    _record(url, "mine/decay", "others")
    assert forget_studies(url, ["mine/lr_sweep", "mine/decay", "never recorded"]) == 2
    assert _rows(url) == alone
    assert forget_studies(url, ["others"]) == 1
    assert set(_rows(url).values()) == {0}


def test_where_optuna_has_no_tables_there_is_nothing_to_forget(sqlite_store_url: str) -> None:
    assert forget_studies(sqlite_store_url, ["mine/lr_sweep"]) == 0
