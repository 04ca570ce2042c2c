"""A study of digits at a real server, with a worker that packs: whatever ends a pack, every trial ends as it should."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.client import ApiClient
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.states import AttemptState, TrialState
from studies.contract.views import TrialDetail
from tests.integration.worker_harness import Worker, pack_processes, wait_for

SECONDS = 100.0
STEPS = 6000
STUDY: dict[str, Any] = {
    "name": "packed",
    "objective": {
        "kind": "builtin",
        "name": "image_classification",
        "args": {"dataset": "digits", "model": "mlp"},
    },
    "budget": {"steps": STEPS, "trials": 8},
    "defaults": {"batch_size": 8},
    "evaluate_every": 2000,
    "stages": [{"kind": "lr_sweep", "grid": [0.1, 0.03, 0.01, 0.003], "refine": 0}],
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/stagetune.db", sync_seconds=0.2)
    with BackgroundServer(create_app(settings), listen("127.0.0.1", 0)) as running:
        yield running.url


@pytest.fixture
def worker(server: str, tmp_path: Path) -> Iterator[Worker]:
    started = Worker(server, tmp_path, cores={min(os.sched_getaffinity(0))})
    yield started
    started.end()


def trials_of(client: ApiClient, study_id: str) -> list[TrialDetail]:
    return [client.trial(trial.id) for trial in client.trials(study_id)]


def widest_pack(client: ApiClient) -> int:
    """Return the most runs of a process that trains: one that has said how fast it is."""
    packs = [pack for each in client.workers() for pack in each.devices[0].packs if pack.samples_per_second]
    return max((len(pack.trials) for pack in packs), default=0)


@pytest.mark.long
def test_a_packed_study_survives_the_death_of_a_pack(server: str, worker: Worker) -> None:
    with ApiClient(server) as client:
        study_id = httpx.post(f"{server}/api/v1/studies", json=STUDY).json()["id"]
        wait_for(lambda: widest_pack(client) > 1, "a pack of several runs", SECONDS)
        pack_processes(worker)[0].kill()
        wait_for(lambda: client.study(study_id).state.ended, "the end of the study", SECONDS)
        study, trials = client.study(study_id), trials_of(client, study_id)
        (device,) = client.workers()[0].devices
        profiles = httpx.get(f"{server}/api/v1/profiles").json()
    assert study.state == "completed", study.reason
    attempts = [attempt for trial in trials for attempt in trial.attempts]
    evicted = [attempt for attempt in attempts if attempt.state is AttemptState.EVICTED]
    assert len(evicted) > 1
    assert {attempt.state for attempt in attempts} <= {
        AttemptState.EVICTED,
        AttemptState.COMPLETED,
        AttemptState.STOPPED,
    }
    for trial in trials:
        assert trial.state in {TrialState.COMPLETED, TrialState.PRUNED}, trial.ended_because
        for earlier, later in zip(trial.attempts, trial.attempts[1:], strict=False):
            assert later.alone == (earlier.state is AttemptState.EVICTED)
    assert profiles, "what was measured is kept"
    assert not device.running
