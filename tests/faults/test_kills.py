"""Servers, workers and databases that die under a study: it ends as if nothing had happened."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest

from studies.contract.states import AttemptState
from studies.storage import open_store
from tests.faults.ledger import Ledger
from tests.faults.postgres import Postgres
from tests.faults.proxy import link
from tests.integration.cluster import (
    children_of,
    cluster,
    ended_at_least,
    free_port,
    has_ended,
    kill,
    loss,
    submit,
    wait_until,
)
from tests.integration.worker_harness import wait_for
from tests.invariant import assert_whole


def test_a_server_and_a_worker_are_killed_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    ledger, port = Ledger(), free_port()
    with cluster(sqlite_url, tmp_path) as shaken, link(port, ledger) as way:
        server = shaken.serve(port)
        study_id = submit(port)
        worker = shaken.work("east", way.port)
        shaken.work("west", way.port)
        wait_until(port, study_id, ended_at_least(1), "a first trial")
        kill(server)
        server = shaken.serve(port)
        wait_until(port, study_id, ended_at_least(2), "a second trial")
        wait_for(lambda: len(children_of(worker)) > 1, "a run of the worker")
        runs = children_of(worker)
        kill(worker)
        assert not psutil.wait_procs(runs, timeout=10)[1], "a run outlived its worker"
        shaken.work("east", way.port)
        wait_until(port, study_id, has_ended, "the end")
        shaken.stop_workers()
        shaken.stop(server)
        with closing(open_store(sqlite_url)) as store:
            trials = assert_whole(store, study_id, sqlite_url, ledger=ledger, folder=tmp_path, loss=loss)
    states = {attempt.state for trial in trials for attempt in trial.attempts}
    assert states <= {AttemptState.COMPLETED, AttemptState.EXPIRED}


@pytest.mark.long
def test_postgres_and_one_of_two_servers_are_killed_under_two_workers(postgres: Postgres, tmp_path: Path) -> None:
    ledger, east, west = Ledger(), free_port(), free_port()
    with cluster(postgres.url, tmp_path) as shaken, link(east, ledger) as one, link(west, ledger) as other:
        servers = [shaken.serve(port) for port in (east, west)]
        study_id = submit(east)
        shaken.work("east", one.port)
        shaken.work("west", other.port)
        wait_until(west, study_id, ended_at_least(1), "a first trial")
        with httpx.stream("GET", f"http://127.0.0.1:{west}/api/v1/events?after=0", timeout=60) as stream:
            lines = stream.iter_lines()
            next(lines)
            with postgres.crashed():
                answers = [httpx.get(f"http://127.0.0.1:{port}/api/v1/studies", timeout=60) for port in (east, west)]
            assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "2")] * 2
            wait_until(west, study_id, ended_at_least(4), "a fourth trial")
            assert any("study" in line for line in lines), "the stream did not outlive the crash"
        kill(servers[0])
        servers[0] = shaken.serve(east)
        wait_until(west, study_id, has_ended, "the end")
        shaken.stop_workers()
        for server in servers:
            shaken.stop(server)
        with closing(open_store(postgres.url)) as store:
            trials = assert_whole(store, study_id, postgres.url, ledger=ledger, folder=tmp_path, loss=loss)
    states = {attempt.state for trial in trials for attempt in trial.attempts}
    assert states <= {AttemptState.COMPLETED, AttemptState.EXPIRED}
