"""Texts that no database may be asked for, on each of them: an answer that says so, never a fault of the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.settings import Settings
from studies.storage import open_store
from tests import builders as build
from tests.asgi import client_of

ODD = ("a\x00b", "\x00", "\ufffe", "a" * 5_000, "\u202e", "")


@pytest.fixture(params=["sqlite", "postgres"])
def http(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    url: str = request.getfixturevalue(f"{request.param}_store_url")
    with (
        closing(open_store(url)) as store,
        client_of(create_app(Settings(database_url=url), store, tick=lambda: None)) as client,
    ):
        yield client


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


@pytest.mark.parametrize("text", ODD)
def test_no_study_has_such_a_name(http: httpx.Client, text: str) -> None:
    answer = http.get("/api/v1/studies", params={"name": text})
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("text", ODD)
def test_no_attempt_has_such_an_id(http: httpx.Client, text: str) -> None:
    worker_id = http.post("/api/v1/workers", content=build.worker().model_dump_json()).json()["worker_id"]
    report = {"attempt_id": text, "token": "t"}
    answer = http.post(f"/api/v1/workers/{worker_id}/sync", content=json.dumps({"attempts": [report]}))
    assert kind(answer) == (422, "invalid-request")
    assert "attempts[0].attempt_id" in answer.json()["faults"][0]


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("field", ["token", "reason"])
def test_such_words_of_an_unknown_attempt_are_lost_with_it(http: httpx.Client, text: str, field: str) -> None:
    worker_id = http.post("/api/v1/workers", content=build.worker().model_dump_json()).json()["worker_id"]
    report: dict[str, Any] = {"attempt_id": "at_none", "token": "t", "outcome": {"state": "failed", "reason": "r"}}
    if field == "token":
        report["token"] = text[:200]
    else:
        report["outcome"]["reason"] = text
    answer = http.post(f"/api/v1/workers/{worker_id}/sync", content=json.dumps({"attempts": [report]}))
    assert (answer.status_code, answer.json()["lost"]) == (200, ["at_none"])
