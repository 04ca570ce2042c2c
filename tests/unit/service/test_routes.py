from __future__ import annotations

import itertools
import json
import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import cbor2
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.settings import Settings
from studies.contract import wire
from studies.contract.states import StudyState
from studies.contract.study_document import to_yaml
from studies.contract.views import (
    CurveView,
    DecisionRecord,
    LogPage,
    ProfileView,
    StudySummary,
    StudyView,
    TrialDetail,
    TrialPage,
    WorkerView,
)
from studies.contract.worker_protocol import Lease, MetricChunk, SyncAnswer, SyncRequest, WorkerRegistered
from studies.core.actions import CloseStage, OpenStage
from studies.storage.memory import MemoryStore
from tests import histories
from tests.asgi import client_of
from tests.builders import add_trials, chunk, decision, report, spec, sync, worker

NUMBERS = itertools.count()
DOCUMENT = spec().model_dump(mode="json")


def submitted(http: httpx.Client, **headers: str) -> httpx.Response:
    return http.post("/api/v1/studies", json=DOCUMENT, headers=headers)


@pytest.fixture
def study_id(http: httpx.Client) -> str:
    return str(submitted(http).json()["id"])


@pytest.fixture
def lease(http: httpx.Client, store: MemoryStore, study_id: str) -> Lease:
    """A lease on the study's first trial, taken over HTTP."""
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), add_trials()])
    return taken(http)


def taken(http: httpx.Client) -> Lease:
    worker_id = registered(http).worker_id
    answer = http.post(f"/api/v1/workers/{worker_id}/sync", content=sync().model_dump_json())
    return SyncAnswer.model_validate_json(answer.content).leases[0]


def registered(http: httpx.Client) -> WorkerRegistered:
    answer = http.post("/api/v1/workers", content=worker().model_dump_json())
    assert answer.status_code == 201
    return WorkerRegistered.model_validate_json(answer.content)


def post_report(http: httpx.Client, lease: Lease, *chunks: MetricChunk, **news: str) -> None:
    worker_id = http.get("/api/v1/workers").json()[0]["id"]
    body = sync(report(lease, *chunks, **news)).model_dump_json()  # type: ignore[arg-type]
    assert http.post(f"/api/v1/workers/{worker_id}/sync", content=body).status_code == 200


# --- studies ---------------------------------------------------------------------------------------------------------


def test_a_submitted_study_is_created_with_its_location(http: httpx.Client) -> None:
    answer = submitted(http)
    study = StudyView.model_validate_json(answer.content)
    assert answer.status_code == 201
    assert (study.name, study.state, study.spec) == ("digits-cnn", StudyState.QUEUED, spec())
    assert answer.headers["location"] == f"/api/v1/studies/{study.id}"
    assert http.get(answer.headers["location"]).json()["id"] == study.id


def test_a_study_may_come_as_yaml(http: httpx.Client) -> None:
    text = to_yaml(spec())
    answer = http.post("/api/v1/studies", content=text, headers={"Content-Type": "application/yaml; charset=utf-8"})
    assert answer.status_code == 201
    assert StudyView.model_validate_json(answer.content).spec == spec()


