"""One error shape on every path that can fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import httpx
import pytest

from service.app import create_app
from service.settings import Settings
from studies import errors
from studies.contract.views import Problem
from studies.contract.worker_protocol import MAX_POINTS_PER_SYNC
from studies.storage.memory import MemoryStore
from tests.asgi import client_of
from tests.builders import spec

DOCUMENT = spec().model_dump(mode="json")
YAML = {"Content-Type": "application/yaml"}
JSON = {"Content-Type": "application/json"}


def submit(http: httpx.Client, document: object = DOCUMENT, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.post("/api/v1/studies", content=json.dumps(document), headers=JSON | named)


def problem_of(answer: httpx.Response) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert problem.status == answer.status_code
    assert problem.detail
    return problem


Call = Callable[[httpx.Client], httpx.Response]


def twice(first: Call, second: Call) -> Call:
    def call(http: httpx.Client) -> httpx.Response:
        first(http)
        return second(http)

    return call


FLOOD: dict[str, Any] = {
    "attempts": [
        {
            "attempt_id": "at_1",
            "token": "t",
            "metrics": [
                {"name": "loss", "sequence": sequence, "steps": [1] * 4096, "values": [1] * 4096}
                for sequence in range(MAX_POINTS_PER_SYNC // 4096 + 1)
            ],
        }
    ]
}
REGISTRATION: dict[str, Any] = {"name": "w", "devices": [{"name": "cpu"}]}

FAILURES: dict[str, tuple[Call, int, str]] = {
    "unknown path": (lambda h: h.get("/api/v1/nowhere"), 404, "not-found"),
    "unknown method": (lambda h: h.delete("/api/v1/studies"), 405, "method-not-allowed"),
    "unknown study": (lambda h: h.get("/api/v1/studies/st_none"), 404, "not-found"),
    "an id that none can be": (lambda h: h.get("/api/v1/studies/%00"), 404, "not-found"),
    "unknown study's command": (lambda h: h.post("/api/v1/studies/st_none/pause"), 404, "not-found"),
    "unknown study's trials": (lambda h: h.get("/api/v1/studies/st_none/trials"), 404, "not-found"),
    "unknown study's decisions": (lambda h: h.get("/api/v1/studies/st_none/decisions"), 404, "not-found"),
    "unknown study's export": (lambda h: h.get("/api/v1/studies/st_none/export?format=csv"), 404, "not-found"),
    "unknown study's events": (lambda h: h.get("/api/v1/studies/st_none/events"), 404, "not-found"),
    "unknown trial": (lambda h: h.get("/api/v1/trials/tr_none"), 404, "not-found"),
    "unknown trial's curve": (lambda h: h.get("/api/v1/trials/tr_none/metrics?name=loss"), 404, "not-found"),
    "unknown trial's log": (lambda h: h.get("/api/v1/trials/tr_none/log"), 404, "not-found"),
    "unknown worker": (lambda h: h.post("/api/v1/workers/wk_none/sync", content="{}"), 404, "not-found"),
    "no such export": (lambda h: h.get("/api/v1/studies/st_none/export?format=xls"), 422, "invalid-request"),
    "limit too large": (lambda h: h.get("/api/v1/studies/st_none/trials?limit=1001"), 422, "invalid-request"),
    "offset beyond all numbers": (lambda h: h.get(f"/api/v1/trials/t/log?offset={10**30}"), 422, "invalid-request"),
    "points no number": (lambda h: h.get("/api/v1/trials/t/metrics?points=NaN"), 422, "invalid-request"),
    "metric no name": (lambda h: h.get("/api/v1/trials/t/metrics?name=%00"), 422, "invalid-request"),
    "event id no number": (lambda h: h.get("/api/v1/events", headers={"Last-Event-ID": "x"}), 422, "invalid-request"),
    "key not printable": (lambda h: submit(h, Idempotency_Key="a b"), 422, "invalid-request"),
    "registration empty": (lambda h: h.post("/api/v1/workers", content=""), 422, "invalid-request"),
    "registration with a fault": (
        lambda h: h.post("/api/v1/workers", json=REGISTRATION | {"pid": -1}),
        422,
        "invalid-request",
    ),
    "registration not UTF-8": (lambda h: h.post("/api/v1/workers", content=b"\xff"), 422, "invalid-request"),
    "study not JSON": (lambda h: h.post("/api/v1/studies", content="{", headers=JSON), 422, "invalid-study"),
    "study empty": (lambda h: h.post("/api/v1/studies", content="", headers=JSON), 422, "invalid-study"),
    "study with NaN": (lambda h: submit(h, DOCUMENT | {"seed": float("nan")}), 422, "invalid-study"),
    "study whose stage's kind is a mapping": (
        lambda h: submit(h, DOCUMENT | {"stages": [{"kind": {}}]}),
        422,
        "invalid-study",
    ),
    "points too few to keep extremes": (lambda h: h.get("/api/v1/trials/t/metrics?points=3"), 422, "invalid-request"),
    "study with an unknown key": (lambda h: submit(h, DOCUMENT | {"sede": 1}), 422, "invalid-study"),
    "study deep": (lambda h: h.post("/api/v1/studies", content="[" * 10_000, headers=JSON), 422, "invalid-study"),
    "study deep, YAML": (lambda h: h.post("/api/v1/studies", content="[" * 10_000, headers=YAML), 422, "invalid-study"),
    "study deep, YAML blocks": (
        lambda h: h.post("/api/v1/studies", content="- " * 10_000, headers=YAML),
        422,
        "invalid-study",
    ),
    "study deep, whole": (
        lambda h: h.post("/api/v1/studies", content='{"a":' * 10_000 + "1" + "}" * 10_000, headers=JSON),
        422,
        "invalid-study",
    ),
    "registration deep": (
        lambda h: h.post("/api/v1/workers", content='{"name":' + "[" * 10_000 + "]" * 10_000 + "}"),
        422,
        "invalid-request",
    ),
    "news deep": (
        lambda h: h.post("/api/v1/workers/wk_none/sync", content='{"attempts":' * 10_000),
        422,
        "invalid-request",
    ),
    "news of too many points": (lambda h: h.post("/api/v1/workers/wk_none/sync", json=FLOOD), 422, "invalid-request"),
    "study of another media type": (
        lambda h: h.post("/api/v1/studies", data={"a": "b"}),
        415,
        "unsupported-media-type",
    ),
    "study of 2 MB": (
        lambda h: h.post("/api/v1/studies", content=b" " * 2_000_000, headers=JSON),
        413,
        "body-too-large",
    ),
    "study of 10 MB": (lambda h: h.post("/api/v1/studies", content=b" " * 10**7, headers=JSON), 413, "body-too-large"),
    "name taken": (twice(submit, submit), 409, "name-taken"),
    "key of another document": (
        twice(
            lambda h: submit(h, Idempotency_Key="k"), lambda h: submit(h, DOCUMENT | {"seed": 1}, Idempotency_Key="k")
        ),
        409,
        "idempotency-conflict",
    ),
    "approval of what does not wait": (
        lambda h: h.post(submit(h).headers["location"] + "/approve"),
        409,
        "not-allowed-now",
    ),
}


@pytest.mark.parametrize(("call", "status", "code"), FAILURES.values(), ids=FAILURES.keys())
def test_every_failure_is_a_problem(http: httpx.Client, call: Call, status: int, code: str) -> None:
    answer = call(http)
    problem = problem_of(answer)
    assert (answer.status_code, problem.type) == (status, f"/problems/{code}")


def test_a_bad_study_is_refused_whole_with_every_fault_by_its_path(http: httpx.Client) -> None:
    stages = [{"kind": "lr_sweep", "grid": []}, {"kind": "batch_momentum", "momenta": [1.5], "lr_bracket": [-1]}]
    problem = problem_of(submit(http, DOCUMENT | {"stages": stages, "budgets": {}}))
    paths = [fault.partition(":")[0] for fault in problem.faults or ()]
    assert sorted(paths) == ["budgets", "stages[0].grid", "stages[1].lr_bracket[0]", "stages[1].momenta[0]"]
    assert any(fault.startswith("stages[1].momenta[0]: must be in [0, 1)") for fault in problem.faults or ())
    assert http.get("/api/v1/studies").json() == []


def test_a_bad_message_names_its_faults_without_repeating_what_was_sent(http: httpx.Client) -> None:
    device = {"name": "tpu", "capacity": "secret"}
    problem = problem_of(http.post("/api/v1/workers", json=REGISTRATION | {"devices": [device]}))
    paths = [fault.partition(":")[0] for fault in problem.faults or ()]
    assert paths[:2] == ["devices[0].name", "devices[0].capacity"]
    assert "secret" not in problem.model_dump_json()


def test_a_method_that_is_not_taken_names_those_that_are(http: httpx.Client) -> None:
    answer = http.delete("/api/v1/workers")
    assert answer.headers["allow"] in answer.json()["detail"]


# --- what the store raises -------------------------------------------------------------------------------------------


class Failing(MemoryStore):
    """Fails with the error given whenever studies are listed or the store is checked."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def find_studies(self, *_: object) -> NoReturn:
        raise self.error

    def check(self) -> NoReturn:
        raise self.error


