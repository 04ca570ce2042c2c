"""A search of one's own at a real server: pruned while it runs, and a worker killed in the middle of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna

from service.client import ApiClient
from studies.contract.states import AttemptState, TrialState
from studies.contract.views import StudyView
from tests.integration.cluster import background, cluster, has_ended, kill, submit, wait_until

STUDY: dict[str, Any] = {
    "name": "own-search",
    "objective": {"kind": "function", "target": "train.py:train"},
    "budget": {"steps": 160, "trials": 16},
    "evaluate_every": 5,
    "space": {"lr": {"kind": "float", "low": 0.0001, "high": 1.0}},
    "stages": [
        {
            "kind": "search",
            "sampler": "random",
            "trials": 16,
            "parameters": ["lr"],
            "parallel": 2,
            "pruner": {"kind": "successive_halving", "min_resource": 40},
        }
    ],
}


def amid_runs(client: ApiClient, study: StudyView) -> bool:
    """Whether two runs have ended, and others are under way: a worker that is killed now leaves these behind."""
    running = any(trial.state is TrialState.RUNNING for trial in client.trials(study.id))
    return running and study.progress.trials_ended >= 2


def test_a_search_stops_runs_and_survives_a_killed_worker(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/stagetune.db"
    with background(url) as port, cluster(url, tmp_path) as processes:
        first = processes.work("first", port)
        study_id = submit(port, STUDY)
        with ApiClient(f"http://127.0.0.1:{port}") as client:
            wait_until(port, study_id, lambda study: amid_runs(client, study), "the first runs")
        kill(first)
        processes.work("second", port)
        study = wait_until(port, study_id, has_ended, "the end of the study")
        with ApiClient(f"http://127.0.0.1:{port}") as client:
            trials = [client.trial(trial.id) for trial in client.trials(study_id)]
    assert study.state == "completed", study.reason
    assert len(trials) == 16
    stopped = [trial for trial in trials if trial.state is TrialState.PRUNED]
    assert stopped
    assert {trial.state for trial in trials} == {TrialState.COMPLETED, TrialState.PRUNED}
    assert all("(successive halving)" in trial.ended_because for trial in stopped)
    assert any(attempt.state is AttemptState.EXPIRED for trial in trials for attempt in trial.attempts)
    (stage,) = study.stages
    assert stage.decision
    assert stage.decision.evidence["steps_saved"] > 0
    told = {
        trial.user_attrs["stagetune_trial_id"]: trial
        for trial in optuna.load_study(study_name="own-search/search", storage=url).trials
    }
    for trial in stopped:
        record = told[trial.id]
        assert record.state is optuna.trial.TrialState.PRUNED
        assert record.value == record.intermediate_values[max(record.intermediate_values)]
