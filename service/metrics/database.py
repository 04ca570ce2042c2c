"""What the store holds and what was done through it, collected when Prometheus asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from studies.contract.states import AttemptState, StudyState, TrialState, WorkerHold
from studies.errors import StagetuneError
from studies.storage.census import Census
from studies.storage.port import StudyStore
from studies.storage.work_done import WorkDone

CENSUS_SECONDS = 5.0
"""For so long one census serves everybody who asks."""

_ENDINGS = [state for state in AttemptState if state is not AttemptState.RUNNING]


class StoreCollector(Collector):
    """Tells of one store. Where its database is away, it says so and tells what it knows without.

    Args:
        store: the store of the service.
        clock: monotonic seconds.
    """

    def __init__(self, store: StudyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._last: Census | None = None
        self._taken = float("-inf")

    def collect(self) -> Iterator[Metric]:
        census = self._census()
        up = "1 while the database can be asked how much of everything there is."
        yield GaugeMetricFamily("stagetune_database_up", up, value=census is not None)
        if census is not None:
            yield from _of_census(census)
        yield from _of_work(self._store.work.total())

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked of the database for the sake of registering."""
        return ()

    def _census(self) -> Census | None:
        with self._lock:
            if self._clock() - self._taken >= CENSUS_SECONDS:
                self._last, self._taken = self._count(), self._clock()
            return self._last

    def _count(self) -> Census | None:
        try:
            return self._store.census()
        except StagetuneError:  # told as stagetune_database_up = 0; /readyz and the log say more
            return None


def _of_census(census: Census) -> Iterator[Metric]:
    yield _by_state("stagetune_studies", "Studies by state.", StudyState, census.studies.get)
    yield _by_state("stagetune_trials", "Trials by state.", TrialState, census.trials.get)
    yield GaugeMetricFamily(
        "stagetune_queue_age_seconds",
        "For how long the trial has waited that has waited longest in a running study.",
        value=census.queue_seconds,
    )
    yield GaugeMetricFamily("stagetune_workers_alive", "Workers heard of within a lease.", value=census.workers_alive)
    held = GaugeMetricFamily("stagetune_workers_held", "Of these, those given nothing new, by why.", labels=["hold"])
    for hold in WorkerHold:
        held.add_metric([hold.value], census.workers_held.get(hold, 0))
    yield held


def _by_state(name: str, help_text: str, states: type[StrEnum], count: Callable[..., int | None]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=["state"])
    for state in states:
        family.add_metric([state.value], count(state) or 0)
    return family


def _of_work(done: WorkDone) -> Iterator[Metric]:
    yield CounterMetricFamily("stagetune_points_stored", "Metric points stored.", value=done.points)
    yield CounterMetricFamily("stagetune_log_stored_bytes", "Output of runs stored.", value=done.log_bytes)
    yield CounterMetricFamily(
        "stagetune_lease_expiries", "Leases that ran out.", value=done.endings[AttemptState.EXPIRED]
    )
    endings = CounterMetricFamily("stagetune_attempts_ended", "Attempts by how they ended.", labels=["end"])
    retries = CounterMetricFamily(
        "stagetune_trial_retries", "Trials that wait again, by how the attempt before ended.", labels=["end"]
    )
    for state in _ENDINGS:
        endings.add_metric([state.value], done.endings[state])
        retries.add_metric([state.value], done.retries[state])
    yield from (endings, retries)
