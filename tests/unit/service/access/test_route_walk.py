"""Every method of every route: with no token, with each wrong scope, and with the right one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts

from service.app import create_app
from service.auth.requires import declared
from service.middleware.authentication import is_open
from service.settings import Settings
from studies.contract.scopes import Scope, including
from studies.storage.memory import MemoryStore
from tests.unit.service.access.conftest import MakeToken, bearing


@dataclass(frozen=True)
class Declared:
    """A route as it is served: ``scopes`` is empty for one that is open to all, None where nothing was declared."""

    method: str
    path: str
    scopes: frozenset[Scope] | None

    @property
    def url(self) -> str:
        return self.path.replace("{", "").replace("}", "").replace(":path", "")


def routes_of(app: FastAPI) -> Iterator[Declared]:
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or ()):
            yield Declared(method, str(route.path), declared(getattr(route, "dependencies", [])))


ROUTES = list(routes_of(create_app(Settings(database_url="memory://"))))
GUARDED = [route for route in ROUTES if route.scopes]


def name_of(value: object) -> str:
    return f"{value.method} {value.path}" if isinstance(value, Declared) else str(value)


def test_the_walk_sees_every_kind_of_route() -> None:
    walked = {(route.method, route.path) for route in ROUTES}
    assert {
        ("GET", "/"),
        ("GET", "/openapi.json"),
        ("GET", "/studies/{study_id}/figures/{name}.json"),
        ("POST", "/api/v1/studies/{study_id}/cancel"),
        ("POST", "/api/v1/workers/{worker_id}/sync"),
        ("POST", "/login"),
    } <= walked


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_every_route_declares_what_it_needs_and_the_open_ones_are_few(route: Declared) -> None:
    assert route.scopes is not None, f"add dependencies=[requires(Scope...)] to {route.method} {route.path}"
    assert (route.scopes == frozenset()) is is_open(route.path)


def test_a_route_that_declares_nothing_is_noticed() -> None:
    app, router = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter()
    router.add_api_route("/forgotten", lambda: None)
    app.include_router(router)
    assert [route.scopes for route in routes_of(app)] == [None]


def test_what_a_scope_is_for() -> None:
    needs = {(route.method, route.path): route.scopes for route in GUARDED}
    assert needs["GET", "/api/v1/studies"] == {Scope.READ}
    assert needs["POST", "/api/v1/studies"] >= {Scope.SUBMIT}
    assert needs["POST", "/api/v1/studies/{study_id}/pause"] >= {Scope.SUBMIT}
    assert needs["POST", "/api/v1/workers"] == needs["POST", "/api/v1/workers/{worker_id}/sync"] == {Scope.WORKER}
    writes = [scopes for (method, _), scopes in needs.items() if method not in ("GET", "HEAD")]
    assert all(scopes & {Scope.SUBMIT, Scope.WORKER, Scope.ADMIN} for scopes in writes)


# --- the walk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_nothing_but_what_is_open_answers_without_a_token(client: httpx.Client, accept: str) -> None:
    for route in ROUTES:
        status = client.request(route.method, route.url, headers={"Accept": accept}).status_code
        refused = not is_open(route.path) or (route.method, route.path) == ("POST", "/login")
        assert (status == 401) is refused, route


@pytest.mark.parametrize("call", [("GET", "/nowhere"), ("DELETE", "/api/v1/studies"), ("GET", "//healthz")])
def test_what_is_not_there_is_not_told_to_strangers(client: httpx.Client, call: tuple[str, str]) -> None:
    assert client.request(*call).status_code == 401


def insufficient() -> Iterator[tuple[Declared, Scope]]:
    for route, scope in itertools.product(GUARDED, Scope):
        if not (route.scopes or frozenset()) <= including([scope]):
            yield route, scope


def test_a_wrong_scope_is_told_which_one_is_needed(client: httpx.Client, make_token: MakeToken) -> None:
    tokens = {scope: make_token(scope) for scope in Scope}
    walked = list(insufficient())
    assert {scope for _, scope in walked} == {Scope.READ, Scope.SUBMIT, Scope.WORKER}
    for route, scope in walked:
        answer = client.request(route.method, route.url, headers=bearing(tokens[scope]))
        assert answer.status_code == 403, f"{route} answered {answer.status_code} to {scope}"
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["type"] == "/problems/forbidden"
        assert any(f"--scope {needed}`" in problem["detail"] for needed in route.scopes or ())
        assert f"this one has {', '.join(each for each in Scope if each in including([scope]))}" in problem["detail"]


def test_the_right_scope_is_let_in(client: httpx.Client, make_token: MakeToken) -> None:
    tokens = {scope: make_token(scope) for scope in Scope}
    for route, scope in itertools.product(GUARDED, Scope):
        if (route.scopes or frozenset()) <= including([scope]) and "events" not in route.path:
            answer = client.request(route.method, route.url, headers=bearing(tokens[scope]))
            assert answer.status_code not in (401, 403), f"{route} answered {answer.status_code} to {scope}"


def test_several_scopes_add_up(client: httpx.Client, make_token: MakeToken) -> None:
    both = bearing(make_token(Scope.WORKER, Scope.READ))
    assert client.get("/api/v1/studies", headers=both).status_code == 200
    assert client.post("/api/v1/workers", headers=both).status_code == 422
    assert client.post("/api/v1/studies", headers=both).status_code == 403


def test_a_body_is_not_read_before_it_is_known_who_sends_it(client: httpx.Client) -> None:
    assert client.post("/api/v1/studies", content=b" " * 10**7).status_code == 401


def test_a_person_whose_token_does_not_go_far_enough_reads_a_page(client: httpx.Client, make_token: MakeToken) -> None:
    token = make_token(Scope.WORKER)
    answer = client.get("/", headers=bearing(token) | {"Accept": "text/html"})
    assert answer.status_code == 403
    assert "stagetune token create NAME --scope read" in answer.text


def test_the_document_says_which_scope_each_operation_needs(client: httpx.Client, make_token: MakeToken) -> None:
    document = client.get("/openapi.json", headers=bearing(make_token(Scope.READ))).json()
    assert set(document["components"]["securitySchemes"]) == {"HTTPBearer", "APIKeyCookie"}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert ("security" in operation) is not is_open(path), f"{method} {path}"
            assert is_open(path) or {"401", "403"} <= operation["responses"].keys() | {"401", "403"}


def test_an_open_server_asks_nobody(store: MemoryStore, http: httpx.Client) -> None:
    for route in GUARDED:
        if "events" not in route.path:
            assert http.request(route.method, route.url).status_code not in (401, 403), route
