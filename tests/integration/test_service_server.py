"""The service on a real socket: streams, slow and hostile clients, and a prompt end."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import httpx
import psutil
import pytest

from service.app import create_app
from service.auth.secrets import new_token
from service.server import BackgroundServer, listen, url_of
from service.settings import Settings
from studies.contract.scopes import Scope
from studies.contract.states import StudyCommand
from studies.contract.views import Event
from studies.errors import StorageUnavailable
from studies.storage.memory import MemoryStore
from tests.builders import spec
from tests.integration.worker_harness import wait_for

DEADLINE = 10.0


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def server(store: MemoryStore) -> Iterator[BackgroundServer]:
    with serving(store) as found:
        yield found


def serving(store: MemoryStore, **fields: object) -> BackgroundServer:
    settings = Settings.model_validate({"database_url": "memory://", "read_seconds": 0.5} | fields)
    return BackgroundServer(create_app(settings, store, tick=lambda: None), listen("127.0.0.1", 0))


def events(lines: Iterator[str], count: int) -> list[dict[str, str]]:
    """Read `count` server-sent events."""
    found: list[dict[str, str]] = [{}]
    for line in lines:
        if not line and found[-1]:
            if len(found) == count:
                return found
            found.append({})
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            found[-1][name] = value
    raise AssertionError(f"the stream ended after {len(found) - 1} events")


# --- the event stream ------------------------------------------------------------------------------------------------


def test_a_study_is_followed_as_it_changes(server: BackgroundServer, store: MemoryStore) -> None:
    study_id = store.create_study(spec()).study_id
    with httpx.stream("GET", f"{server.url}/api/v1/studies/{study_id}/events", timeout=DEADLINE) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        store.command(study_id, StudyCommand.PAUSE)
        (event,) = events(answer.iter_lines(), 1)
    told = json.loads(event["data"])
    assert (event["event"], told["study_id"], event["id"]) == ("study", study_id, str(told["id"]))


def test_a_stream_goes_on_behind_the_last_event_that_was_seen(server: BackgroundServer, store: MemoryStore) -> None:
    study_id = store.create_study(spec()).study_id
    store.command(study_id, StudyCommand.PAUSE)
    store.command(study_id, StudyCommand.RESUME)
    known = [event.id for event in store.events(study_id, 0)]
    url = f"{server.url}/api/v1/studies/{study_id}/events"
    with httpx.stream("GET", url, headers={"Last-Event-ID": str(known[0])}, timeout=DEADLINE) as answer:
        seen = events(answer.iter_lines(), len(known) - 1)
    assert [int(event["id"]) for event in seen] == known[1:]


def test_one_stream_tells_of_all_studies(server: BackgroundServer, store: MemoryStore) -> None:
    ids = [store.create_study(spec(name)).study_id for name in ("a", "b")]
    with httpx.stream("GET", f"{server.url}/api/v1/events?after=0", timeout=DEADLINE) as answer:
        seen = events(answer.iter_lines(), 2)
    assert [json.loads(event["data"])["study_id"] for event in seen] == ids


def test_an_open_stream_does_not_hold_up_the_end(store: MemoryStore) -> None:
    begun, ended = threading.Event(), threading.Event()

    def follow(url: str) -> None:
        with httpx.stream("GET", f"{url}/api/v1/events?after=0", timeout=DEADLINE) as answer:
            for _ in answer.iter_raw():
                begun.set()
        ended.set()

    store.create_study(spec())
    with serving(store) as server:
        reader = threading.Thread(target=follow, args=[server.url])
        reader.start()
        assert begun.wait(DEADLINE)
        asked = time.monotonic()
    assert time.monotonic() - asked < 4
    assert ended.wait(DEADLINE), "the stream was cut off rather than ended"
    reader.join(DEADLINE)


class Flood(MemoryStore):
    """A store in which more happens than a client that has stalled can be sent."""

    def events(self, study_id: str | None, after: int, limit: int = 500) -> list[Event]:
        event = Event(id=after + 1, study_id="st_1", kind="trial", message="x" * 100_000, at=0.0)
        return [event.model_copy(update={"id": after + number}) for number in range(1, limit)]


def test_a_browser_that_stalls_is_dropped_and_its_connection_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.routes.events.SEND_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr("service.server.LINGER_TICKS", 1)
    with serving(Flood()) as server, socket.socket() as browser:
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, port = server.url.removeprefix("http://").split(":")
        browser.connect((host, int(port)))
        browser.sendall(b"GET /api/v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: connected(int(port)), "the connection", DEADLINE)
        wait_for(lambda: not connected(int(port)), "the end of the connection", DEADLINE)


def connected(port: int) -> bool:
    """Whether this process holds the server's end of a connection."""
    ours = psutil.Process().net_connections("tcp4")
    return any(each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED for each in ours)


class Away(MemoryStore):
    """A store whose database is away for the first look at its events."""

    looks = 0

    def events(self, study_id: str | None, after: int, limit: int = 500) -> Sequence[Event]:
        self.looks += 1
        if self.looks == 1:
            raise StorageUnavailable
        return super().events(study_id, after, limit)


def test_a_stream_outlives_a_database_that_is_away() -> None:
    store = Away()
    study_id = store.create_study(spec()).study_id
    with (
        serving(store) as server,
        httpx.stream("GET", f"{server.url}/api/v1/events?after=0", timeout=DEADLINE) as answer,
    ):
        (event,) = events(answer.iter_lines(), 1)
    assert json.loads(event["data"])["study_id"] == study_id
    assert store.looks > 1


