"""Two real servers on one PostgreSQL, workers on each: one study, each of its trials leased once at a time."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from studies.storage import open_store
from tests.faults.ledger import Ledger
from tests.faults.simulated import simulated
from tests.integration.cluster import STUDY, cluster, free_port, has_ended, loss, submit, wait_until
from tests.invariant import assert_whole


@pytest.mark.long
def test_two_servers_share_one_database(postgres_url: str, tmp_path: Path) -> None:
    ledger, ports = Ledger(), (free_port(), free_port())
    with cluster(postgres_url, tmp_path) as shared:
        servers = [shared.serve(port) for port in ports]
        study_id = submit(ports[0])
        with simulated([f"http://127.0.0.1:{port}" for port in ports], 6, ledger):
            wait_until(ports[1], study_id, has_ended, "the end")
        for server in servers:
            shared.stop(server)
        with closing(open_store(postgres_url)) as store:
            trials = assert_whole(store, study_id, postgres_url, ledger=ledger, loss=loss)
            stages = [record.stage for record in store.decisions(study_id)]
    assert stages == [stage["kind"] for stage in STUDY["stages"]], "a stage was closed twice, or not at all"
    attempts = [attempt for trial in trials for attempt in trial.attempts]
    assert {ledger.trials[attempt.id] for attempt in attempts} == {trial.id for trial in trials}
    assert all(attempt.state == "completed" for attempt in attempts), "a trial was leased twice, or lost on the way"
