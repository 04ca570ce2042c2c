"""A soak: studies under blow after blow for a while, then calm until they have ended, then the invariant."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from studies.contract.states import AttemptState
from studies.storage import open_store
from studies.storage.port import StudyStore
from tests.faults.postgres import Postgres
from tests.faults.proxy import Fate
from tests.faults.soak.arena import Arena, arena
from tests.faults.soak.strikes import OF_A_DATABASE_SERVER, STRIKES, Strike, blows
from tests.integration.cluster import loss
from tests.invariant import Study, violations

CALM_SECONDS = 240.0
"""How long everything that was submitted may take to end once it is left in peace."""

RECORD_SECONDS = 60.0


@dataclass(frozen=True)
class Result:
    """What a soak did and found.

    Attributes:
        strikes: how often each fault was done.
        fates: what befell requests.
        attempts: by final state.
        studies, trials, points: how many there were; points that were acknowledged.
        released: workers that were quarantined for runs that the soak had killed.
        retries: attempts that were not their trial's first.
        violations: what was not as promised, a line each.
        seconds: from the first process to the last.
    """

    database: str
    seed: int
    strikes: Counter[Strike]
    fates: Counter[Fate]
    attempts: Counter[AttemptState]
    studies: int
    trials: int
    points: int
    released: int
    retries: int
    violations: tuple[str, ...]
    seconds: float


Tell = Callable[[str], None]


def quiet(_: str) -> None:
    """Tell nobody."""


def soak(
    database_url: str, folder: Path, *, seconds: float, seed: int, postgres: Postgres | None = None, tell: Tell = quiet
) -> Result:
    """Strike at servers, workers, runs, links and the database for so many seconds; return what came of it.

    Args:
        database_url: a database of its own. On PostgreSQL two servers share it, on SQLite there is one.
        folder: where workers work; empty.
        seconds: how long blows fall. Starting and ending come on top.
        seed: of blows and of the network.
        postgres: the database's server, to be struck as well.
        tell: hears of every blow as it falls.
    """
    began = time.monotonic()
    with arena(database_url, folder, 1 if postgres is None else 2, seed, postgres) as shaken:
        _wait_for_work(shaken)
        _strike(shaken, time.monotonic() + seconds, seed, tell)
        tell("peace")
        shaken.calm()
        late = _wait_for_the_end(shaken)
        with closing(open_store(database_url)) as store:
            late += _wait_for_the_record(store, shaken)
            shaken.stop()
            return _judged(store, database_url, folder, shaken, late, seed, time.monotonic() - began)


def _wait_for_work(shaken: Arena) -> None:
    deadline = time.monotonic() + CALM_SECONDS
    while not shaken.ledger.acknowledged:
        assert time.monotonic() < deadline, "no work began"
        shaken.tend()
        shaken.keep_busy()
        time.sleep(0.1)


def _strike(shaken: Arena, until: float, seed: int, tell: Tell) -> None:
    kinds = [strike for strike in STRIKES if shaken.has_database_server or strike not in OF_A_DATABASE_SERVER]
    for blow in blows(seed, kinds):
        time.sleep(min(blow.pause_seconds, max(0.0, until - time.monotonic())))
        if time.monotonic() >= until:
            return
        if shaken.strike(blow):
            tell(blow.strike)
        shaken.tend()
        shaken.keep_busy()


def _wait_for_the_end(shaken: Arena) -> list[str]:
    deadline = time.monotonic() + CALM_SECONDS
    while not shaken.all_ended():
        if time.monotonic() > deadline:
            return [f"studies did not end within {CALM_SECONDS:g} s of peace"]
        shaken.tend()
        time.sleep(0.2)
    return []


def _wait_for_the_record(store: StudyStore, shaken: Arena) -> list[str]:
    """Optuna's record is written behind: give the engine the time that it takes."""
    deadline = time.monotonic() + RECORD_SECONDS
    while any(store.settled_trials(study_id, 1) for study_id in shaken.studies):
        if time.monotonic() > deadline:
            return [f"Optuna's record was not complete within {RECORD_SECONDS:g} s of the end"]
        time.sleep(0.2)
    return []


def _judged(
    store: StudyStore, database_url: str, folder: Path, shaken: Arena, late: list[str], seed: int, seconds: float
) -> Result:
    found = [*late, *shaken.faults]
    for study_id in shaken.studies:
        found += violations(store, study_id, database_url, ledger=shaken.ledger, folder=folder, loss=loss)
    trials = [trial for study_id in shaken.studies for trial in Study.of(store, study_id).trials]
    return Result(
        database=database_url.partition(":")[0],
        seed=seed,
        strikes=shaken.struck,
        fates=sum((each.counts for each in shaken.links.values()), Counter()),
        attempts=Counter(attempt.state for trial in trials for attempt in trial.attempts),
        studies=len(shaken.studies),
        trials=len(trials),
        points=sum(len(shaken.ledger.sent[key][0]) for key in shaken.ledger.acknowledged),
        released=shaken.released,
        retries=sum(max(0, len(trial.attempts) - 1) for trial in trials),
        violations=tuple(dict.fromkeys(found)),
        seconds=seconds,
    )