# --- slow and hostile clients ----------------------------------------------------------------------------------------


def raw(server: BackgroundServer, *pieces: bytes) -> bytes:
    """Send the pieces as they are and return all that is answered."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


HEAD = b"POST /api/v1/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_a_body_that_never_ends_is_given_up_while_others_are_served(server: BackgroundServer) -> None:
    answers: list[bytes] = []
    slow = threading.Thread(target=lambda: answers.append(raw(server, HEAD + b"Content-Length: 100\r\n\r\n{")))
    slow.start()
    assert httpx.get(f"{server.url}/healthz", timeout=DEADLINE).status_code == 200
    slow.join(DEADLINE)
    assert answers[0].startswith(b"HTTP/1.1 408")


def test_64_mebibytes_are_refused_before_they_are_sent(server: BackgroundServer) -> None:
    answer = raw(server, HEAD + b"Content-Length: 67108864\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"/problems/body-too-large" in answer


def test_chunks_without_end_are_refused_at_the_limit(store: MemoryStore) -> None:
    with serving(store, max_body_bytes=2048) as server:
        answer = raw(
            server,
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            b"400\r\n" + b" " * 1024 + b"\r\n",
            b"401\r\n" + b" " * 1025 + b"\r\n",
        )
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"GET /healthz HTTP/1.1\r\n"], id="headers that stop"),
        pytest.param([b"GET /"], id="hardly anything"),
        pytest.param([b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /he"], id="a second request"),
    ],
)
def test_headers_that_do_not_come_are_given_up(server: BackgroundServer, pieces: list[bytes]) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    begun = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=0.1) as connection:
        for piece in pieces:
            connection.sendall(piece)
        while trickles(connection):
            assert time.monotonic() - begun < DEADLINE, "the connection is held for ever"
    assert time.monotonic() - begun > 0.5
    assert httpx.get(f"{server.url}/healthz", timeout=DEADLINE).status_code == 200


def trickles(connection: socket.socket) -> bool:
    """Send one more byte of a header that has no end; return whether the server still listens."""
    try:
        answered = connection.recv(65_536)
    except TimeoutError:
        answered = b"it waits"
    except ConnectionError:
        return False
    try:
        connection.send(b"X")
    except OSError:
        return False
    return answered != b""


def test_a_connection_that_is_in_use_is_left_alone(server: BackgroundServer) -> None:
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
        opened = []
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:
            stream = client.get("/healthz").extensions["network_stream"]
            opened.append(stream.get_extra_info("client_addr"))
    assert len(set(opened)) == 1


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", id="address"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", id="header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 50_000 + b"\r\n", id="headers"),
    ],
)
def test_an_address_or_headers_without_end_are_refused(server: BackgroundServer, head: bytes) -> None:
    try:
        answer = raw(server, head)
    except ConnectionError:  # it hangs up while we still send
        answer = b"HTTP/1.1 4"
    assert answer.startswith(b"HTTP/1.1 4")
    assert httpx.get(f"{server.url}/healthz", timeout=DEADLINE).status_code == 200


def test_more_streams_than_the_server_bears_are_told_to_come_back(store: MemoryStore) -> None:
    store.create_study(spec())
    with serving(store, max_streams=1) as server:
        url = f"{server.url}/api/v1/events?after=0"
        with httpx.stream("GET", url, timeout=DEADLINE) as first:
            lines = first.iter_lines()
            events(lines, 1)
            answer = httpx.get(url, timeout=DEADLINE)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
            assert answer.json()["type"] == "/problems/too-many-streams"
            assert "STAGETUNE_MAX_STREAMS" in answer.json()["detail"]
        wait_for(lambda: opens(url), "a place that is free again", DEADLINE)


def opens(url: str) -> bool:
    with httpx.stream("GET", url, timeout=DEADLINE) as answer:
        return answer.is_success


def test_a_stream_ends_with_the_token_that_opened_it(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.auth.gate.TRUST_SECONDS", 0.0)
    text, new = new_token("page", (Scope.READ,), None)
    store.credentials.create_token(new)
    study_id = store.create_study(spec()).study_id
    with (
        serving(store) as server,
        httpx.stream(
            "GET",
            f"{server.url}/api/v1/events?after=0",
            headers={"Authorization": f"Bearer {text}"},
            timeout=DEADLINE,
        ) as answer,
    ):
        lines = answer.iter_lines()
        events(lines, 1)
        store.credentials.revoke_token(new.id)
        store.command(study_id, StudyCommand.PAUSE)
        assert not any(line.startswith("data:") for line in lines)


def test_a_foreign_host_is_refused(server: BackgroundServer) -> None:
    answer = raw(server, b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")


# --- starting --------------------------------------------------------------------------------------------------------


def test_a_server_that_cannot_open_its_database_does_not_start() -> None:
    app = create_app(Settings(database_url="sqlite:////proc/none/stagetune.db"))
    with pytest.raises(RuntimeError, match="did not start"), BackgroundServer(app, listen("127.0.0.1", 0)):
        raise AssertionError("it must not get this far")


def test_the_address_of_a_socket_can_be_called() -> None:
    with listen("0.0.0.0", 0) as everywhere:
        assert url_of(everywhere).startswith("http://127.0.0.1:")


def test_connections_send_what_there_is_at_once() -> None:
    """Or else the body of an answer waits 40 ms for the acknowledgement of its headers."""
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
