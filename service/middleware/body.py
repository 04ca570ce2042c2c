"""Takes a request's whole body, within a size and a time, before anything parses it."""

from __future__ import annotations

import asyncio
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems
from service.middleware.authentication import is_open, path_within
from service.problems import respond

_STREAMED = re.compile(r"PUT (/[^?]*)?/api/v1/attempts/[^/]+/checkpoint")
"""Requests whose route takes the body to disk as it comes, within a size and a time of its own."""


STRANGERS_BYTES = 16 * 1024
"""Longest body of a path that is open to all: a log-in's form is shorter, and nobody has said who they are."""


class BodyTooLarge(Exception):
    """More bytes came than the limit allows."""


class ClientGone(Exception):
    """The client hung up before its request was complete."""


class BodyGuard:
    """Answers 413 for a body beyond the limit (declared or sent in chunks) and 408 for one that trickles in.

    Args:
        app: what comes after; it gets the body in one piece.
        max_bytes: longest body; of a path that is open to all, at most `STRANGERS_BYTES`.
        read_seconds: longest time from the headers to the end of the body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, read_seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.read_seconds = read_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _STREAMED.fullmatch(f"{scope['method']} {scope['path']}"):
            await self.app(scope, receive, send)
            return
        most = min(self.max_bytes, STRANGERS_BYTES) if is_open(path_within(scope)) else self.max_bytes
        try:
            async with asyncio.timeout(self.read_seconds):
                body = await _read(scope, receive, most)
        except BodyTooLarge:
            detail = f"The request is too large: send at most {most:,} bytes."
            await respond(problems.BODY_TOO_LARGE, detail, headers={"Connection": "close"})(scope, receive, send)
        except TimeoutError:
            detail = f"Send the whole body within {self.read_seconds:g} seconds."
            await respond(problems.BODY_TOO_SLOW, detail)(scope, receive, send)
        except ClientGone:
            return
        else:
            await self.app(scope, _replay(body, receive), send)


async def _read(scope: Scope, receive: Receive, most: int) -> bytes:
    declared = Headers(scope=scope).get("content-length", "0")
    if declared.isdecimal() and int(declared) > most:
        raise BodyTooLarge
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > most:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a channel that gives `body` once and then whatever the client does next (hang up)."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed
