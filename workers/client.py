"""The worker's side of the wire: register, sync, and what to make of an answer that is none.

ServerTrouble
+-- Unavailable     try again later; nothing was lost, everything unsent is kept
+-- UnknownWorker   the server does not know this worker (any more): register again
+-- LeaseLost       the server has given this attempt's trial to someone else: stop the run
+-- Refused         the server will not talk to this worker, however often it tries: a person has to act
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import httpx
from pydantic import ValidationError

from studies.contract.base import Message
from studies.contract.digest import content_digest
from studies.contract.worker_protocol import RegisterWorker, SyncAnswer, SyncRequest, WorkerRegistered
from workers.archive import Archive

TIMEOUT = httpx.Timeout(15.0, connect=5.0)
"""Half a lease by default: a connection that has gone dead is given up while there is time for another try."""

TRANSFER_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
"""For checkpoints: a server flushes a large one to disk before it answers."""

PIECE_BYTES = 1024 * 1024
LONGEST_PAUSE = 15.0
RETRIED = frozenset({408, 409, 425, 429, 507})
"""Client errors that time may mend; 5xx are retried as well."""

AnswerT = TypeVar("AnswerT", bound=Message)


class ServerTrouble(Exception):
    """The server did not answer as hoped."""


class Unavailable(ServerTrouble):
    """The server cannot answer now. `retry_after` is its own wish in seconds, if it had one."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnknownWorker(ServerTrouble):
    """The server does not know this worker: register again."""


class LeaseLost(ServerTrouble):
    """The lease of this attempt has ended: stop its run, what it still says no longer counts."""


class Refused(ServerTrouble):
    """The server refuses this worker: see its message."""


class Client:
    """Talks to one server.

    Args:
        server: its address, e.g. ``http://127.0.0.1:8080``.
        token: sent as ``Authorization: Bearer``; None for a server without one.
        transport: for tests.
    """

    def __init__(self, server: str, token: str | None, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.server = server.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(
            base_url=f"{self.server}/api/v1", headers=headers, timeout=TIMEOUT, transport=transport
        )

    async def register(self, worker: RegisterWorker) -> WorkerRegistered:
        return await self._post("/workers", worker, WorkerRegistered)

    async def sync(self, worker_id: str, request: SyncRequest) -> SyncAnswer:
        return await self._post(f"/workers/{worker_id}/sync", request, SyncAnswer)

    async def send_checkpoint(self, attempt_id: str, token: str, archive: Archive, step: int) -> None:
        """Hand in a checkpoint, streamed from its file.

        Raises:
            LeaseLost, Unavailable, Refused: it is not kept.
        """
        headers = {
            "Stagetune-Lease": token,
            "Stagetune-Step": str(step),
            "Content-Digest": content_digest(archive.sha256),
            "Content-Length": str(archive.size),
            "Content-Type": "application/x-tar",
        }
        with archive.path.open("rb") as file, self._reachable():
            answer = await self._http.put(
                _checkpoint_path(attempt_id), content=_pieces(file), headers=headers, timeout=TRANSFER_TIMEOUT
            )
        _raise_for(answer)

    async def fetch_checkpoint(self, attempt_id: str, token: str, target: Path, most: int) -> None:
        """Fetch what the server keeps of the attempt's trial into a file, at most so many bytes.

        Raises:
            LeaseLost, Unavailable, Refused: it cannot be had.
        """
        headers, got = {"Stagetune-Lease": token}, 0
        path = _checkpoint_path(attempt_id)
        with self._reachable():
            async with self._http.stream("GET", path, headers=headers, timeout=TRANSFER_TIMEOUT) as answer:
                if not answer.is_success:
                    await answer.aread()
                _raise_for(answer)
                with target.open("wb") as file:
                    async for piece in answer.aiter_bytes(PIECE_BYTES):
                        got += len(piece)
                        if got > most:
                            raise Refused(f"the server sends more than the {most} bytes that it told of")
                        await asyncio.to_thread(file.write, piece)

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as fault:
            raise Unavailable(f"no answer from {self.server} ({type(fault).__name__}): is the server up?") from fault

    async def close(self) -> None:
        await self._http.aclose()

    async def _post(self, path: str, message: Message, answer: type[AnswerT]) -> AnswerT:
        try:
            response = await self._http.post(
                path, content=message.model_dump_json(), headers={"Content-Type": "application/json"}
            )
        except httpx.UnsupportedProtocol as fault:
            raise Refused(f"'{self.server}' is no server's address: write it as http://HOST:PORT") from fault
        except httpx.TransportError as fault:
            raise Unavailable(f"no answer from {self.server} ({type(fault).__name__}): is the server up?") from fault
        _raise_for(response)
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as fault:
            raise Refused(
                f"{self.server} answers in another protocol: is it a Stagetune server of this age?"
            ) from fault


def backoff(failures: int, retry_after: float | None = None, draw: float | None = None) -> float:
    """Return the seconds to wait after so many failures in a row: doubling from 1 s, with jitter, bounded.

    Args:
        failures: 1 or more.
        retry_after: the server's wish, kept to.
        draw: a number in [0, 1) instead of a random one, for tests. Jitter keeps a thousand workers from coming back
            in the same moment.
    """
    pause = min(LONGEST_PAUSE, 2.0 ** min(failures - 1, 10))
    jitter = random.random() if draw is None else draw  # noqa: S311  (no secret)
    return max(retry_after or 0.0, pause * (0.5 + 0.5 * jitter))


def _raise_for(response: httpx.Response) -> None:
    if response.is_success:
        return
    detail = _detail(response)
    if response.status_code == httpx.codes.NOT_FOUND and response.request.url.path.endswith("/sync"):
        raise UnknownWorker(detail)
    if response.status_code == httpx.codes.CONFLICT and _kind(response) == "lease-lost":
        raise LeaseLost(detail)
    if response.status_code in RETRIED or response.is_server_error:
        raise Unavailable(detail, _seconds(response.headers.get("Retry-After")))
    raise Refused(detail)


def _checkpoint_path(attempt_id: str) -> str:
    return f"/attempts/{attempt_id}/checkpoint"


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield piece


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _kind(response: httpx.Response) -> str:
    """Return the code of a problem, such as ``lease-lost``."""
    return str(_problem(response).get("type", "")).rpartition("/")[2]


def _detail(response: httpx.Response) -> str:
    """Return the problem's own words, with the status before them."""
    problem = _problem(response)
    words = problem.get("detail") or problem.get("title")
    return f"the server answers {response.status_code}: {words or response.reason_phrase}"


def _seconds(header: str | None) -> float | None:
    return min(float(header), LONGEST_PAUSE) if header is not None and header.isdigit() else None
