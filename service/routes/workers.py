"""Workers: who there is, and the two calls of the worker protocol."""

from __future__ import annotations

from typing import TypeVar

from fastapi import APIRouter
from pydantic import ValidationError
from pydantic_core import from_json

from service.auth.requires import requires
from service.dependencies import RawBody, SettingsDep, StoreDep, WorkerId
from service.errors import refuse_invalid
from service.openapi import body_of
from service.routes import PROBLEMS
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

AnyMessage = TypeVar("AnyMessage", bound=Message)


@router.get("", dependencies=_READ)
def list_workers(store: StoreDep) -> list[WorkerView]:
    """List workers, last seen first."""
    return list(store.list_workers())


@router.post("", status_code=201, openapi_extra=body_of(RegisterWorker, "application/json"), dependencies=_WORKER)
def register_worker(store: StoreDep, settings: SettingsDep, body: RawBody) -> WorkerRegistered:
    """Introduce a worker; it gets a fresh id at every start."""
    return WorkerRegistered(
        worker_id=store.register_worker(_read(RegisterWorker, body)),
        sync_seconds=settings.sync_seconds,
        lease_seconds=settings.lease_seconds,
        max_checkpoint_bytes=settings.max_checkpoint_bytes,
    )


@router.post("/{worker_id}/sync", openapi_extra=body_of(SyncRequest, "application/json"), dependencies=_WORKER)
def sync_worker(store: StoreDep, worker_id: WorkerId, body: RawBody) -> SyncAnswer:
    """Take a worker's news; answer with renewals, stop orders and leases. Sent twice is as good as once."""
    return store.sync(worker_id, _read_sync(body))


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


def _read_sync(body: bytes) -> SyncRequest:
    """Return what can be read: a worker sends again what is refused, and one poisoned report must not stop the rest."""
    try:
        return SyncRequest.model_validate_json(body)
    except ValidationError as error:
        try:
            return salvaged(from_json(body), error)
        except ValueError:  # it is no JSON, or not only single reports of it are wrong
            raise refuse_invalid(error) from error


def _read(message: type[AnyMessage], body: bytes) -> AnyMessage:
    """Parse here, in the thread pool: a node's sync can hold a million points, and the event loop must not wait."""
    try:
        return message.model_validate_json(body)
    except ValidationError as error:
        raise refuse_invalid(error) from error