def test_the_same_key_and_document_answer_with_the_study_of_then(http: httpx.Client) -> None:
    first, second = (submitted(http, **{"Idempotency-Key": "k-1"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["location"] == first.headers["location"]


def test_studies_are_listed_and_found_by_name(http: httpx.Client, study_id: str) -> None:
    listed = http.get("/api/v1/studies").json()
    assert [StudySummary.model_validate(item).id for item in listed] == [study_id]
    assert [item["id"] for item in http.get("/api/v1/studies", params={"name": "digits-cnn"}).json()] == [study_id]
    assert http.get("/api/v1/studies", params={"name": "other\x00"}).json() == []


def test_studies_are_found_sorted_and_paged(http: httpx.Client, store: MemoryStore) -> None:
    for name, tags, owner in (("a", ["vision"], "ada"), ("b", ["vision"], "grace"), ("c", [], "ada")):
        store.create_study(spec(name, tags=tags), owner=owner)

    def found(**params: object) -> tuple[list[str], str]:
        answer = http.get("/api/v1/studies", params={"sort": "name", **params})  # type: ignore[arg-type]
        return [item["name"] for item in answer.json()], answer.headers["x-total-count"]

    assert found() == (["a", "b", "c"], "3")
    assert found(offset=1, limit=1) == (["b"], "3")
    assert found(tag="vision", owner="ada") == (["a"], "1")
    assert found(q="GRACE") == (["b"], "1")
    assert found(state=["failed", "queued"]) == (["a", "b", "c"], "3")
    assert found(archived="true") == ([], "0")


@pytest.mark.parametrize("params", [{"sort": "size"}, {"state": "asleep"}, {"limit": "0"}, {"offset": "-1"}])
def test_a_question_that_makes_no_sense_is_refused(http: httpx.Client, params: dict[str, str]) -> None:
    assert http.get("/api/v1/studies", params=params).status_code == 422


def test_an_archived_study_is_still_found_by_its_name(http: httpx.Client, study_id: str) -> None:
    refused = http.post(f"/api/v1/studies/{study_id}/archive")
    assert (refused.status_code, "cancel it first" in refused.json()["detail"]) == (409, True)
    http.post(f"/api/v1/studies/{study_id}/cancel")
    assert http.post(f"/api/v1/studies/{study_id}/archive").json()["archived_at"] is not None
    assert http.get("/api/v1/studies").json() == []
    assert [item["id"] for item in http.get("/api/v1/studies", params={"name": "digits-cnn"}).json()] == [study_id]
    assert http.post(f"/api/v1/studies/{study_id}/unarchive").json()["archived_at"] is None


def test_nobody_owns_what_an_open_server_was_given(http: httpx.Client) -> None:
    assert submitted(http).json()["owner"] == ""


@pytest.mark.parametrize(
    ("commands", "state"),
    [
        (("pause",), "paused"),
        (("pause", "pause"), "paused"),
        (("pause", "resume"), "running"),
        (("cancel",), "cancelled"),
    ],
)
def test_commands_answer_with_the_study_as_it_then_is(
    http: httpx.Client, study_id: str, commands: tuple[str, ...], state: str
) -> None:
    for command in commands:
        answer = http.post(f"/api/v1/studies/{study_id}/{command}")
        assert answer.status_code == 200
    assert answer.json()["state"] == state


def test_decisions_are_listed_in_order(http: httpx.Client, store: MemoryStore, study_id: str) -> None:
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), CloseStage("lr_sweep", decision())])
    found = [DecisionRecord.model_validate(item) for item in http.get(f"/api/v1/studies/{study_id}/decisions").json()]
    assert [record.decision for record in found] == [decision()]
    stage = http.get(f"/api/v1/studies/{study_id}").json()["stages"][0]
    assert {"choice", "reason", "evidence", "runners_up", "what_would_flip_it"} <= stage["decision"].keys()


# --- trials ----------------------------------------------------------------------------------------------------------


def test_trials_come_in_pages(http: httpx.Client, store: MemoryStore, study_id: str) -> None:
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), add_trials("a", "b", "c")])
    numbers, after = [], -1
    for _ in range(5):
        page = TrialPage.model_validate_json(
            http.get(f"/api/v1/studies/{study_id}/trials", params={"after": after, "limit": 2}).content
        )
        numbers += [trial.number for trial in page.trials]
        if page.next_after is None:
            break
        after = page.next_after
    assert numbers == [0, 1, 2]


def test_a_trial_is_shown_with_its_attempts(http: httpx.Client, lease: Lease) -> None:
    trial = TrialDetail.model_validate_json(http.get(f"/api/v1/trials/{lease.run.trial_id}").content)
    assert [attempt.id for attempt in trial.attempts] == [lease.attempt_id]


def test_a_log_is_read_from_an_offset(http: httpx.Client, lease: Lease) -> None:
    post_report(http, lease, log="epoch 1\nepoch 2\n")
    page = LogPage.model_validate_json(http.get(f"/api/v1/trials/{lease.run.trial_id}/log?offset=8").content)
    assert page.text == "epoch 2\n"
    assert page.next_offset == 16


