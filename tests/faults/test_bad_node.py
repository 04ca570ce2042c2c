"""A node that fails everything it gets, beside a good one: it is quarantined, its trials go elsewhere."""

from __future__ import annotations

from pathlib import Path

from service.client import ApiClient
from studies.contract.states import AttemptState, TrialState, WorkerHold
from studies.contract.views import WorkerView
from tests.integration.cluster import STUDY, background, cluster, has_ended, submit, wait_until
from tests.integration.worker_harness import wait_for

BROKEN = """
def train(trial):
    raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
"""
PATIENT = STUDY | {"name": "patient", "max_attempts": 5, "stages": STUDY["stages"][:1]}


def test_a_bad_node_fails_everything_it_gets(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    with (
        background(sqlite_url) as port,
        cluster(sqlite_url, tmp_path / "good") as good,
        cluster(sqlite_url, tmp_path / "bad") as bad,
        ApiClient(f"http://127.0.0.1:{port}") as client,
    ):
        (tmp_path / "bad" / "train.py").write_text(BROKEN)
        good.work("good", port)
        bad.work("bad", port)
        wait_for(lambda: len(client.workers()) == 2, "both workers")
        study_id = submit(port, PATIENT)
        wait_for(lambda: _named(client, "bad").hold is WorkerHold.QUARANTINED, "the quarantine")
        wait_until(port, study_id, has_ended, "the end")
        held = _named(client, "bad")
        assert "good could take them" in held.held_because
        assert _named(client, "good").hold is None
        trials = [client.trial(trial.id) for trial in client.trials(study_id)]
        assert {trial.state for trial in trials} == {TrialState.COMPLETED}
        ends = {(attempt.worker_name, attempt.state) for trial in trials for attempt in trial.attempts}
        assert ends == {("good", AttemptState.COMPLETED), ("bad", AttemptState.FAILED)}
        assert client.release_worker(held.id).hold is None


def _named(client: ApiClient, name: str) -> WorkerView:
    return next(worker for worker in client.workers() if worker.name == name)
