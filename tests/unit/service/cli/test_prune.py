"""``stagetune prune`` on a database of its own: what it says, what it removes, what it leaves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from service.cli import main
from studies.contract.states import StudyCommand
from studies.storage import open_store
from studies.storage.optuna_bridge.mirror import OptunaMirror
from studies.storage.sql import tables
from studies.storage.sql.engine import make_engine, writing
from tests import builders as build
from tests.contract.scenes import finish, running_study, take

Call = Callable[..., str]


@pytest.fixture
def prune(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sqlite_store_url: str) -> Call:
    """Run ``stagetune prune`` with these arguments; return what it printed."""
    monkeypatch.setenv("STAGETUNE_DATABASE_URL", sqlite_store_url)

    def call(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["stagetune", "prune", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert int(ended.value.code or 0) == code
        said = capsys.readouterr()
        return said.out + said.err

    return call


@pytest.fixture
def old_study(sqlite_store_url: str) -> None:
    """A study that ended 40 days ago, recorded with Optuna."""
    with closing(open_store(sqlite_store_url)) as store:
        study_id = running_study(store, "a", "b", spec=build.spec("old"))
        worker_id = store.register_worker(build.worker())
        finish(store, worker_id, take(store, worker_id))
        store.command(study_id, StudyCommand.CANCEL)
        with closing(OptunaMirror(sqlite_store_url)) as mirror:
            store.mark_mirrored(mirror.write("old", "maximize", store.settled_trials(study_id)))
    engine = make_engine(sqlite_store_url)
    with writing(engine) as connection:
        connection.execute(update(tables.study).values(updated_at=tables.study.c.updated_at - 40 * 86_400))
    engine.dispose()


@pytest.mark.usefixtures("old_study")
def test_a_dry_run_says_what_would_go_and_leaves_it(prune: Call, sqlite_store_url: str) -> None:
    said = prune("--older-than", "30d", "--dry-run")
    assert "Would remove old: 2 trials, 1 point, 4 B" in said
    assert "Would remove 1 study" in said
    with closing(open_store(sqlite_store_url)) as store:
        assert store.find_study("old") is not None


@pytest.mark.usefixtures("old_study")
def test_it_removes_our_study_and_optunas_record_of_it(prune: Call, sqlite_store_url: str) -> None:
    assert "Removed old: 2 trials" in prune("--older-than", "4w")
    with closing(open_store(sqlite_store_url)) as store:
        assert store.list_studies() == []
        store.create_study(build.spec("old"))
    assert "Removed 0 studies" in prune("--older-than", "30d")


@pytest.mark.usefixtures("old_study")
def test_what_is_younger_stays(prune: Call, sqlite_store_url: str) -> None:
    assert "Removed 0 studies" in prune("--older-than", "50d", "--no-compact")
    with closing(open_store(sqlite_store_url)) as store:
        assert store.find_study("old") is not None


@pytest.mark.parametrize("age", ["never", "30", "-1d"])
def test_an_age_that_is_none_is_refused(prune: Call, age: str) -> None:
    assert "12h" in prune(f"--older-than={age}", code=2)


@pytest.mark.parametrize("span", ["xx", "never", "0d"])
def test_a_span_that_is_none_names_the_option_that_it_was_given_to(prune: Call, span: str) -> None:
    said = prune("--older-than", span, code=2)
    assert "--older-than" in said
    assert "--expires" not in said


@pytest.mark.parametrize(("address", "says"), [("memory://", "keeps nothing"), ("sqlite:///{}/none.db", "no database")])
def test_what_is_not_there_is_not_made_to_be_pruned(prune: Call, tmp_path: Path, address: str, says: str) -> None:
    said = prune("--older-than", "30d", "--database-url", address.format(tmp_path), code=1)
    assert says in said
    assert not (tmp_path / "none.db").exists()
