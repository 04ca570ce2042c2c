"""The network between a worker and its server, in the hands of a test: it stalls, cuts, delays, repeats and forgets."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler

from pydantic import ValidationError

from studies.contract import wire
from studies.contract.worker_protocol import SyncAnswer, SyncRequest
from tests.faults.ledger import Ledger
from tests.listener import Listener

SERVER_SECONDS = 60.0
"""How long a server may take to answer."""

SLOW_SECONDS = 0.5


class Fate(StrEnum):
    """What becomes of one request."""

    PASS = "passed"
    SLOW = "delayed"
    TWICE = "sent twice"
    LATE = "sent late"
    """The worker loses its connection, and the server gets the request behind the next one."""
    LOSE_REQUEST = "requests lost"
    """Half of the request arrives."""
    LOSE_ANSWER = "answers lost"
    """The server does the work and nobody hears of it."""
    CUT_ANSWER = "answers cut"
    """Half of the answer arrives."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_sync(self) -> bool:
        return self.path.endswith("/sync")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


FateOf = Callable[[Request], Fate]


def undisturbed(_: Request) -> Fate:
    return Fate.PASS


class BadNetwork:
    """Draws a fate for every request: a seed gives the same sequence again.

    Args:
        draw: where chance comes from.
        share: of the requests, that something befalls.
    """

    def __init__(self, draw: random.Random, share: float) -> None:
        self._draw = draw
        self._fates = [fate for fate in Fate if fate is not Fate.PASS]
        self.share = share

    def __call__(self, request: Request) -> Fate:
        return self._draw.choice(self._fates) if self._draw.random() < self.share else Fate.PASS


class Link:
    """The way from one worker to a server; what passes is written into the ledger.

    Args:
        server_port: called for every request: which server of this machine gets it.
        ledger: keeps what was said and acknowledged.
        fate: what becomes of each request.

    Attributes:
        port: where the worker finds its server.
        counts: how often each fate befell a request.
    """

    def __init__(self, server_port: Callable[[], int], ledger: Ledger, fate: FateOf = undisturbed) -> None:
        self.counts: Counter[Fate] = Counter()
        self.fate = fate
        self._server_port = server_port
        self._ledger = ledger
        self._flowing = threading.Event()
        self._flowing.set()
        self._cut = False
        self._late: list[Request] = []
        self._http = Listener(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="link")
        self._thread.start()
        self.port = int(self._http.server_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- what a test does to it ------------------------------------------------------------------------------------

    def stall(self) -> None:
        """Let nothing through; what is under way arrives when the link heals."""
        self._flowing.clear()

    def cut(self) -> None:
        """Break every connection, and those to come, without a word."""
        self._cut = True

    def heal(self) -> None:
        self._cut = False
        self._flowing.set()

    def close(self) -> None:
        self.heal()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    # --- one request -----------------------------------------------------------------------------------------------

    def pass_on(self, request: Request) -> tuple[Answer | None, Fate]:
        """Do to a request what is to befall it; return what the worker gets, None where its connection breaks."""
        self._flowing.wait()
        fate = self.fate(request) if request.is_sync else Fate.PASS
        self.counts[fate] += 1
        if self._cut or fate is Fate.LATE:
            self._late += [request] * (fate is Fate.LATE)
            return None, fate
        if fate is Fate.LOSE_REQUEST:
            self._send_half(request)
            return None, fate
        if fate is Fate.SLOW:
            time.sleep(SLOW_SECONDS)
        answer = self._send(request)
        for again in [request] * (fate is Fate.TWICE) + self._take_late():
            repeated = self._send(again)
            answer = repeated if again is request else answer
        self._flowing.wait()
        return (None if fate is Fate.LOSE_ANSWER or self._cut else answer), fate

    def _take_late(self) -> list[Request]:
        late, self._late = self._late, []
        return late

    def _send(self, request: Request) -> Answer | None:
        asked = _read_sync(request)
        if asked is not None:
            self._ledger.note_request(asked)
        connection = http.client.HTTPConnection("127.0.0.1", self._server_port(), timeout=SERVER_SECONDS)
        try:
            connection.request(request.method, request.path, request.body, dict(request.headers))
            response = connection.getresponse()
            answer = Answer(response.status, dict(response.getheaders()), response.read())
        except (OSError, http.client.HTTPException):  # the server is away, or went away
            return None
        finally:
            connection.close()
        if asked is not None and answer.status == http.HTTPStatus.OK:
            self._ledger.note_answer(asked, wire.decode(SyncAnswer, answer.body, _form(answer.headers)))
        return answer

    def _send_half(self, request: Request) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server_port(), timeout=SERVER_SECONDS)
        with suppress(OSError, http.client.HTTPException):
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                connection.putheader(name, value)
            connection.endheaders(request.body[: len(request.body) // 2])
        connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        link = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer, fate = link.pass_on(Request(self.command, self.path, dict(self.headers), body))
                with suppress(OSError):  # the worker has given up meanwhile
                    self._answer(answer, fate)

            do_GET = do_POST  # noqa: N815 (named by the standard library)

            def _answer(self, answer: Answer | None, fate: Fate) -> None:
                self.close_connection = answer is None or fate is Fate.CUT_ANSWER
                if answer is None:
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("date", "server", "connection", "transfer-encoding", "content-length"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body[: len(answer.body) // 2] if fate is Fate.CUT_ANSWER else answer.body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler


def _read_sync(request: Request) -> SyncRequest | None:
    if not request.is_sync:
        return None
    with suppress(ValidationError):  # what the server refuses too
        return wire.decode(SyncRequest, request.body, _form(request.headers))
    return None


def _form(headers: Mapping[str, str]) -> str:
    lower = {name.lower(): value for name, value in headers.items()}
    return wire.media_type(lower.get("content-type", wire.JSON))


@contextmanager
def link(server_port: int, ledger: Ledger, fate: FateOf = undisturbed) -> Iterator[Link]:
    """A link to one server, for the time of a test."""
    opened = Link(lambda: server_port, ledger, fate)
    try:
        yield opened
    finally:
        opened.close()
