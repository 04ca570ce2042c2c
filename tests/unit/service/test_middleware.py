from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from service.middleware.body import STRANGERS_BYTES, BodyGuard
from service.middleware.headers import SECURITY_HEADERS
from service.middleware.origin import from_another_site

HOME = "127.0.0.1:8080"


def headers(**given: str) -> Headers:
    return Headers({"host": HOME} | {name.replace("_", "-"): value for name, value in given.items()})


# --- who may write ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "allowed", "foreign"),
    [
        pytest.param({}, (), False, id="no browser"),
        pytest.param({"origin": f"http://{HOME}"}, (), False, id="own page"),
        pytest.param({"origin": "http://127.0.0.1:9999"}, (), True, id="another port of this machine"),
        pytest.param({"origin": "http://127.0.0.1:9999"}, ("127.0.0.1",), True, id="another port, though loopback"),
        pytest.param({"origin": "https://evil.example"}, (), True, id="another site"),
        pytest.param({"origin": "https://tune.example"}, ("tune.example",), False, id="proxy that rewrites Host"),
        pytest.param({"origin": "null"}, (), True, id="sandboxed page"),
        pytest.param({"origin": "null"}, ("tune.example",), True, id="sandboxed page, proxy"),
        pytest.param({"origin": ""}, (), True, id="empty origin"),
        pytest.param({"sec_fetch_site": "cross-site"}, (), True, id="browser that sends no origin"),
        pytest.param({"sec_fetch_site": "same-origin"}, (), False, id="own page without origin"),
    ],
)
def test_writes_from_other_sites_pages_are_told_apart(
    given: dict[str, str], allowed: tuple[str, ...], foreign: bool
) -> None:
    assert from_another_site(headers(**given), allowed) is foreign


def test_a_cross_origin_write_is_refused_and_a_read_is_not(http: httpx.Client) -> None:
    evil = {"Origin": "https://evil.example"}
    refused = http.post("/api/v1/studies", headers=evil, content=b"{}")
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/cross-origin"
    assert http.get("/api/v1/studies", headers=evil).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8080", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8080", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("[::1", 400),
        ("", 400),
    ],
)
def test_only_loopback_names_are_answered_on_loopback(http: httpx.Client, host: str, status: int) -> None:
    assert http.get("/healthz", headers={"Host": host}).status_code == status


# --- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/api/v1/studies/st_none"])
def test_every_answer_carries_the_security_headers(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_the_policy_names_no_other_site() -> None:
    assert "http" not in SECURITY_HEADERS["Content-Security-Policy"]
    assert "*" not in SECURITY_HEADERS["Content-Security-Policy"]


# --- bodies ----------------------------------------------------------------------------------------------------------


class Client:
    """A scripted ASGI client: gives the messages one by one, then stalls for ever; keeps what is answered."""

    def __init__(self, *messages: Message) -> None:
        self.messages = list(messages)
        self.answered: list[Message] = []

    async def receive(self) -> Message:
        if not self.messages:
            await asyncio.Event().wait()
        return self.messages.pop(0)

    async def send(self, message: Message) -> None:
        self.answered.append(message)

    @property
    def status(self) -> int | None:
        return self.answered[0]["status"] if self.answered else None


class Echo:
    """Keeps the body that it was given."""

    body: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def guard(client: Client, path: str = "/", max_bytes: int = 10, **head: str) -> Echo:
    echo = Echo()
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in head.items()]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "headers": raw}
    asyncio.run(BodyGuard(echo, max_bytes=max_bytes, read_seconds=0.05)(scope, client.receive, client.send))
    return echo


def test_a_body_within_the_limit_arrives_whole() -> None:
    client = Client(part(b"01234", more=True), part(b"56789"))
    assert guard(client).body == b"0123456789"
    assert client.status == 200


@pytest.mark.parametrize(
    ("client", "head"),
    [
        pytest.param(Client(), {"content_length": "11"}, id="declared: refused before a byte is read"),
        pytest.param(Client(part(b"0123456789x")), {}, id="one piece"),
        pytest.param(Client(part(b"01234", more=True), part(b"567890", more=True)), {}, id="chunks without a length"),
        pytest.param(Client(part(b"x" * 11)), {"content_length": "5"}, id="a length that lies"),
        pytest.param(Client(part(b"x" * 11)), {"content_length": "-1"}, id="a length that is none"),
    ],
)
def test_a_longer_body_is_refused_before_it_is_parsed(client: Client, head: dict[str, str]) -> None:
    assert guard(client, **head).body is None
    assert client.status == 413


@pytest.mark.parametrize("path", ["/login", "/logout", "/healthz"])
@pytest.mark.parametrize(("size", "status"), [(STRANGERS_BYTES, 200), (STRANGERS_BYTES + 1, 413)])
def test_who_has_not_said_who_they_are_sends_a_form_and_no_more(path: str, size: int, status: int) -> None:
    client = Client(part(b"x" * size))
    guard(client, path, max_bytes=8 * 2**20)
    assert client.status == status


def test_a_body_that_trickles_in_is_given_up() -> None:
    client = Client(part(b"0", more=True))
    assert guard(client).body is None
    assert client.status == 408


def test_nobody_is_answered_when_the_client_is_gone() -> None:
    client = Client(part(b"0", more=True), {"type": "http.disconnect"})
    assert guard(client).body is None
    assert client.answered == []
