"""PostgreSQL dies under the load of twenty workers: they are asked to come back, and nothing is missing afterwards."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from studies.storage import open_store
from tests.faults.ledger import Ledger
from tests.faults.postgres import Postgres
from tests.faults.simulated import SimulatedWorker, simulated
from tests.integration.cluster import STUDY, cluster, ended_at_least, free_port, has_ended, loss, submit, wait_until
from tests.integration.worker_harness import wait_for
from tests.invariant import assert_whole

WORKERS = 20
SECONDS = 60.0
WIDE = STUDY | {
    "name": "wide",
    "budget": {"steps": 100, "trials": 36},
    "stages": [{"kind": "lr_sweep", "grid": [round(0.3 * 0.9**power, 6) for power in range(24)], "refine": 0}],
}


def refused(workers: list[SimulatedWorker]) -> int:
    return sum(worker.statuses[503] for worker in workers)


def test_postgres_is_restarted_and_killed_under_twenty_workers(postgres: Postgres, tmp_path: Path) -> None:
    ledger, port = Ledger(), free_port()
    with cluster(postgres.url, tmp_path) as shaken:
        server = shaken.serve(port)
        study_id = submit(port, WIDE)
        with simulated([f"http://127.0.0.1:{port}"], WORKERS, ledger) as workers:
            wait_for(lambda: len(ledger.leases) > WORKERS and ledger.acknowledged, "work", SECONDS)
            postgres.restart()
            wait_until(port, study_id, ended_at_least(1), "a trial after the restart")
            known = len(ledger.acknowledged)
            postgres.kill()
            wait_for(lambda: refused(workers) > WORKERS, "refusals", SECONDS)
            postgres.start()
            wait_for(lambda: len(ledger.acknowledged) > known, "work after the crash", SECONDS)
            wait_until(port, study_id, has_ended, "the end")
        shaken.stop(server)
        with closing(open_store(postgres.url)) as store:
            trials = assert_whole(store, study_id, postgres.url, ledger=ledger, loss=loss)
    assert len(trials) >= 24
    assert {status for worker in workers for status in worker.statuses} == {200, 201, 503}
    assert not any(worker.unguided for worker in workers), "a refusal did not say when to come back"
