"""Checkpoints of runs, handed in and fetched under the lease of a running attempt, streamed from and to disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect

from service import problems
from service.artifacts import Artifacts, NoSpace, Received, TooLarge
from service.auth.requires import requires
from service.dependencies import AttemptId, SettingsDep, StoreDep
from service.errors import RequestRefused
from service.routes import PROBLEMS
from studies.contract.columns import MAX_COUNT
from studies.contract.digest import content_digest, sha256_of
from studies.contract.scopes import Scope
from studies.contract.worker_protocol import MAX_TOKEN_CHARS, CheckpointInfo
from studies.errors import NotFound

ARCHIVE = "application/x-tar"
LEASE, STEP, DIGEST = "Stagetune-Lease", "Stagetune-Step", "Content-Digest"

router = APIRouter(
    prefix="/api/v1/attempts", tags=["workers"], responses=PROBLEMS, dependencies=[requires(Scope.WORKER)]
)


def get_artifacts(request: Request) -> Artifacts:
    artifacts: Artifacts = request.app.state.artifacts
    return artifacts


def get_digest(content_digest: Annotated[str, Header(alias=DIGEST, max_length=200)]) -> str:
    digest = sha256_of(content_digest)
    if digest is None:
        detail = f"Send the archive's SHA-256 as '{DIGEST}: sha-256=:BASE64:'."
        raise RequestRefused(problems.INVALID_REQUEST, detail, (f"header.{DIGEST}: must hold a sha-256",))
    return digest


ArtifactsDep = Annotated[Artifacts, Depends(get_artifacts)]
LeaseToken = Annotated[str, Header(alias=LEASE, max_length=MAX_TOKEN_CHARS)]
CurrentStep = Annotated[int, Header(alias=STEP, ge=0, le=MAX_COUNT)]
Digest = Annotated[str, Depends(get_digest)]

_BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.put(
    "/{attempt_id}/checkpoint",
    openapi_extra={"requestBody": {"required": True, "content": {ARCHIVE: _BINARY}}},
)
async def put_checkpoint(
    *,
    request: Request,
    store: StoreDep,
    artifacts: ArtifactsDep,
    settings: SettingsDep,
    attempt_id: AttemptId,
    lease: LeaseToken,
    step: CurrentStep,
    digest: Digest,
) -> CheckpointInfo:
    """Keep the checkpoint of a running attempt instead of what was kept of its trial. Sent twice is as good as once."""
    await asyncio.to_thread(store.kept_checkpoint, attempt_id, lease)  # before a byte of it is taken
    received = await _receive(request, artifacts, settings.read_seconds)
    info = CheckpointInfo(attempt_id=attempt_id, step=step, bytes=received.size, sha256=received.sha256)
    if digest != received.sha256:
        await asyncio.to_thread(artifacts.discard, received)
        detail = f"What came has the SHA-256 {received.sha256}, not the one announced: send it again."
        raise RequestRefused(problems.DIGEST_MISMATCH, detail)
    await asyncio.to_thread(artifacts.put_in_place, received, info)
    # Where the lease is lost meanwhile the file stays for the sweep: an earlier copy of this request may have been
    # kept, and then it is the one that the next attempt resumes from.
    before = await asyncio.to_thread(store.keep_checkpoint, attempt_id, lease, info)
    if before is not None and artifacts.path(before) != artifacts.path(info):
        await asyncio.to_thread(artifacts.drop, before)
    return info


@router.get(
    "/{attempt_id}/checkpoint",
    response_class=FileResponse,
    responses={200: {"content": {ARCHIVE: _BINARY}}},
)
def get_checkpoint(store: StoreDep, artifacts: ArtifactsDep, attempt_id: AttemptId, lease: LeaseToken) -> FileResponse:
    """Return what is kept of the attempt's trial, whichever attempt has handed it in."""
    info = store.kept_checkpoint(attempt_id, lease)
    path = None if info is None else artifacts.path(info)
    if info is None or path is None or not path.is_file():
        raise NotFound("No checkpoint of this trial is kept here: begin with what the worker has.")
    return FileResponse(path, media_type=ARCHIVE, headers={DIGEST: content_digest(info.sha256), STEP: str(info.step)})


async def _receive(request: Request, artifacts: Artifacts, chunk_seconds: float) -> Received:
    """Take the body to disk; refuse what is too large, too slow, or has no room."""
    declared = request.headers.get("content-length", "0")
    try:
        size = int(declared) if declared.isdecimal() else 0
        if size > artifacts.max_bytes:
            raise TooLarge
        await asyncio.to_thread(artifacts.require_room, size)
        return await artifacts.receive(_in_time(request.stream(), chunk_seconds))
    except TooLarge as fault:
        limit = f"A checkpoint may have {artifacts.max_bytes:,} bytes here (STAGETUNE_MAX_CHECKPOINT_BYTES)"
        advice = "share --workdir between the workers instead, and start them with --checkpoints local."
        raise RequestRefused(problems.BODY_TOO_LARGE, f"{limit}: {advice}") from fault
    except NoSpace as fault:
        advice = "free space there, or raise STAGETUNE_MAX_ARTIFACT_BYTES."
        raise RequestRefused(problems.ARTIFACTS_FULL, f"No checkpoint can be kept, {fault}: {advice}") from fault
    except (TimeoutError, ClientDisconnect) as fault:
        detail = f"The body broke off, or nothing of it came for {chunk_seconds:g} seconds: send it again."
        raise RequestRefused(problems.BODY_TOO_SLOW, detail) from fault


async def _in_time(chunks: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """Yield the chunks of a body; each has to come within so many seconds.

    Raises:
        TimeoutError: one did not.
    """
    while True:
        async with asyncio.timeout(seconds):
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
        yield chunk
