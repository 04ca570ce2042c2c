"""Browsers that stall on the event stream: they are dropped, come back where they were, and never hold up the end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import httpx
import psutil
import pytest

from service.app import create_app
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.views import Event
from studies.storage import MemoryStore, open_store
from tests.integration.cluster import cluster, free_port, submit, wait_until
from tests.integration.worker_harness import wait_for

EVENTS = 300
LONG = "x" * 100_000
"""So much in an event that buffers on the way are full long before the last."""


class Eventful(MemoryStore):
    """A store in which `EVENTS` long things have happened."""

    def events(self, study_id: str | None, after: int, limit: int = 500) -> list[Event]:
        numbers = range(after + 1, min(after + 20, EVENTS) + 1)
        return [Event(id=number, study_id="st_1", kind="trial", message=LONG, at=0.0) for number in numbers]


@contextmanager
def stalled(port: int, path: str = "/api/v1/events?after=0") -> Iterator[socket.socket]:
    """A client that asks for a stream and reads nothing."""
    with socket.socket() as browser:
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        browser.connect(("127.0.0.1", port))
        browser.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        yield browser


def connections(port: int, process: psutil.Process) -> int:
    found = process.net_connections("tcp4")
    return sum(each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED for each in found)


def test_a_stalled_browser_is_dropped_and_misses_nothing_when_it_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.routes.events.SEND_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr("service.server.LINGER_TICKS", 1)
    settings = Settings(database_url="memory://")
    ours = psutil.Process()
    with BackgroundServer(create_app(settings, Eventful(), tick=lambda: None), listen("127.0.0.1", 0)) as server:
        port = int(server.url.rpartition(":")[2])
        with stalled(port) as browser:
            wait_for(lambda: connections(port, ours), "the connection")
            wait_for(lambda: not connections(port, ours), "its end")
            seen = ids_in(everything(browser))
        assert 0 < len(seen) < EVENTS, "it was not dropped in the middle"
        after = {"Last-Event-ID": str(seen[-1])}
        with httpx.stream("GET", f"{server.url}/api/v1/events", headers=after, timeout=20) as answer:
            ids = (int(line.removeprefix("id: ")) for line in answer.iter_lines() if line.startswith("id: "))
            seen += islice(ids, EVENTS - len(seen))
    assert seen == list(range(1, EVENTS + 1))


def everything(browser: socket.socket) -> bytes:
    """Return what is left in the buffers of a connection that was cut."""
    browser.settimeout(5)
    found = bytearray()
    try:
        while piece := browser.recv(65_536):
            found += piece
    except ConnectionResetError:
        return bytes(found)
    return bytes(found)


def ids_in(raw: bytes) -> list[int]:
    """Return the ids of the events that arrived whole: a browser keeps those that an empty line has ended."""
    whole, _, _ = raw.rpartition(b"\r\n\r\n")
    return [int(line.removeprefix(b"id: ")) for line in whole.split(b"\r\n") if line.startswith(b"id: ")]


def test_sigterm_ends_a_server_promptly_with_stalled_and_open_streams(sqlite_url: str, tmp_path: Path) -> None:
    port = free_port()
    with cluster(sqlite_url, tmp_path) as shaken:
        server = shaken.serve(port)
        study_id = submit(port)
        wait_until(port, study_id, lambda study: study.progress.trials > 0, "trials")
        process = psutil.Process(server.pid)
        with (
            stalled(port),
            stalled(port),
            httpx.stream("GET", f"http://127.0.0.1:{port}/api/v1/events?after=0") as open_one,
        ):
            lines = open_one.iter_lines()
            next(lines)
            wait_for(lambda: connections(port, process) >= 3, "three streams")
            shaken.stop(server)
            assert any(line.startswith("data:") for line in lines), "the stream was cut off rather than ended"
        store = open_store(sqlite_url)
        assert store.last_event_id() > 0
        store.close()
