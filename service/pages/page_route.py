"""A route whose failures are pages too: whoever follows a stale link reads a sentence, not JSON."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from service.pages.missing import missing_page, unavailable_page
from studies.errors import NotFound, StorageUnavailable


class PageRoute(APIRoute):
    """Answers 404 and 503 with a page; every other error goes on to `service.errors`.

    A whole page notes the latest event before it reads anything else (`rendering.page` writes it down), so that its
    stream of events begins there: nothing that happens meanwhile is missed, and nothing is fetched twice.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        whole = "/parts/" not in self.path

        async def handle_as_page(request: Request) -> Response:
            try:
                if whole:
                    request.state.after = await run_in_threadpool(request.app.state.store.last_event_id)
                return await handle(request)
            except NotFound:
                return missing_page(
                    request, "Nothing stands under this address: it may be mistyped, or from another database."
                )
            except StorageUnavailable as error:
                return unavailable_page(request, str(error))

        return handle_as_page
