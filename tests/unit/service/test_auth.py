from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from service.app import create_app
from service.auth import OPEN_PATHS, offered_token
from service.pages import assets, figures, study, study_list, trial, workers
from service.settings import Settings
from studies.storage.memory import MemoryStore
from tests.asgi import client_of

TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def guarded(store: MemoryStore) -> FastAPI:
    return create_app(Settings(token=TOKEN, tick_seconds=0.01), store, tick=lambda: None)


@pytest.fixture
def client(guarded: FastAPI) -> Iterator[httpx.Client]:
    with client_of(guarded) as found:
        yield found


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def calls(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method of every path that the app serves, documented or not, and some that it does not."""
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), path
    for path in page_paths():
        yield "GET", path
    yield from [("GET", "/openapi.json"), ("GET", "/nowhere"), ("DELETE", "/api/v1/studies"), ("GET", "//healthz")]


def page_paths() -> set[str]:
    """The paths that the document leaves out: pages, their parts, figures and files."""
    modules = (assets, figures, study, study_list, trial, workers)
    return {route.path for module in modules for route in module.router.routes if isinstance(route, APIRoute)}


def test_every_route_and_method_but_the_health_checks_asks_for_the_token(
    guarded: FastAPI, client: httpx.Client
) -> None:
    walked = list(calls(guarded))
    assert ("GET", "/") in walked
    assert ("GET", "/studies/{study_id}") in walked
    assert ("POST", "/api/v1/studies/{study_id}/cancel") in walked
    for method, path in walked:
        status = client.request(method, path.replace("{", "").replace("}", "")).status_code
        assert (status == 401) == (path not in OPEN_PATHS), f"{method} {path} answered {status}"


def test_the_refusal_says_how_to_get_in(client: httpx.Client) -> None:
    answer = client.get("/api/v1/studies")
    assert [line.split()[0] for line in answer.headers.get_list("www-authenticate")] == ["Basic", "Bearer"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Authorization: Bearer" in answer.json()["detail"]


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(f"anyone:{TOKEN}")])
def test_the_right_token_opens(client: httpx.Client, authorization: str) -> None:
    assert client.get("/api/v1/studies", headers={"Authorization": authorization}).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Token {TOKEN}",
        TOKEN,
        basic("anyone:wrong"),
        basic(TOKEN),
        "Basic %%%",
        "Basic /w==",
        "Bearer \u00e9",
    ],
)
def test_any_other_credentials_are_refused(client: httpx.Client, authorization: str) -> None:
    answer = client.get("/api/v1/studies", headers={b"Authorization": authorization.encode("latin-1")})
    assert answer.status_code == 401


def test_a_password_may_hold_a_colon() -> None:
    assert offered_token(basic("user:a:b")) == "a:b"
