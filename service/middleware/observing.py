"""What is known of every request: its id, how long it took, how it ended. The outermost layer of the app."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.metrics.instruments import Instruments
from studies.log_lines import bound, fields

REQUEST_ID = "X-Request-ID"

_TAKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a proxy may give as the request's id; anything else is replaced."""

_NAMED = {"study_id": "study", "trial_id": "trial", "worker_id": "worker", "attempt_id": "attempt"}
"""Path parameters that are ids, and how the log calls them."""

UNMATCHED = "unmatched"
"""Route of requests that no route takes: their paths are anybody's invention, and no label."""

logger = logging.getLogger("stagetune.access")


class Observer:
    """Counts and times requests, and gives each an id that its log lines and its answer carry.

    Args:
        app: what comes after.
        instruments: where requests are counted.
        log: write a line about every request.
    """

    def __init__(self, app: ASGIApp, instruments: Instruments, *, log: bool) -> None:
        self.app = app
        self._instruments = instruments
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        began, status, took = time.perf_counter(), 0, None

        async def send_noted(message: Message) -> None:
            nonlocal status, took
            if message["type"] == "http.response.start":
                status, took = message["status"], time.perf_counter() - began
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        with bound(request=request_id):
            try:
                await self.app(scope, receive, send_noted)
            except Exception:
                status = status or 500
                raise
            finally:
                self._note(scope, status, time.perf_counter() - began if took is None else took)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request. Status 0: the client hung up before there was an answer."""
        route = getattr(scope.get("route"), "path", UNMATCHED)
        self._instruments.request(scope["method"], route, status, seconds)
        if self._log:
            told = fields(**ids_of(scope), status=status, milliseconds=round(1000 * seconds, 1))
            logger.info("%s %s", scope["method"], scope["path"], extra=told)


def ids_of(scope: Mapping[str, object]) -> dict[str, str]:
    """Return the ids in a request's path, by the names that log lines use."""
    found = scope.get("path_params")
    given = found if isinstance(found, dict) else {}
    return {name: str(given[parameter]) for parameter, name in _NAMED.items() if parameter in given}


def _request_id(headers: Headers) -> str:
    given = headers.get(REQUEST_ID, "")
    return given if _TAKEN.fullmatch(given) else uuid4().hex