def failing(error: Exception, tick: Callable[[], None] = lambda: None) -> Iterator[httpx.Client]:
    settings = Settings(database_url="memory://", tick_seconds=0.01)
    with client_of(create_app(settings, Failing(error), tick)) as client:
        yield client


@pytest.mark.parametrize(
    ("error", "status", "code", "retry"),
    [
        (errors.StorageUnavailable(), 503, "storage-unavailable", True),
        (errors.SchemaMismatch(), 503, "schema-mismatch", True),
        (errors.LeaseLost(), 409, "lease-lost", False),
        (type("Later", (errors.NameTaken,), {})("taken"), 409, "name-taken", False),
        (errors.StagetuneError("odd"), 500, "internal-error", False),
        (ZeroDivisionError("secret"), 500, "internal-error", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_the_store_raises_is_mapped_once(error: Exception, status: int, code: str, retry: bool) -> None:
    for http in failing(error):
        answer = http.get("/api/v1/studies")
        problem = problem_of(answer)
        assert (answer.status_code, problem.type) == (status, f"/problems/{code}")
        assert ("retry-after" in answer.headers) is retry
        assert "secret" not in answer.text


def test_an_unexpected_failure_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    for http in failing(ZeroDivisionError("boom")):
        http.get("/api/v1/studies")
    assert any(record.exc_info and "boom" in str(record.exc_info[1]) for record in caplog.records)


def test_without_its_database_the_service_lives_but_is_not_ready() -> None:
    for http in failing(errors.StorageUnavailable("the database is away")):
        assert http.get("/healthz").json() == {"status": "ok"}
        answer = http.get("/readyz")
        assert (answer.status_code, problem_of(answer).detail) == (503, "the database is away")


@pytest.mark.parametrize(
    ("path", "accept", "media_type"),
    [
        ("/nowhere", "text/html,*/*;q=0.8", "text/html"),
        ("/nowhere", "*/*", "application/problem+json"),
        ("/api/v1/nowhere", "text/html", "application/problem+json"),
    ],
)
def test_who_browses_to_nowhere_gets_a_page(http: httpx.Client, path: str, accept: str, media_type: str) -> None:
    answer = http.get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (404, media_type)
