"""Runs the app under uvicorn: in the foreground (`serve`), or in a thread beside a study (`run`)."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

import uvicorn
from fastapi import FastAPI

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5
"""Requests in flight get so long to end when the server stops."""

START_SECONDS = 30.0

SLOW_TICKS = 10
"""Ticks (tenths of a second) between two looks for connections on which no request arrives."""

LINGER_TICKS = 100
"""Ticks (tenths of a second) between two looks for closed connections that linger."""


class Server(uvicorn.Server):
    """Tells the app that it stops *before* uvicorn waits for open streams, so that these end at once."""

    def __init__(self, app: FastAPI) -> None:
        config = uvicorn.Config(
            app,
            http="h11",  # bounds addresses and headers (64 KiB); httptools, taken where it is installed, does not
            log_level="warning",
            access_log=False,  # `service.middleware.observing` writes one in our own form
            log_config=None,  # so does `studies.log_lines` with what uvicorn has to say
            timeout_graceful_shutdown=GRACE_SECONDS,
            server_header=False,
            proxy_headers=False,
            root_path=app.state.settings.root_path,
        )
        super().__init__(config)
        self.app = app
        self._closing: set[object] = set()
        self._waiting: dict[Any, tuple[object, float]] = {}

    async def on_tick(self, counter: int) -> bool:
        if counter % LINGER_TICKS == 0:
            self.cut_lingering()
        if counter % SLOW_TICKS == 0:
            self.cut_slow(time.monotonic())
        return await super().on_tick(counter)

    def cut_lingering(self) -> None:
        """Cut what was closing at the last look too.

        The client of such a connection does not take what is left for it (a browser whose machine sleeps): closing
        waits for that, for ever if need be, with a descriptor and a buffer.
        """
        closing = {each for each in self.server_state.connections if each.transport.is_closing()}
        for connection in closing:
            if connection in self._closing:
                connection.transport.abort()
        self._closing = set(closing)

    def cut_slow(self, now: float) -> None:
        """Cut connections on which no request arrives for longer than the settings allow.

        That is a client that lets its headers trickle in, byte by byte, to hold connections without end (slowloris).
        uvicorn ends a connection that is silent between two requests by itself, but not one that says a little now
        and then, nor one that never said anything.
        """
        most = self.app.state.settings.read_seconds
        before, self._waiting = self._waiting, {}
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)  # uvicorn's word for a request with its answer
            if cycle is None or cycle.response_complete:
                known, since = before.get(connection, (None, now))
                since = since if known is cycle else now
                self._waiting[connection] = cycle, since
                if now - since > most:
                    connection.transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.app.state.stopping.set()
        self.cut_lingering()
        await super().shutdown(sockets)
        logger.info("the server has stopped; workers keep their news and try again until one is back")


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Its connections send at once (TCP_NODELAY): an answer is written in pieces, and the second one would wait 40 ms for
    the client's delayed acknowledgement of the first. asyncio sees to that only for sockets that it makes itself.

    Raises:
        OSError: the port is taken or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=2048)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the address under which this machine reaches that socket."""
    host, port = listening.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (read, not bound)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


class BackgroundServer:
    """A server in a thread of its own, as a context manager; the socket is closed at its end.

    Raises:
        RuntimeError: the server did not start; its own error is in the log.
    """

    def __init__(self, app: FastAPI, listening: socket.socket) -> None:
        self.url = url_of(listening)
        self._listening = listening
        self._server = Server(app)
        self._thread = threading.Thread(target=self._run, name="stagetune-server", daemon=True)

    def __enter__(self) -> BackgroundServer:
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self._stop()
                raise RuntimeError("The server did not start: see the lines above for why.")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _run(self) -> None:
        with suppress(SystemExit):  # uvicorn's way to end when the app does not start; it has logged why
            self._server.run(sockets=[self._listening])

    def _stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(GRACE_SECONDS + 15)
        self._listening.close()
