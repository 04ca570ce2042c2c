"""The app, put together: store, engine, routes, pages, and what every request passes first."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from service import errors
from service.artifacts import Artifacts
from service.auth.gate import Gate
from service.auth.guesses import Guesses
from service.gathering import Gathering
from service.metrics.database import StoreCollector
from service.metrics.instruments import Instruments
from service.middleware.authentication import Authentication
from service.middleware.body import BodyGuard
from service.middleware.headers import SecurityHeaders
from service.middleware.observing import Observer
from service.middleware.origin import HostAndOrigin
from service.openapi import document_raw_bodies
from service.pages.router import router as pages_router
from service.routes import checkpoints, document, events, export, health, metrics, studies, trial_files, trials, workers
from service.schema_watch import SchemaWatch
from service.settings import Settings, require_safe_bind
from service.storage import build_engine, open_database
from service.streams import StreamPlaces
from service.sweeping import sweep_for_ever
from service.ticker import Ticker
from service.version import installed_version
from studies.engine import Engine
from studies.storage.port import StudyStore

logger = logging.getLogger(__name__)

RECORD_SECONDS = 5.0
"""How long a server that stops goes on to complete Optuna's record. What is left then, its next start writes."""


def create_app(settings: Settings, store: StudyStore | None = None, tick: Callable[[], None] | None = None) -> FastAPI:
    """Return the service. Nothing is opened before its lifespan begins.

    Args:
        settings: how to run.
        store: use this store (it stays open at the end) instead of opening the database of the settings.
        tick: call this again and again instead of the engine's own; it moves the studies.

    Its lifespan raises `UnsafeSettings` where the settings would put an open service on a network.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running(app, settings, store, tick):
            yield

    app = FastAPI(
        title="Stagetune",
        version=installed_version(),
        openapi_url=None,  # a route of our own serves the document: it declares its scope like every other
        docs_url=None,  # FastAPI's pages load their scripts from a CDN
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.instruments = Instruments()
    errors.install(app)
    _add_routes(app)
    _add_middleware(app, settings)
    document_raw_bodies(app)
    return app


@asynccontextmanager
async def _running(
    app: FastAPI, settings: Settings, given: StudyStore | None, tick: Callable[[], None] | None
) -> AsyncIterator[None]:
    store = given if given is not None else await asyncio.to_thread(open_database, settings)
    await asyncio.to_thread(require_safe_bind, settings, store.credentials)
    engine = build_engine(settings, store)
    app.state.store = store
    app.state.gathering = Gathering(store)
    app.state.gate = Gate(settings, store.credentials)
    app.state.guesses = Guesses()
    app.state.artifacts = _artifacts(settings)
    app.state.stopping = asyncio.Event()
    app.state.streams = StreamPlaces(settings.max_streams)
    instruments: Instruments = app.state.instruments
    watched = SchemaWatch(engine.tick, store.check) if tick is None else tick
    app.state.ticker = Ticker(instruments.timed(watched), settings.tick_seconds, partial(_record_the_last, engine))
    app.state.ticker.start()
    collector = StoreCollector(store)
    instruments.registry.register(collector)
    sweeping = asyncio.create_task(sweep_for_ever(app.state.artifacts, store), name="artifacts")
    try:
        yield
    finally:
        sweeping.cancel()
        app.state.stopping.set()
        instruments.registry.unregister(collector)
        await asyncio.to_thread(app.state.ticker.stop)
        engine.close()
        if given is None:
            store.close()


def _artifacts(settings: Settings) -> Artifacts:
    return Artifacts(settings.artifacts, settings.max_checkpoint_bytes, settings.max_artifact_bytes)


def _record_the_last(engine: Engine) -> None:
    """Complete Optuna's record as far as `RECORD_SECONDS` allow."""
    deadline = time.monotonic() + RECORD_SECONDS
    if not engine.flush(lambda: time.monotonic() < deadline):
        logger.info("Optuna's record is not complete yet: the next start of the server goes on with it")


def _add_routes(app: FastAPI) -> None:
    # Routes are tried in order: what a thousand nodes ask for every second comes first.
    for module in (workers, studies, trials, trial_files, export, events, checkpoints, health, metrics, document):
        app.include_router(module.router)
    app.include_router(workers.profiles)
    app.include_router(pages_router)


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add innermost first: a request passes the observer, headers, host and origin, token, body."""
    app.add_middleware(BodyGuard, max_bytes=settings.max_body_bytes, read_seconds=settings.read_seconds)
    app.add_middleware(Authentication)
    app.add_middleware(HostAndOrigin, hosts=settings.hosts)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Observer, instruments=app.state.instruments, log=settings.access_log)
