"""The app in process behind httpx's synchronous client: its lifespan runs, no socket is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

BASE_URL = "http://127.0.0.1:8080"


class InProcess(httpx.BaseTransport):
    """Sends requests to `app` on the portal's event loop; a streamed answer is read to its end."""

    def __init__(self, app: FastAPI, portal: BlockingPortal, root_path: str = "") -> None:
        self._portal = portal
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False, root_path=root_path)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        pieces = list(request.stream)
        return self._portal.call(self._answer, request, pieces)

    async def _answer(self, request: httpx.Request, pieces: list[bytes]) -> httpx.Response:
        sent = httpx.Request(request.method, request.url, headers=request.headers, content=_stream(pieces))
        answer = await self._transport.handle_async_request(sent)
        body = [piece async for piece in answer.aiter_raw()]  # as it was sent: the client behind decompresses it
        return httpx.Response(answer.status_code, headers=answer.headers, content=b"".join(body))


async def _stream(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@contextmanager
def running(app: FastAPI) -> Iterator[InProcess]:
    """Run the app's lifespan; yield the transport that reaches it, below the prefix of its settings."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        yield InProcess(app, portal, app.state.settings.root_path)


@contextmanager
def client_of(app: FastAPI, base_url: str = BASE_URL) -> Iterator[httpx.Client]:
    with running(app) as transport, httpx.Client(transport=transport, base_url=base_url) as client:
        yield client
