"""The log-in in a browser: the form, the cookie, where it leads, and what a cookie alone may not do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from service.app import create_app
from service.auth.gate import COOKIE
from service.middleware.authentication import CSRF_HEADER
from service.pages.login import confined
from service.settings import Settings
from studies.contract.scopes import Scope
from studies.storage.memory import MemoryStore
from tests.asgi import client_of
from tests.builders import spec
from tests.unit.service.access.conftest import SETTINGS_TOKEN, MakeToken

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def log_in(client: httpx.Client, token: str = SETTINGS_TOKEN, goal: str = "", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/login", data={"token": token, "next": goal}, headers=named)


def proof(client: httpx.Client, path: str = "/") -> str:
    """What the pages of this session send with their writes."""
    found = re.search(r'data-csrf="(\w+)"', client.get(path, headers=PAGE).text)
    assert found
    return found[1]


@pytest.fixture
def study_id(store: MemoryStore) -> str:
    return store.create_study(spec()).study_id


# --- the way in and out ----------------------------------------------------------------------------------------------


def test_a_browser_is_sent_to_the_log_in_and_from_there_to_its_page(client: httpx.Client, study_id: str) -> None:
    path = f"/studies/{study_id}?after=3"
    sent = client.get(path, headers=PAGE)
    assert sent.status_code == 303
    form = client.get(sent.headers["location"], headers=PAGE)
    assert form.status_code == 200
    assert form.headers["cache-control"] == "no-store"
    (goal,) = re.findall(r'name="next" value="([^"]+)"', form.text)
    answer = log_in(client, goal=goal)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert client.get(path, headers=PAGE).status_code == 200


@pytest.mark.parametrize("headers", [{"Accept": "*/*"}, PAGE | {"Sec-Fetch-Mode": "cors"}])
def test_a_script_reads_the_refusal_instead(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.get("/studies/st_1/parts/header", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(client: httpx.Client) -> None:
    cookie = SimpleCookie(log_in(client).headers["set-cookie"])[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "lax", "/", "")
    assert len(cookie.value) >= 43, "256 bits"
    assert SETTINGS_TOKEN not in cookie.value


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://tune.example"}, {"x_forwarded_proto": "https"}, {"x_forwarded_proto": "https, http"}],
)
def test_behind_https_the_cookie_never_travels_in_the_clear(store: MemoryStore, headers: dict[str, str]) -> None:
    settings = Settings(token=SETTINGS_TOKEN, allowed_hosts=("127.0.0.1", "tune.example"))
    with client_of(create_app(settings, store, tick=lambda: None)) as client:
        assert SimpleCookie(log_in(client, **headers).headers["set-cookie"])[COOKIE]["secure"]


@pytest.mark.parametrize("token", ["", "nonsense", SETTINGS_TOKEN + "x", "\u00e9"])
def test_a_token_that_will_not_do_is_said_so_on_the_form(client: httpx.Client, token: str) -> None:
    answer = log_in(client, token, "/workers")
    assert answer.status_code == 401
    assert "not known here" in answer.text
    assert 'value="/workers"' in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", [b"", b"\xff", b"token", b"&".join(b"a=%d" % n for n in range(1_000))])
def test_what_is_no_form_logs_nobody_in(client: httpx.Client, body: bytes) -> None:
    assert client.post("/login", content=body).status_code == 401


def test_a_log_out_takes_a_word_of_the_page(client: httpx.Client) -> None:
    log_in(client)
    refused = client.post("/logout")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/csrf")
    key = client.cookies[COOKIE]
    answer = client.post("/logout", data={"csrf": proof(client)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert COOKIE not in client.cookies
    assert client.get("/api/v1/studies", headers={"Cookie": f"{COOKIE}={key}"}).status_code == 401
    assert client.post("/logout").status_code == 303


def test_an_open_server_has_nothing_to_log_in_to(http: httpx.Client) -> None:
    answer = http.get("/login?next=/workers")
    assert (answer.status_code, answer.headers["location"]) == (303, "/workers")
    assert "Log out" not in http.get("/").text


def test_another_sites_page_cannot_log_anybody_in(client: httpx.Client) -> None:
    assert log_in(client, origin="https://evil.example").status_code == 403


# --- what a session may do -------------------------------------------------------------------------------------------


def test_a_write_needs_more_than_the_cookie(client: httpx.Client, study_id: str) -> None:
    log_in(client)
    path = f"/api/v1/studies/{study_id}/pause"
    for header in ({}, {CSRF_HEADER: "0" * 64}, {CSRF_HEADER: client.cookies[COOKIE]}):
        refused = client.post(path, headers=header)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/csrf")
    assert client.post(path, headers={CSRF_HEADER: proof(client)}).status_code == 200


def test_the_word_of_one_session_is_not_that_of_another(client: httpx.Client, study_id: str) -> None:
    log_in(client)
    first = proof(client)
    log_in(client)
    assert client.post(f"/api/v1/studies/{study_id}/pause", headers={CSRF_HEADER: first}).status_code == 403


def test_a_session_may_do_what_its_token_may(client: httpx.Client, study_id: str, make_token: MakeToken) -> None:
    log_in(client, make_token(Scope.READ, name="reader"))
    page = client.get(f"/studies/{study_id}", headers=PAGE).text
    assert "data-command" not in page
    assert "You may look only" in page
    refused = client.post(f"/api/v1/studies/{study_id}/pause", headers={CSRF_HEADER: proof(client)})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
    log_in(client, make_token(Scope.SUBMIT))
    assert "data-command" in client.get(f"/studies/{study_id}", headers=PAGE).text


# --- below a prefix --------------------------------------------------------------------------------------------------


@pytest.fixture
def prefixed(store: MemoryStore) -> Iterator[httpx.Client]:
    app: FastAPI = create_app(Settings(token=SETTINGS_TOKEN, root_path="/tune"), store, tick=lambda: None)
    with client_of(app, "http://127.0.0.1:8080") as client:
        yield client


def test_behind_a_proxy_everything_keeps_to_its_prefix(prefixed: httpx.Client) -> None:
    sent = prefixed.get("/workers", headers=PAGE)
    target = urlsplit(sent.headers["location"])
    assert (target.path, parse_qs(target.query)) == ("/tune/login", {"next": ["/tune/workers"]})
    form = prefixed.get("/login?next=/tune/workers", headers=PAGE)
    assert 'action="/tune/login"' in form.text
    answer = log_in(prefixed, goal="/tune/workers")
    assert answer.headers["location"] == "/tune/workers"
    assert SimpleCookie(answer.headers["set-cookie"])[COOKIE]["path"] == "/tune"
    assert log_in(prefixed, goal="/elsewhere").headers["location"] == "/tune/"


# --- next ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/tune/../../evil",
        "/\u2215evil",
    ],
)
def test_the_log_in_leads_to_no_other_place(wanted: str) -> None:
    assert confined(wanted, "/") == "/"


@pytest.mark.parametrize("wanted", ["/", "/studies/st_1?after=3&limit=10", "/workers#x", "/a%2F..%2Fb", "/tune/x"])
def test_a_path_of_ours_is_kept(wanted: str) -> None:
    assert confined(wanted, "/") == wanted


@given(st.text() | st.from_regex(r"[/\\:a.@\t?#]{0,12}"), st.sampled_from(["/", "/tune/"]))
def test_whatever_is_asked_for_a_browser_stays_on_this_site_below_the_prefix(wanted: str, home: str) -> None:
    there = urlsplit(urljoin("https://here.example/tune/login", confined(wanted, home)))
    assert (there.scheme, there.netloc) == ("https", "here.example")
    assert there.path.startswith(home)
