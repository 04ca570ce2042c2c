"""The same work by Optuna's own storage: trials asked for, given a value at two steps, and told, one after another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import optuna
from optuna.distributions import FloatDistribution
from optuna.storages import RDBStorage
from sqlalchemy import make_url

from tests.bench.service.section import Bench, Database, Figure

TRIALS, QUICK_TRIALS = 64, 16
"""Trials of one repeat."""

SEEDED = 100
"""Trials that the study has beforehand, whatever the sizes of the others: more take Optuna minutes to write."""

SPACE = {"lr": FloatDistribution(1e-5, 1.0, log=True), "momentum": FloatDistribution(0.0, 0.99)}


def section(bench: Bench) -> Iterator[Figure]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    count = QUICK_TRIALS if bench.quick else TRIALS
    for database in bench.databases:
        with ExitStack() as stack:
            study = stack.enter_context(opened(database))
            rates = tuple(_rate(study, count) for _ in range(bench.repeats))
        yield Figure(
            "trials asked, leased and finished, through the store",
            "trials/s",
            database.name,
            rates,
            SEEDED,
            by="Optuna's RDBStorage",
        )


def _rate(study: optuna.Study, count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        trial = study.ask(SPACE)
        for step, value in ((50, 0.5), (100, 0.7)):
            trial.report(value, step)
        study.tell(trial, 0.7)
    return count / (time.perf_counter() - began)


@contextmanager
def opened(database: Database) -> Iterator[optuna.Study]:
    """Yield an Optuna study with a random sampler, in a database of its own."""
    with database.fresh() as url, connected(url) as storage:
        sampler = optuna.samplers.RandomSampler(seed=0)
        study = optuna.create_study(storage=storage, study_name="bench", direction="maximize", sampler=sampler)
        trial = optuna.trial.create_trial(value=0.7, params={"lr": 0.1, "momentum": 0.9}, distributions=SPACE)
        study.add_trials([trial] * SEEDED)
        yield study


@contextmanager
def connected(url: str) -> Iterator[RDBStorage]:
    """Connect as Optuna's users do; SQLite in write-ahead mode, as Stagetune has it."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    storage = RDBStorage(parsed.render_as_string(hide_password=False))
    if parsed.get_backend_name() == "sqlite":
        with storage.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()
