"""Runs the app under uvicorn: in the foreground (`serve`), or in a thread beside a study (`run`)."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

import uvicorn
from fastapi import FastAPI

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5
"""Requests in flight get so long to end when the server stops."""

START_SECONDS = 30.0

LINGER_TICKS = 100
"""Ticks (tenths of a second) between two looks for closed connections that linger."""


class Server(uvicorn.Server):
    """Tells the app that it stops *before* uvicorn waits for open streams, so that these end at once."""

    def __init__(self, app: FastAPI) -> None:
        config = uvicorn.Config(
            app,
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

    async def on_tick(self, counter: int) -> bool:
        if counter % LINGER_TICKS == 0:
            self.cut_lingering()
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.app.state.stopping.set()
        self.cut_lingering()
        await super().shutdown(sockets)
        logger.info("the server has stopped; workers keep their news and try again until one is back")


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        OSError: the port is taken or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


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
