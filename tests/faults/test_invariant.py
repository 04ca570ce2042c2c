"""The invariant sees what it is there for: each kind of loss, done by hand to a study that is whole, is told."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from studies.storage import open_store
from tests.faults.ledger import Ledger
from tests.faults.simulated import simulated
from tests.integration.cluster import SHORT, background, has_ended, loss, submit, wait_until
from tests.invariant import violations

FIRST_ATTEMPT = "(SELECT attempt_id FROM stagetune_metric_chunk ORDER BY id LIMIT 1)"


@dataclass(frozen=True)
class Whole:
    """A study that has ended well, the database that it is in, and what was acknowledged of it."""

    path: Path
    study_id: str
    ledger: Ledger

    def violations(self, path: Path, folder: Path) -> list[str]:
        url = f"sqlite:///{path}"
        with closing(open_store(url)) as store:
            return violations(store, self.study_id, url, ledger=self.ledger, folder=folder, loss=loss)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    path, ledger = tmp_path_factory.mktemp("whole") / "stagetune.db", Ledger()
    with background(f"sqlite:///{path}") as port, simulated([f"http://127.0.0.1:{port}"], 2, ledger):
        study_id = submit(port, SHORT)
        wait_until(port, study_id, has_ended, "the end")
    return Whole(path, study_id, ledger)


@pytest.fixture
def copy(whole: Whole, tmp_path: Path) -> Path:
    return Path(shutil.copy(whole.path, tmp_path / "copy.db"))


def test_a_study_that_is_whole_has_no_violations(whole: Whole, copy: Path, tmp_path: Path) -> None:
    assert whole.violations(copy, tmp_path) == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (["DELETE FROM stagetune_metric_chunk WHERE id = 1"], "acknowledged points"),
        (["UPDATE stagetune_metric_chunk SET sequence = -1, stride = 2 WHERE id = 1"], "nobody sent"),
        (['UPDATE stagetune_metric_chunk SET "values" = zeroblob(length("values"))'], "not that of an undisturbed"),
        (["UPDATE stagetune_metric_summary SET count = count + 1"], "points of loss were counted"),
        ([f"UPDATE stagetune_attempt SET state = 'running' WHERE id = {FIRST_ATTEMPT}"], "runs although"),
        ([f"UPDATE stagetune_attempt SET state = 'expired' WHERE id = {FIRST_ATTEMPT}"], "was acknowledged, its"),
        (["UPDATE stagetune_trial SET state = 'failed' WHERE number = 0"], "failed before its time"),
        (["UPDATE stagetune_trial SET state = 'pruned' WHERE number = 0"], "was told to have ended as"),
        (
            [
                "INSERT INTO stagetune_event (study_id, kind, trial_id, message, at) SELECT study_id, kind, trial_id, "
                "message, at FROM stagetune_event WHERE message LIKE '% completed' AND kind = 'trial' LIMIT 1"
            ],
            "completed more than once",
        ),
        (["UPDATE stagetune_study SET state = 'failed'"], "is failed"),
        (["DELETE FROM stagetune_decision"], "were closed"),
        (["DELETE FROM trials WHERE number = 0"], "Optuna has"),
        (["UPDATE trial_values SET value = value + 1"], "for trial"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_damage_is_told(whole: Whole, copy: Path, tmp_path: Path, damage: Sequence[str], words: str) -> None:
    with closing(sqlite3.connect(copy, isolation_level=None)) as database:
        for statement in damage:
            assert database.execute(statement).rowcount > 0, "nothing was damaged"
    assert any(words in line for line in whole.violations(copy, tmp_path))


def test_a_process_that_lives_on_is_told(whole: Whole, copy: Path, tmp_path: Path) -> None:
    left = subprocess.Popen(["sleep", "60"], cwd=tmp_path, start_new_session=True)
    try:
        (line,) = whole.violations(copy, tmp_path)
        assert f"process {left.pid} is alive" in line
    finally:
        left.kill()
        left.wait()
