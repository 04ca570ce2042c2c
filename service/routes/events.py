"""What happens, as server-sent events: ``id`` to resume from, ``event`` = its kind, ``data`` = the event as JSON."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from service import problems
from service.auth.gate import Gate, NotAdmitted
from service.auth.requires import requires
from service.dependencies import StoreDep, StudyId
from service.problems import respond
from service.routes import PROBLEMS
from service.streams import StreamPlaces
from studies.contract.scopes import Scope
from studies.contract.views import Event
from studies.errors import StorageUnavailable
from studies.storage.port import StudyStore

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
PING_SECONDS = 15
SEND_TIMEOUT_SECONDS = 30.0
"""A browser that takes nothing for so long is dropped; it reconnects with Last-Event-ID and misses nothing."""

MAX_EVENT_ID = 2**53

router = APIRouter(prefix="/api/v1", tags=["events"], responses=PROBLEMS, dependencies=[requires(Scope.READ)])

LastEventId = Annotated[int | None, Header(ge=0, le=MAX_EVENT_ID)]
After = Annotated[int | None, Query(ge=0, le=MAX_EVENT_ID, description="Begin behind this event; left out = now.")]


@router.get("/studies/{study_id}/events", response_class=EventSourceResponse)
def study_events(
    request: Request, store: StoreDep, study_id: StudyId, after: After = None, last_event_id: LastEventId = None
) -> EventSourceResponse:
    """Stream what happens in a study, from now on or from where the client left off."""
    store.get_study(study_id)
    return _stream(request, store, study_id, last_event_id if last_event_id is not None else after)


@router.get("/events", response_class=EventSourceResponse)
def all_events(
    request: Request, store: StoreDep, after: After = None, last_event_id: LastEventId = None
) -> EventSourceResponse:
    """Stream what happens in all studies."""
    return _stream(request, store, None, last_event_id if last_event_id is not None else after)


class Stream(EventSourceResponse):
    """A stream of events, if there is a place left for it.

    Its client may stall: a machine that sleeps is no fault of the service.
    """

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        places: StreamPlaces = scope["app"].state.streams
        if not places.take():
            detail = f"{places.most} streams are open, the most that STAGETUNE_MAX_STREAMS allows: close some pages."
            await respond(problems.TOO_MANY_STREAMS, detail)(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            logger.info("an event stream was dropped: its client took nothing for %g s", SEND_TIMEOUT_SECONDS)
        finally:
            places.leave()


def _stream(request: Request, store: StudyStore, study_id: str | None, after: int | None) -> EventSourceResponse:
    begin = store.last_event_id() if after is None else after
    stopping: asyncio.Event = request.app.state.stopping
    return Stream(
        _while_admitted(follow(store, study_id, begin, stopping), request),
        ping=PING_SECONDS,
        send_timeout=SEND_TIMEOUT_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _while_admitted(messages: AsyncIterator[ServerSentEvent], request: Request) -> AsyncIterator[ServerSentEvent]:
    """End with the token or session that opened the stream: nothing is said to a client that is not admitted now."""
    gate: Gate = request.app.state.gate
    async for message in messages:
        try:
            await gate.identify(request.headers)
        except (NotAdmitted, StorageUnavailable):
            return
        yield message


async def follow(
    store: StudyStore, study_id: str | None, after: int, stopping: asyncio.Event
) -> AsyncIterator[ServerSentEvent]:
    """Yield the events behind `after` as they come, until the service stops."""
    while not stopping.is_set():
        for event in await _later(store, study_id, after):
            after = event.id
            yield _message(event)
        await _pause(stopping)


async def _later(store: StudyStore, study_id: str | None, after: int) -> Sequence[Event]:
    """Return what there is behind `after`; nothing while the database is away, so that the stream outlives that."""
    try:
        return await run_in_threadpool(store.events, study_id, after)
    except StorageUnavailable as error:  # The engine's thread says it aloud; here it would be said for every browser.
        logger.debug("events cannot be read: %s", error)
        return ()


def _message(event: Event) -> ServerSentEvent:
    return ServerSentEvent(data=event.model_dump_json(), event=event.kind, id=str(event.id))


async def _pause(stopping: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), POLL_SECONDS)
    except TimeoutError:
        return
