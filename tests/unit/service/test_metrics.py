"""What Prometheus is told: read back with the library's own parser, and held to the rules for names and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from service.app import create_app
from service.metrics.database import CENSUS_SECONDS, StoreCollector
from service.metrics.instruments import Instruments
from service.settings import Settings
from studies.errors import SchemaMismatch, StagetuneError, StorageFull, StorageUnavailable
from studies.storage.census import Census
from studies.storage.memory import MemoryStore
from tests import builders as build
from tests.asgi import client_of
from tests.contract.scenes import running_study, take

UNITS = ("_seconds", "_bytes", "_total", "_info")
COUNTS = ("stagetune_studies", "stagetune_trials", "stagetune_workers_alive", "stagetune_workers_held")
FLAGS = ("stagetune_database_up", "stagetune_engine_in_trouble")
LABELS = {"hold", "state", "end", "kind", "method", "route", "status", "le"}
MOST_SERIES = 200


def told(http: httpx.Client) -> dict[str, Metric]:
    families = list(text_string_to_metric_families(http.get("/metrics").text))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "a family is told twice"
    return {family.name: family for family in families}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    samples = [sample for family in families.values() for sample in family.samples]
    (found,) = [sample.value for sample in samples if sample.name == name and sample.labels == labels]
    return float(found)


def test_names_units_help_and_labels_follow_the_rules(http: httpx.Client) -> None:
    families = told(http)
    created = {name for name in families if name.endswith("_created")}
    assert len(families) > 10
    for name, family in families.items():
        assert re.fullmatch(r"stagetune_[a-z_]+", name)
        assert family.documentation.endswith(".")
        if name not in created:
            full = f"{name}_total" if family.type == "counter" else name
            assert full.endswith(UNITS) or name in COUNTS + FLAGS
        assert {label for sample in family.samples for label in sample.labels} <= LABELS


def test_openmetrics_is_spoken_to_who_asks_for_it(http: httpx.Client) -> None:
    answer = http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "stagetune_queue_age_seconds" in {family.name for family in parse_openmetrics(answer.text)}


def test_studies_trials_and_work_are_told(http: httpx.Client, store: MemoryStore) -> None:
    running_study(store, "a", "b")
    worker_id = store.register_worker(build.worker())
    news = build.report(take(store, worker_id), build.chunk(), log="ready\n", outcome="failed", reason="mine")
    store.sync(worker_id, build.sync(news, capacity=0))
    families = told(http)
    assert value(families, "stagetune_studies", state="running") == 1
    assert value(families, "stagetune_trials", state="waiting") == 2
    assert value(families, "stagetune_workers_alive") == 1
    assert value(families, "stagetune_points_stored_total") == 2
    assert value(families, "stagetune_log_stored_bytes_total") == 6
    assert value(families, "stagetune_attempts_ended_total", end="failed") == 1
    assert value(families, "stagetune_trial_retries_total", end="failed") == 1
    assert value(families, "stagetune_lease_expiries_total") == 0


def test_requests_are_counted_by_their_template_never_by_their_path(http: httpx.Client) -> None:
    for number in range(50):
        http.get(f"/api/v1/studies/st_{number}")
        http.get(f"/nowhere/{number}")
        http.request(f"X{number}", "/api/v1/studies")
    families = told(http)
    requests = families["stagetune_requests"].samples
    by_route = {(s.labels["route"], s.labels["status"]): s.value for s in requests if s.name.endswith("_total")}
    assert by_route["/api/v1/studies/{study_id}", "4xx"] == 50
    assert by_route["unmatched", "4xx"] >= 50
    assert {sample.labels["method"] for sample in requests} == {"GET", "other"}
    assert sum(len(family.samples) for family in families.values()) < MOST_SERIES


def test_syncs_are_timed(http: httpx.Client, store: MemoryStore) -> None:
    worker_id = store.register_worker(build.worker())
    http.post(f"/api/v1/workers/{worker_id}/sync", content="{}")
    assert value(told(http), "stagetune_sync_duration_seconds_count") == 1


def test_with_a_token_nobody_reads_them_without(store: MemoryStore) -> None:
    settings = Settings(database_url="memory://", token="a-token-that-is-long-enough")
    with client_of(create_app(settings, store, tick=lambda: None)) as http:
        assert http.get("/metrics").status_code == 401


# --- the database ----------------------------------------------------------------------------------------------------


class Counting(MemoryStore):
    """Notes how often it is asked for its census, and fails with `error` where there is one."""

    asked = 0
    error: StagetuneError | None = None

    def census(self) -> Census:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return super().census()


def _names(collector: StoreCollector) -> dict[str, Metric]:
    return {family.name: family for family in collector.collect()}


def test_one_census_serves_everybody_for_some_seconds() -> None:
    store, now = Counting(), [0.0]
    collector = StoreCollector(store, lambda: now[0])
    for now[0] in (0.0, 1.0, CENSUS_SECONDS - 0.1, CENSUS_SECONDS):
        _names(collector)
    assert store.asked == 2


def test_without_its_database_it_tells_what_it_knows() -> None:
    store = Counting()
    store.error = StorageUnavailable()
    families = _names(StoreCollector(store))
    assert value(families, "stagetune_database_up") == 0
    assert "stagetune_trials" not in families
    assert value(families, "stagetune_points_stored_total") == 0


@pytest.mark.parametrize(
    ("error", "kind"),
    [(StorageUnavailable(), "unavailable"), (StorageFull(), "full"), (SchemaMismatch(), "schema")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_failures_of_the_database_are_counted_by_kind(error: StagetuneError, kind: str) -> None:
    instruments = Instruments()

    def tick() -> None:
        raise error

    with pytest.raises(type(error)):
        instruments.timed(tick)()
    samples = {s.name: s.value for family in instruments.registry.collect() for s in family.samples if not s.labels}
    assert samples["stagetune_engine_in_trouble"] == 1
    assert samples["stagetune_engine_tick_duration_seconds_count"] == 1
    assert instruments.registry.get_sample_value("stagetune_database_errors_total", {"kind": kind}) == 1
    instruments.timed(lambda: None)()
    assert instruments.registry.get_sample_value("stagetune_engine_in_trouble") == 0


@pytest.fixture
def failing() -> Iterator[httpx.Client]:
    class Failing(MemoryStore):
        def find_studies(self, *_: object) -> list[object]:  # type: ignore[override]
            raise StorageFull

    with client_of(create_app(Settings(database_url="memory://"), Failing(), tick=lambda: None)) as client:
        yield client


def test_a_request_that_the_database_fails_is_counted(failing: httpx.Client) -> None:
    answer = failing.get("/api/v1/studies")
    assert (answer.status_code, answer.headers["retry-after"]) == (507, "5")
    assert value(told(failing), "stagetune_database_errors_total", kind="full") == 1
