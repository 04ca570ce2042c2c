"""What pages and figures cost, and the server's memory, by the size of the study; beside Optuna loading its trials."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx
import numpy as np
import optuna
import psutil

from tests.bench.service.loading import Shape, load_study
from tests.bench.service.optuna_baseline import SPACE, connected
from tests.bench.service.section import Bench, Database, Figure
from tests.bench.service.serving import serving

REQUESTS, QUICK_REQUESTS = 40, 10
"""Requests of one page in one repeat, turn by turn with the same page of the other sizes."""

OPTUNA_TRIALS, QUICK_OPTUNA_TRIALS = 1_000, 100
OPTUNA_POINTS = 100
"""Intermediate values of each trial, as many as Optuna's record of ours has at most; a whole curve has 1,000."""

PAGE_MS, FIGURE_MS, SERVER_MB = 20.0, 150.0, 300.0

FILTERED = "?filter=lr+%3C+0.1+and+not+state+%3D+running&sort=dev_accuracy&order=desc"
FILTERED_MS = 50.0
"""Every trial of the study is looked at, whatever its size: the one question for which that is allowed."""

PAGES: Mapping[str, str] = {
    "studies, as data": "/api/v1/studies",
    "study, as data": "/api/v1/studies/{study}",
    "study's first 100 trials, as data": "/api/v1/studies/{study}/trials",
    "100 trials by a filter, sorted, as data": "/api/v1/studies/{study}/trials" + FILTERED,
    "trial, as data": "/api/v1/trials/{trial}",
    "trial's curve, as data": "/api/v1/trials/{trial}/metrics",
    "studies, as a page": "/",
    "study's header, as a page's part": "/studies/{study}/parts/header",
    "study's first 50 trials, as a page's part": "/studies/{study}/parts/trials",
    "50 trials by a filter, sorted, as a page's part": "/studies/{study}/parts/trials" + FILTERED,
    "trial, as a page": "/trials/{trial}",
}
FIGURES: Mapping[str, str] = {
    "figure of all loss curves": "/studies/{study}/figures/live.json?smooth=20",
    "figure of all dev curves": "/studies/{study}/figures/live.json?metric=dev_accuracy",
    "figure of the joint search": "/studies/{study}/figures/joint-search.json",
}


def section(bench: Bench) -> Iterator[Figure]:
    for database in bench.databases:
        costs: dict[tuple[str, int], list[float]] = {}
        memory: dict[int, float] = {}
        for size in bench.sizes:
            with _served(database, size) as (client, pages, resident):
                for _ in range(bench.repeats):
                    _measure(client, pages, size, costs, QUICK_REQUESTS if bench.quick else REQUESTS)
                memory[size] = resident()
        for (what, size), values in costs.items():
            aim = FIGURE_MS if what in FIGURES else FILTERED_MS if "filter" in what else PAGE_MS
            yield Figure(f"{what}, p95", "ms", database.name, tuple(values), size, aim=aim, better="lower")
        for size, megabytes in memory.items():
            what = "memory of the server after all of these"
            yield Figure(what, "MB", database.name, (megabytes,), size, aim=SERVER_MB, better="lower")
        yield _optuna(database, bench)


@contextmanager
def _served(database: Database, size: int) -> Iterator[tuple[httpx.Client, Mapping[str, str], Callable[[], float]]]:
    """Serve a study of `size` trials; yield a client, the addresses by what they show, and the memory in use."""
    with database.fresh() as url:
        study = load_study(url, "bench", Shape(size))
        with serving(url) as (client, process):
            trial = client.get(f"/api/v1/studies/{study}/trials", params={"limit": 6}).json()["trials"][5]["id"]
            pages = {what: path.format(study=study, trial=trial) for what, path in (PAGES | FIGURES).items()}
            yield client, pages, lambda: psutil.Process(process).memory_info().rss / 1e6


def _measure(
    client: httpx.Client,
    pages: Mapping[str, str],
    size: int,
    costs: dict[tuple[str, int], list[float]],
    requests: int,
) -> None:
    """Ask for every page in turn, again and again; note the time that 95 % of the requests stay below."""
    times: dict[str, list[float]] = {what: [] for what in pages}
    for _ in range(requests):
        for what, path in pages.items():
            began = time.perf_counter()
            client.get(path).raise_for_status()
            times[what].append(1e3 * (time.perf_counter() - began))
    for what, taken in times.items():
        costs.setdefault((what, size), []).append(float(np.percentile(taken, 95)))


def _optuna(database: Database, bench: Bench) -> Figure:
    """Load a study's trials as Optuna's users do before they draw anything."""
    count = QUICK_OPTUNA_TRIALS if bench.quick else OPTUNA_TRIALS
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with database.fresh() as url:
        with connected(url) as storage:
            optuna.create_study(storage=storage, study_name="bench").add_trials(_finished(count))
        taken = []
        for _ in range(bench.repeats):
            with connected(url) as storage:
                began = time.perf_counter()
                assert len(optuna.load_study(study_name="bench", storage=storage).trials) == count
                taken.append(1e3 * (time.perf_counter() - began))
    what = f"a study's trials loaded, with {OPTUNA_POINTS} points each"
    return Figure(what, "ms", database.name, tuple(taken), count, by="Optuna's RDBStorage", better="lower")


def _finished(count: int) -> Sequence[optuna.trial.FrozenTrial]:
    values = dict(enumerate(np.linspace(2.0, 0.2, OPTUNA_POINTS).tolist()))
    trial = optuna.trial.create_trial(
        value=0.2, params={"lr": 0.1, "momentum": 0.9}, distributions=SPACE, intermediate_values=values
    )
    return [trial] * count
