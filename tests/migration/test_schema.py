"""The schema: models and migrations agree, upgrades may run at once, Optuna's tables are left alone."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, text

from studies.errors import SchemaMismatch, StagetuneError, StorageUnavailable
from studies.storage import open_store, upgrade_database
from studies.storage.sql.engine import make_engine, writing
from studies.storage.sql.schema import include_name
from studies.storage.sql.tables import VERSION_TABLE, metadata
from tests import builders as build


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def _execute(url: str, *statements: str) -> None:
    engine = make_engine(url)
    with writing(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_the_migrations_lead_to_the_models(empty_database: str) -> None:
    upgrade_database(empty_database)
    _execute(empty_database, "CREATE TABLE trials (id INTEGER)", "CREATE TABLE alembic_version (version_num TEXT)")
    engine = make_engine(empty_database)
    options = {"version_table": VERSION_TABLE, "include_name": include_name, "compare_type": True}
    with writing(engine) as connection:
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)
        checks = {
            table: sorted(str(check["name"]) for check in inspect(connection).get_check_constraints(table))
            for table in metadata.tables
        }
    engine.dispose()
    assert differences == []
    assert checks == {
        name: sorted(str(item.name) for item in table.constraints if isinstance(item, CheckConstraint))
        for name, table in metadata.tables.items()
    }


def test_upgrading_again_changes_nothing(empty_database: str) -> None:
    upgrade_database(empty_database)
    store = open_store(empty_database)
    study_id = store.create_study(build.spec()).study_id
    upgrade_database(empty_database)
    store.check()
    assert store.get_study(study_id).name == "digits-cnn"
    store.close()


def test_four_processes_may_upgrade_at_once(empty_database: str) -> None:
    context = get_context("forkserver")
    context.set_forkserver_preload(["studies.storage"])  # imported once for all
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        list(pool.map(upgrade_database, [empty_database] * 4))
    store = open_store(empty_database)
    store.check()
    store.close()


def test_a_database_without_tables_says_how_to_create_them(empty_database: str) -> None:
    store = open_store(empty_database)
    with pytest.raises(SchemaMismatch, match="stagetune db upgrade"):
        store.check()
    with pytest.raises(SchemaMismatch, match="stagetune db upgrade"):
        store.list_studies()
    store.close()


def test_a_newer_database_is_refused(empty_database: str) -> None:
    upgrade_database(empty_database)
    _execute(empty_database, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    store = open_store(empty_database)
    with pytest.raises(SchemaMismatch, match="upgrade Stagetune"):
        store.check()
    store.close()
    with pytest.raises(SchemaMismatch, match="upgrade Stagetune"):
        upgrade_database(empty_database)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://nobody@127.0.0.1:1/none", id="no server"),
        pytest.param("sqlite:////proc/no/such/folder/file.db", id="no folder"),
    ],
)
def test_a_database_that_does_not_answer_is_unavailable(url: str) -> None:
    store = open_store(url)
    with pytest.raises(StorageUnavailable):
        store.check()
    store.close()


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "nonsense", "sqlite:///:memory:"])
def test_another_address_is_refused_with_the_choices(url: str) -> None:
    with pytest.raises(StagetuneError, match=r"sqlite:///path/to/file\.db"):
        open_store(url)
