"""Counters and timers of this process, in a registry of their own. Labels are bounded: no path, no name, no id."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from studies.errors import SchemaMismatch, StagetuneError, StorageFull, StorageUnavailable

SYNC_ROUTE = "/api/v1/workers/{worker_id}/sync"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SYNC_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
_TICK_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_DATABASE_ERRORS: dict[type[StagetuneError], str] = {
    StorageFull: "full",
    StorageUnavailable: "unavailable",
    SchemaMismatch: "schema",
}
"""What they are called, the more special before the more general."""


class Instruments:
    """What the service counts as it goes; with several servers each tells its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "stagetune_requests",
            "Requests answered, by route template and class of status ('none': the client hung up).",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._sync = Histogram(
            "stagetune_sync_duration_seconds",
            "How long a worker waited for the answer to its sync.",
            buckets=_SYNC_BUCKETS,
            registry=self.registry,
        )
        self._ticks = Histogram(
            "stagetune_engine_tick_duration_seconds",
            "How long one look of the engine at all studies took.",
            buckets=_TICK_BUCKETS,
            registry=self.registry,
        )
        self._trouble = Gauge(
            "stagetune_engine_in_trouble",
            "1 while the engine's last tick failed and studies do not move.",
            registry=self.registry,
        )
        self._database_errors = Counter(
            "stagetune_database_errors",
            "Requests and ticks that the database failed: it was away, full, or of another schema.",
            ["kind"],
            registry=self.registry,
        )
        for kind in _DATABASE_ERRORS.values():
            self._database_errors.labels(kind)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered after so long; status 0: its client hung up."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, f"{status // 100}xx" if status else "none").inc()
        if route == SYNC_ROUTE and status:
            self._sync.observe(seconds)

    def timed(self, tick: Callable[[], None]) -> Callable[[], None]:
        """Return `tick` as one that is timed, and whose failures are seen."""

        def timed_tick() -> None:
            began, failed = time.perf_counter(), True
            try:
                tick()
                failed = False
            except StagetuneError as error:
                self.failure(error)
                raise
            finally:
                self._ticks.observe(time.perf_counter() - began)
                self._trouble.set(failed)

        return timed_tick

    def failure(self, error: StagetuneError) -> None:
        """Count `error` where it is the database's."""
        kind = next((kind for known, kind in _DATABASE_ERRORS.items() if isinstance(error, known)), None)
        if kind is not None:
            self._database_errors.labels(kind).inc()
