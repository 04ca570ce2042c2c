"""A worker's clock decides nothing: one that is an hour off, either way, works as any other."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from service.client import ApiClient
from studies.contract.states import AttemptState
from studies.storage import open_store
from tests.faults.ledger import Ledger
from tests.faults.proxy import link
from tests.integration.cluster import ROOT, SHORT, background, cluster, has_ended, loss, submit, wait_until
from tests.invariant import assert_whole

SHIFTED = """
import datetime, time

_real, _real_ns = time.time, time.time_ns
time.time = lambda: _real() + {seconds}
time.time_ns = lambda: _real_ns() + {seconds} * 10**9

class _Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

datetime.datetime = _Shifted
"""


def test_workers_an_hour_off_either_way_change_nothing(sqlite_url: str, tmp_path: Path) -> None:
    ledger = Ledger()
    with cluster(sqlite_url, tmp_path) as shaken:
        with background(sqlite_url) as port, link(port, ledger) as way:
            study_id = submit(port, SHORT)
            for name, seconds in (("fast", 3600), ("slow", -3600)):
                shaken.work(name, way.port, PYTHONPATH=f"{shifted(tmp_path / name, seconds)}:{ROOT}")
            wait_until(port, study_id, has_ended, "the end")
            with ApiClient(f"http://127.0.0.1:{port}") as client:
                assert all(worker.alive for worker in client.workers())
            shaken.stop_workers()
        with closing(open_store(sqlite_url)) as store:
            trials = assert_whole(store, study_id, sqlite_url, ledger=ledger, folder=tmp_path, loss=loss)
            now = store.get_study(study_id).updated_at
    attempts = [attempt for trial in trials for attempt in trial.attempts]
    assert {attempt.state for attempt in attempts} == {AttemptState.COMPLETED}, "a lease ran out before its time"
    assert all(now - 600 < (attempt.ended_at or 0) < now + 600 for attempt in attempts)


def shifted(folder: Path, seconds: int) -> Path:
    """Return a folder that shifts the clock of every Python that has it in its path."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SHIFTED.format(seconds=seconds))
    shown = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time())"],
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    here = float(subprocess.run(["date", "+%s"], capture_output=True, text=True, check=True).stdout)
    assert float(shown) - here == pytest.approx(seconds, abs=30), "the clock was not shifted"
    return folder


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_a_worker_under_faketime_changes_nothing(sqlite_url: str, tmp_path: Path) -> None:
    """Here the C library's clock is shifted too; the clock that measures time goes on as it does."""
    ledger = Ledger()
    library = subprocess.run(["faketime", "+1h", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True)
    environment = {"LD_PRELOAD": library.stdout.strip(), "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with cluster(sqlite_url, tmp_path) as shaken:
        with background(sqlite_url) as port, link(port, ledger) as way:
            study_id = submit(port, SHORT)
            shaken.work("fast", way.port, **environment)
            wait_until(port, study_id, has_ended, "the end")
            shaken.stop_workers()
        with closing(open_store(sqlite_url)) as store:
            trials = assert_whole(store, study_id, sqlite_url, ledger=ledger, folder=tmp_path, loss=loss)
    states = {attempt.state for trial in trials for attempt in trial.attempts}
    assert states == {AttemptState.COMPLETED}, "a lease ran out before its time"
