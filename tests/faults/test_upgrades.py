"""The schema is upgraded while a server works: nothing is lost, and a program too old for it says so and refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from studies.storage import open_store
from studies.storage.sql.engine import make_engine, writing
from studies.storage.sql.tables import VERSION_TABLE
from tests.faults.ledger import Ledger
from tests.faults.simulated import simulated
from tests.integration.cluster import ROOT, SHORT, background, cluster, free_port, has_ended, loss, submit, wait_until
from tests.integration.worker_harness import wait_for
from tests.invariant import assert_whole


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def upgrade(url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "service.cli", "db", "upgrade", "--database-url", url],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_four_upgrades_at_once_under_a_server_that_works_change_nothing(database_url: str) -> None:
    ledger = Ledger()
    with background(database_url) as port, simulated([f"http://127.0.0.1:{port}"], 3, ledger) as workers:
        study_id = submit(port, SHORT)
        wait_for(lambda: ledger.acknowledged, "work")
        upgrades = [upgrade(database_url) for _ in range(4)]
        outputs = [each.communicate(timeout=90)[0] for each in upgrades]
        wait_until(port, study_id, has_ended, "the end")
    assert [each.returncode for each in upgrades] == [0] * 4, outputs
    assert {status for worker in workers for status in worker.statuses} == {200, 201}
    with closing(open_store(database_url)) as store:
        assert_whole(store, study_id, database_url, ledger=ledger, loss=loss)


def move_on(url: str) -> None:
    """Let the schema be that of a program of tomorrow."""
    engine = make_engine(url)
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()


def test_a_server_that_has_become_too_old_says_so_and_another_does_not_start(sqlite_url: str, tmp_path: Path) -> None:
    with background(sqlite_url) as port:
        submit(port, SHORT)
        move_on(sqlite_url)
        refusal = httpx.get(f"http://127.0.0.1:{port}/readyz")
        assert (refusal.status_code, refusal.headers["content-type"]) == (503, "application/problem+json")
        assert "upgrade Stagetune" in refusal.json()["detail"]
    with cluster(sqlite_url, tmp_path) as late:
        port = free_port()
        assert late.serve(port).wait(60) not in (0, None)
        assert "upgrade Stagetune" in late.output(f"server-{port}")
        assert "Traceback" not in late.output(f"server-{port}")
    upgraded = upgrade(sqlite_url)
    assert "upgrade Stagetune" in upgraded.communicate(timeout=60)[0].decode()
    assert upgraded.returncode != 0