def test_a_curve_is_thinned_and_keeps_its_extremes(http: httpx.Client, lease: Lease) -> None:
    points = {step: math.sin(step) for step in range(1, 1001)} | {500: 40.0, 600: -40.0}
    post_report(http, lease, chunk("loss", points))
    path = f"/api/v1/trials/{lease.run.trial_id}/metrics"
    curve = CurveView.model_validate_json(http.get(path, params={"name": "loss", "points": 50}).content)
    assert len(curve.steps) <= 50
    assert (max(curve.values), min(curve.values), curve.total_points) == (40.0, -40.0, 1000)


def test_a_metric_that_was_never_reported_is_an_empty_curve(http: httpx.Client, lease: Lease) -> None:
    answer = http.get(f"/api/v1/trials/{lease.run.trial_id}/metrics?name=dev_f1")
    assert answer.json() == {
        "trial_id": lease.run.trial_id,
        "name": "dev_f1",
        "steps": [],
        "values": [],
        "total_points": 0,
    }


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7e308]))
def test_every_float_comes_back_as_valid_json(http: httpx.Client, lease: Lease, value: float) -> None:
    name = f"metric_{next(NUMBERS)}"
    post_report(http, lease, chunk(name, {1: value}))
    path = f"/api/v1/trials/{lease.run.trial_id}"
    summary = strict_json(http.get(path).content)["metrics"][name]
    answer = http.get(f"{path}/metrics?name={name}").content
    strict_json(answer)
    (found,) = CurveView.model_validate_json(answer).values
    assert "last" in summary
    assert math.copysign(1, found) == math.copysign(1, value) or math.isnan(value)
    assert found == value or (math.isnan(found) and math.isnan(value))


def strict_json(text: bytes) -> Any:
    def refuse(constant: str) -> object:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


# --- workers ---------------------------------------------------------------------------------------------------------


def test_a_worker_registers_syncs_and_is_listed(http: httpx.Client, settings: Settings) -> None:
    answer = registered(http)
    assert (answer.sync_seconds, answer.lease_seconds) == (settings.sync_seconds, settings.lease_seconds)
    listed = [WorkerView.model_validate(item) for item in http.get("/api/v1/workers").json()]
    assert [found.id for found in listed] == [answer.worker_id]


def test_packs_and_profiles_are_listed(http: httpx.Client, store: MemoryStore) -> None:
    histories.packed(store)
    (listed,) = [WorkerView.model_validate(item) for item in http.get("/api/v1/workers").json()]
    assert [pack.engine for pack in listed.devices[0].packs] == ["batched", "serial", "serial"]
    (profile,) = [ProfileView.model_validate(item) for item in http.get("/api/v1/profiles").json()]
    assert (profile.label, profile.profile.width) == ("small_cnn on digits, batch size 64, sgd", 8)


def test_a_sync_sent_twice_stores_its_points_once(http: httpx.Client, lease: Lease) -> None:
    for _ in range(2):
        post_report(http, lease, chunk("loss", {1: 3.0, 2: math.nan}))
    curve = http.get(f"/api/v1/trials/{lease.run.trial_id}/metrics?name=loss").json()
    assert (curve["steps"], curve["values"]) == ([1, 2], [3.0, "NaN"])


# --- the service itself ----------------------------------------------------------------------------------------------


def test_a_service_whose_engine_fails_is_not_ready(store: MemoryStore) -> None:
    def tick() -> None:
        raise ValueError("a bug")

    with client_of(create_app(Settings(database_url="memory://", tick_seconds=0.001), store, tick)) as http:
        deadline = time.monotonic() + 5
        while (answer := http.get("/readyz")).status_code == 200:
            assert time.monotonic() < deadline
            threading.Event().wait(0.005)
    assert answer.status_code == 503
    assert "ValueError: a bug" in answer.json()["detail"]


def test_a_service_that_works_is_ready(http: httpx.Client) -> None:
    assert http.get("/readyz").json() == {"status": "ready"}


