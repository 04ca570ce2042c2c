"""Settled trials recorded with Optuna per second, in batches of 50, each with 100 points of its curve."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import numpy as np
import optuna

from studies.contract.states import TrialState
from studies.core.snapshot import Curve
from studies.engine import MIRROR_BATCH
from studies.storage.optuna_bridge import OptunaMirror
from studies.storage.optuna_bridge.record import distributions_for, optuna_trial
from studies.storage.port import SettledTrial
from tests.bench.service.optuna_baseline import SEEDED, opened
from tests.bench.service.section import Bench, Database, Figure

ROUNDS, QUICK_ROUNDS = 6, 2
"""Batches of one repeat."""

ONE_BY_ONE, QUICK_ONE_BY_ONE = 32, 8
"""Trials of one repeat that are added through Optuna's interface."""

FILLING = 500
WHAT = "trials recorded with Optuna, 100 points each"


def section(bench: Bench) -> Iterator[Figure]:
    rounds = QUICK_ROUNDS if bench.quick else ROUNDS
    for database in bench.databases:
        with ExitStack() as stack:
            writers = {size: stack.enter_context(filled(database, size)) for size in bench.sizes}
            rates: dict[int, list[float]] = {size: [] for size in bench.sizes}
            for _ in range(bench.repeats):
                for size, writer in writers.items():
                    rates[size].append(_rate(writer, rounds))
        for size, values in rates.items():
            yield Figure(WHAT, "trials/s", database.name, tuple(values), size)
        count = QUICK_ONE_BY_ONE if bench.quick else ONE_BY_ONE
        with opened(database) as study:
            added = tuple(_rate_of_adding(study, count) for _ in range(bench.repeats))
        yield Figure(WHAT, "trials/s", database.name, added, SEEDED, by="Optuna's add_trial")


class Writer:
    """One study's record, written on and on."""

    def __init__(self, mirror: OptunaMirror) -> None:
        self._mirror = mirror
        self._next = 0

    def write(self, count: int, points: int = 100) -> None:
        trials = [settled(self._next + index, points) for index in range(count)]
        self._next += count
        self._mirror.write("bench", "maximize", trials)


def settled(number: int, points: int) -> SettledTrial:
    return SettledTrial(
        trial_id=f"tr_{number}",
        stage="lr_sweep",
        params={"lr": 0.1 / (1 + number % 97), "batch_size": 64, "momentum": 0.9},
        state=TrialState.COMPLETED,
        score=0.7,
        curve=Curve(np.arange(1, points + 1), np.linspace(0.1, 0.7, points)),
        attributes={"number": number, "key": f"t{number}", "seed": 0, "reason": "a point of the coarse grid"},
    )


@contextmanager
def filled(database: Database, size: int) -> Iterator[Writer]:
    """Yield a record that has `size` trials."""
    with database.fresh() as url, closing(OptunaMirror(url)) as mirror:
        writer = Writer(mirror)
        for start in range(0, size, FILLING):
            writer.write(min(FILLING, size - start), points=1)
        yield writer


def _rate(writer: Writer, rounds: int) -> float:
    began = time.perf_counter()
    for _ in range(rounds):
        writer.write(MIRROR_BATCH)
    return rounds * MIRROR_BATCH / (time.perf_counter() - began)


def _rate_of_adding(study: optuna.Study, count: int) -> float:
    trials = [settled(number, 100) for number in range(count)]
    distributions = distributions_for(trials, study.trials[0].distributions)
    began = time.perf_counter()
    for trial in trials:
        study.add_trial(optuna_trial(trial, distributions))
    return count / (time.perf_counter() - began)
