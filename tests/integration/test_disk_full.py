"""The server's disk fills up under a study, and is emptied again: workers keep their news, and the study ends whole."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from studies.storage import open_store
from studies.storage.sql.backup import check_file
from tests.integration.cluster import SHORT, cluster, ended_at_least, free_port, has_ended, loss, submit, wait_until
from tests.integration.worker_harness import wait_for
from tests.invariant import assert_whole


@contextmanager
def no_space_for(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let none of the process's files grow: its writes fail as on a full disk (EFBIG for ENOSPC)."""
    _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, most))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))


def test_a_disk_that_is_full_for_a_while(sqlite_url: str, tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"

    def ask(path: str) -> httpx.Response:
        return httpx.get(f"{address}{path}", timeout=60)

    with cluster(sqlite_url, tmp_path) as shaken:
        server = shaken.serve(port)
        study_id = submit(port, SHORT)
        shaken.work("east", port)
        wait_until(port, study_id, ended_at_least(1), "a first trial")
        with no_space_for(server):
            wait_for(lambda: "the server answers 507" in shaken.output("east"), "the worker to hear of it", 60)
            refused = httpx.post(f"{address}/api/v1/studies", json={"name": "another", "objective": {"kind": "x"}})
            assert refused.status_code == 422, "what is wrong by itself needs no disk to be refused"
            refused = httpx.post(f"{address}/api/v1/workers", json={"name": "w", "devices": [{"name": "cpu"}]})
            assert (refused.status_code, refused.headers["retry-after"]) == (507, "5")
            assert "make room" in refused.json()["detail"]
            wait_for(lambda: ask("/readyz").status_code == 503, "the engine's trouble", 60)
            assert "the engine cannot write" in ask("/readyz").json()["detail"]
            assert ask(f"/api/v1/studies/{study_id}").is_success, "reading needs no room"
            assert 'stagetune_database_errors_total{kind="full"} 0.0' not in ask("/metrics").text
        wait_until(port, study_id, has_ended, "the end")
        assert ask("/readyz").is_success
        server.terminate()
        server.wait(30)
    check_file(Path(sqlite_url.removeprefix("sqlite:///")))
    with closing(open_store(sqlite_url)) as store:
        assert_whole(store, study_id, sqlite_url, loss=loss)