def test_the_api_describes_itself_whole(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    schemas = document["components"]["schemas"].keys()
    assert {"StudySpec", "SyncRequest", "RegisterWorker", "StudyView", "Problem"} <= schemas
    assert "HTTPValidationError" not in schemas
    assert set(references(document)) <= {f"#/components/schemas/{name}" for name in schemas}


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_no_page_that_loads_scripts_from_elsewhere(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 404


def test_behind_a_proxy_the_location_carries_its_prefix(store: MemoryStore) -> None:
    app = create_app(Settings(database_url="memory://", root_path="/tune"), store, tick=lambda: None)
    with client_of(app) as http:
        assert submitted(http).headers["location"].startswith("/tune/api/v1/studies/st_")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/api/v1/studies?limit=1001", id="studies"),
        pytest.param("/api/v1/studies/{study}/trials?limit=1001", id="trials"),
        pytest.param("/api/v1/trials/tr_x/metrics?points=100001", id="curve"),
        pytest.param("/api/v1/trials/tr_x/log?limit=65537", id="log"),
    ],
)
def test_a_page_that_is_too_long_is_refused_with_its_bound(http: httpx.Client, study_id: str, path: str) -> None:
    answer = http.get(path.format(study=study_id))
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    bound = int(path.rpartition("=")[2]) - 1
    assert str(bound) in answer.text


def test_a_report_that_cannot_be_read_fails_its_run_and_no_other(http: httpx.Client, store: MemoryStore) -> None:
    study_id = store.create_study(spec()).study_id
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), add_trials("good", "bad")])
    worker_id = store.register_worker(worker(capacity=2))
    good, bad = store.sync(worker_id, sync()).leases
    tree = sync(report(good, chunk("loss", {1: 1.0})), report(bad, chunk("loss", {1: 1.0}))).model_dump(mode="json")
    tree["attempts"][1]["metrics"][0]["name"] = "no name"
    answer = http.post(f"/api/v1/workers/{worker_id}/sync", json=tree)
    assert answer.status_code == 200
    assert set(answer.json()["acknowledged"]) == {good.attempt_id, bad.attempt_id}
    assert len(store.curve(good.run.trial_id, "loss")) == 1
    (attempt, *_) = store.get_trial(bad.run.trial_id).attempts
    assert (attempt.state, "metrics.0.name" in attempt.reason) == ("failed", True)


def test_a_sync_may_be_binary(http: httpx.Client, lease: Lease) -> None:
    news = sync(report(lease, chunk("loss", {1: 0.5, 2: math.inf}), outcome="completed"))
    answer = post_binary(http, wire.encode(news, wire.CBOR))
    assert SyncAnswer.model_validate_json(answer.content).acknowledged == (lease.attempt_id,)
    curve = http.get(f"/api/v1/trials/{lease.run.trial_id}/metrics?name=loss").json()
    assert (curve["steps"], curve["values"]) == ([1, 2], [0.5, "Infinity"])


def post_binary(http: httpx.Client, body: bytes) -> httpx.Response:
    worker_id = http.get("/api/v1/workers").json()[0]["id"]
    headers = {"Content-Type": "application/cbor"}
    return http.post(f"/api/v1/workers/{worker_id}/sync", content=body, headers=headers)


@pytest.mark.parametrize("body", [b"", b"\x81" * 10_000, b"\xa1", b"\xd8\x1c\x81\xd8\x1d\x00", b"\xff" * 40_000])
def test_malformed_binary_is_a_problem_of_the_client(http: httpx.Client, lease: Lease, body: bytes) -> None:
    answer = post_binary(http, body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "Invalid CBOR" in answer.json()["faults"][0]


def test_a_poisoned_binary_report_fails_its_run_alone(http: httpx.Client, lease: Lease) -> None:
    tree = wire.tree(SyncRequest, wire.encode(sync(report(lease, chunk("loss", {1: 0.5}))), wire.CBOR), wire.CBOR)
    tree["attempts"][0]["metrics"][0]["steps"] = [-1]
    answer = post_binary(http, cbor2.dumps(tree))
    assert answer.status_code == 200
    trial = TrialDetail.model_validate_json(http.get(f"/api/v1/trials/{lease.run.trial_id}").content)
    assert "poisoned" in trial.attempts[0].reason


def test_a_registered_worker_is_told_what_the_server_takes(http: httpx.Client) -> None:
    told = registered(http)
    assert told.accepts == ("application/cbor", "application/json")
    assert told.max_body_bytes == 8 * 2**20
