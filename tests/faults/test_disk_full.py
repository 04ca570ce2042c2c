"""The disk of an SQLite database fills up under a worker: it is told so, and goes on when there is room again."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from studies.storage import open_store
from tests import builders as build
from tests.faults.ledger import Ledger
from tests.faults.simulated import simulated
from tests.integration.cluster import background, has_ended, loss, submit, wait_until
from tests.integration.worker_harness import wait_for
from tests.invariant import assert_whole

MEBIBYTES = 16
FULL = 507


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own that is soon full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "none", str(disk)]
    mounted = subprocess.run(command, check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"only root may mount a small disk: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> Path:
    """Leave no room; return the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert os.statvfs(disk).f_bavail == 0
    return ballast


def test_a_full_disk_is_told_and_survived(small_disk: Path) -> None:
    ledger, path = Ledger(), small_disk / "stagetune.db"
    url = f"sqlite:///{path}"
    with background(url) as port, simulated([f"http://127.0.0.1:{port}"], 2, ledger) as workers:
        server = f"http://127.0.0.1:{port}"
        study_id = submit(port)
        wait_for(lambda: ledger.acknowledged, "work")
        ballast = fill(small_disk)
        wait_for(lambda: any(worker.statuses[FULL] for worker in workers), "the word that the disk is full")
        refusal = httpx.post(f"{server}/api/v1/workers", content=build.worker().model_dump_json())
        assert (refusal.status_code, refusal.headers["content-type"]) == (FULL, "application/problem+json")
        assert "disk" in refusal.json()["detail"]
        assert "retry-after" in refusal.headers
        assert httpx.get(f"{server}/api/v1/studies/{study_id}").status_code == 200, "reading needs no room"
        ballast.unlink()
        wait_until(port, study_id, has_ended, "the end")
    assert {status for worker in workers for status in worker.statuses} <= {200, 201, FULL}
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(open_store(url)) as store:
        assert_whole(store, study_id, url, ledger=ledger, loss=loss)
