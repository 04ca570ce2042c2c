"""Runs the searches that are not known yet, in several processes, and keeps each result as it comes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context

from tests.bench.quality.cache import Cache
from tests.bench.quality.cases import Case
from tests.bench.quality.ledger import Trajectory
from tests.bench.quality.methods import run, version
from tests.bench.quality.suite import Suite
from tests.bench.quality.task import Task

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What keeps numpy and torch from using more than the processes that were asked for."""


def known(cache: Cache, methods: Iterable[str]) -> dict[Case, Trajectory]:
    """Return every result of the methods as they are now."""
    return {case: found for method in methods for case, found in cache.read(method, version(method)).items()}


def run_missing(cases: Sequence[Case], suite: Suite, cache: Cache, processes: int) -> Iterator[tuple[int, int]]:
    """Run what the cache does not know; yield how many are done, and of how many, after each."""
    there = known(cache, dict.fromkeys(case.method for case in cases))
    missing = [case for case in cases if case not in there]
    for done, (case, found) in enumerate(_results(missing, suite, processes), start=1):
        cache.add(case, version(case.method), found)
        yield done, len(missing)


def _results(cases: Sequence[Case], suite: Suite, processes: int) -> Iterator[tuple[Case, Trajectory]]:
    if processes <= 1:
        yield from (_result(case, suite) for case in cases)
        return
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        waiting = [pool.submit(_result, case, suite) for case in cases]
        try:
            yield from (future.result() for future in as_completed(waiting))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _result(case: Case, suite: Suite) -> tuple[Case, Trajectory]:
    return case, run(case, _tasks(suite)[case.task])


@cache
def _tasks(suite: Suite) -> Mapping[str, Task]:
    return suite.load()
