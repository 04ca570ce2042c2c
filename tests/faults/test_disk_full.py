"""The disk of an SQLite database fills up under a worker: it is told so, and goes on when there is room again."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from sqlalchemy import Pool, event

from studies.storage import open_store
from tests import builders as build
from tests.faults.ledger import Ledger
from tests.faults.simulated import simulated
from tests.integration.cluster import background, has_ended, loss, submit, wait_until
from tests.integration.worker_harness import wait_for
from tests.invariant import assert_whole

MEBIBYTES = 16
FULL = 507


class Disk(Protocol):
    """Where a database lies that can be left without room."""

    folder: Path

    def fill(self) -> None: ...
    def free(self) -> None: ...


@dataclass
class SmallDisk:
    """A file system of a few mebibytes."""

    folder: Path

    def fill(self) -> None:
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        assert os.statvfs(self.folder).f_bavail == 0

    def free(self) -> None:
        self._ballast.unlink()

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


@dataclass
class PageLimit:
    """For those who may not mount: SQLite itself refuses to grow, with the error of a disk that is full."""

    folder: Path
    most_pages: int = 2**30

    def fill(self) -> None:
        self.most_pages = 1  # taken for as many as there are

    def free(self) -> None:
        self.most_pages = 2**30

    def limit(self, connection: Any, *_: object) -> None:
        """Pass the limit on, to be called whenever a connection is taken from a pool."""
        connection.execute(f"PRAGMA max_page_count = {self.most_pages}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "none", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"only root may mount a small disk: {mounted.stderr.decode().strip()}")
    yield SmallDisk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def page_limit(tmp_path: Path) -> Iterator[Disk]:
    limited = PageLimit(tmp_path)
    event.listen(Pool, "checkout", limited.limit)
    yield limited
    event.remove(Pool, "checkout", limited.limit)


@pytest.mark.parametrize("kind", ["page_limit", pytest.param("small_disk", marks=pytest.mark.long)])
def test_a_full_disk_is_told_and_survived(request: pytest.FixtureRequest, kind: str) -> None:
    disk: Disk = request.getfixturevalue(kind)
    ledger, path = Ledger(), disk.folder / "stagetune.db"
    url = f"sqlite:///{path}"
    with background(url) as port, simulated([f"http://127.0.0.1:{port}"], 2, ledger) as workers:
        server = f"http://127.0.0.1:{port}"
        study_id = submit(port)
        wait_for(lambda: ledger.acknowledged, "work")
        disk.fill()
        wait_for(lambda: any(worker.statuses[FULL] for worker in workers), "the word that the disk is full")
        refusal = wait_for(lambda: refused(server), "a refusal")
        assert refusal.headers["content-type"] == "application/problem+json"
        assert "disk" in refusal.json()["detail"]
        assert "retry-after" in refusal.headers
        assert httpx.get(f"{server}/api/v1/studies/{study_id}").status_code == 200, "reading needs no room"
        disk.free()
        wait_until(port, study_id, has_ended, "the end")
    assert {status for worker in workers for status in worker.statuses} <= {200, 201, FULL}
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(open_store(url)) as store:
        assert_whole(store, study_id, url, ledger=ledger, loss=loss)


def refused(server: str) -> httpx.Response | None:
    """Return the answer to a registration that finds no room; one that finds a gap in a page is taken."""
    answer = httpx.post(f"{server}/api/v1/workers", content=build.worker().model_dump_json())
    return answer if answer.status_code == FULL else None
