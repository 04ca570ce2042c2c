"""Workers: who there is, and the two calls of the worker protocol."""

from __future__ import annotations

from typing import TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from service.auth.requires import requires
from service.dependencies import GatheringDep, RawBody, SettingsDep, StoreDep, WorkerId
from service.errors import refuse_invalid
from service.openapi import body_of
from service.routes import PROBLEMS
from studies.contract import wire
from studies.contract.base import Message
from studies.contract.salvage import salvaged
from studies.contract.scopes import Scope
from studies.contract.views import ProfileView, WorkerView
from studies.contract.worker_protocol import RegisterWorker, SyncAnswer, SyncRequest, WorkerRegistered

router = APIRouter(prefix="/api/v1/workers", tags=["workers"], responses=PROBLEMS)
profiles = APIRouter(prefix="/api/v1/profiles", tags=["workers"], responses=PROBLEMS)

_READ = [requires(Scope.READ)]
_WORKER = [requires(Scope.WORKER)]
_ADMIN = [requires(Scope.ADMIN)]

AT_ONCE_BYTES = 32_768
"""Longest sync that is parsed on the event loop, in well under a millisecond; longer ones are parsed in a thread."""

AnyMessage = TypeVar("AnyMessage", bound=Message)


@router.get("", dependencies=_READ)
def list_workers(store: StoreDep) -> list[WorkerView]:
    """List workers, last seen first."""
    return list(store.list_workers())


@router.post("", status_code=201, openapi_extra=body_of(RegisterWorker, wire.JSON), dependencies=_WORKER)
def register_worker(store: StoreDep, settings: SettingsDep, body: RawBody) -> WorkerRegistered:
    """Introduce a worker; it gets a fresh id at every start."""
    return WorkerRegistered(
        worker_id=store.register_worker(_read(RegisterWorker, body)),
        sync_seconds=settings.sync_seconds,
        lease_seconds=settings.lease_seconds,
        max_checkpoint_bytes=settings.max_checkpoint_bytes,
        max_body_bytes=settings.max_body_bytes,
        accepts=(wire.CBOR, wire.JSON),
    )


@router.post(
    "/{worker_id}/sync",
    openapi_extra=body_of(SyncRequest, wire.JSON, wire.CBOR),
    response_model=SyncAnswer,
    dependencies=_WORKER,
)
async def sync_worker(request: Request, gathering: GatheringDep, worker_id: WorkerId, body: RawBody) -> Response:
    """Take a worker's news; answer with renewals, stop orders and leases. Sent twice is as good as once.

    The body is JSON or, with ``Content-Type: application/cbor``, CBOR (RFC 8949) in which steps and values may be
    typed arrays (RFC 8746); the answer is JSON.
    """
    form = wire.media_type(request.headers.get("content-type", ""))
    if len(body) > AT_ONCE_BYTES:
        news = await run_in_threadpool(_read_sync, body, form)
    else:
        news = _read_sync(body, form)
    answer = await gathering.sync(worker_id, news)
    return Response(answer.model_dump_json(), media_type=wire.JSON)


@router.post("/{worker_id}/drain", dependencies=_ADMIN)
def drain_worker(store: StoreDep, worker_id: WorkerId) -> WorkerView:
    """Give a worker no new leases: what runs on it goes on to its end, then it is shown as drained."""
    return store.drain_worker(worker_id)


@router.post("/{worker_id}/release", dependencies=_ADMIN)
def release_worker(store: StoreDep, worker_id: WorkerId) -> WorkerView:
    """Let a worker that is drained or quarantined be given leases again; its node's record begins anew."""
    return store.release_worker(worker_id)


@profiles.get("", dependencies=_READ)
def list_profiles(store: StoreDep) -> list[ProfileView]:
    """List what workers have measured of classes of runs on models of devices, the latest first."""
    return list(store.list_profiles())


def _read_sync(body: bytes, form: str) -> SyncRequest:
    """Return what can be read: a worker sends again what is refused, and one poisoned report must not stop the rest."""
    try:
        return wire.decode(SyncRequest, body, form)
    except ValidationError as error:
        try:
            return salvaged(wire.tree(SyncRequest, body, form), error)
        except ValueError:  # it is not well-formed, or not only single reports of it are wrong
            raise refuse_invalid(error) from error


def _read(message: type[AnyMessage], body: bytes) -> AnyMessage:
    try:
        return wire.decode(message, body, wire.JSON)
    except ValidationError as error:
        raise refuse_invalid(error) from error
