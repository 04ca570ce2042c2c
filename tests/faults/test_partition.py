"""A worker that is cut off: its lease runs out, another takes over, and what it says afterwards changes nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from service.client import ApiClient
from studies.contract.states import AttemptState
from studies.contract.views import TrialDetail
from studies.storage import open_store
from tests.faults.ledger import Ledger
from tests.faults.proxy import link
from tests.integration.cluster import (
    SHORT,
    background,
    children_of,
    cluster,
    has_ended,
    loss,
    submit,
    wait_until,
)
from tests.integration.worker_harness import gone, wait_for
from tests.invariant import assert_whole

SECONDS = 60.0


def test_a_partitioned_workers_late_word_never_lands(sqlite_url: str, tmp_path: Path) -> None:
    ledger = Ledger()
    with cluster(sqlite_url, tmp_path) as shaken:
        with background(sqlite_url) as port, link(port, ledger) as east, link(port, ledger) as west:
            study_id = submit(port, SHORT)
            stale = shaken.work("east", east.port)
            wait_for(lambda: ledger.acknowledged, "points", SECONDS)
            east.stall()
            runs = [process.pid for process in children_of(stale)]
            shaken.work("west", west.port)
            with ApiClient(f"http://127.0.0.1:{port}") as client:
                expired = wait_for(lambda: expired_attempts(client, study_id), "leases that ran out", SECONDS)
            before = {attempt: points_of(ledger, attempt) for attempt in expired}
            east.heal()
            wait_for(lambda: set(expired) <= ledger.lost, "the word that they are lost", SECONDS)
            assert {attempt: points_of(ledger, attempt) for attempt in expired} == before
            wait_until(port, study_id, has_ended, "the end")
            shaken.stop_workers()
            assert all(gone(pid) for pid in runs)
        with closing(open_store(sqlite_url)) as store:
            trials = assert_whole(store, study_id, sqlite_url, ledger=ledger, folder=tmp_path, loss=loss)
    assert all(state_of(trials, attempt) is AttemptState.EXPIRED for attempt in expired)
    assert not ledger.outcomes.keys() & set(expired)


def expired_attempts(client: ApiClient, study_id: str) -> list[str]:
    trials = [client.trial(trial.id) for trial in client.trials(study_id)]
    return [item.id for trial in trials for item in trial.attempts if item.state is AttemptState.EXPIRED]


def points_of(ledger: Ledger, attempt_id: str) -> set[tuple[str, str, int]]:
    return {key for key in ledger.acknowledged if key[0] == attempt_id}


def state_of(trials: list[TrialDetail], attempt_id: str) -> AttemptState:
    (found,) = [attempt.state for trial in trials for attempt in trial.attempts if attempt.id == attempt_id]
    return found
