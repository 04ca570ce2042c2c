"""Syncs that arrive while a transaction is at work make up the next one: a group commit.

A thousand nodes a second would be a thousand transactions, each with its statements, its locks and its wait for the
disk. Together they are a few dozen, and the busier the server is the larger each gets: a node alone waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from studies.contract.worker_protocol import SyncAnswer, SyncRequest
from studies.storage.port import StudyStore

MOST_TOGETHER = 64
"""Syncs in one transaction: beyond that they only wait longer for each other."""

MOST_POINTS = 262_144
"""Points in one transaction, one sync at least: what others wait for stays well below a second."""


@dataclass(frozen=True)
class _Waiting:
    worker_id: str
    request: SyncRequest
    points: int
    answer: asyncio.Future[SyncAnswer]


class Gathering:
    """Takes syncs on the event loop and has the store do them in a thread, all that wait at a time."""

    def __init__(self, store: StudyStore) -> None:
        self._store = store
        self._waiting: deque[_Waiting] = deque()
        self._work: asyncio.Task[None] | None = None

    async def sync(self, worker_id: str, request: SyncRequest) -> SyncAnswer:
        """Return the answer to a worker's sync; see `StudyStore.sync`."""
        answer: asyncio.Future[SyncAnswer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(worker_id, request, request.points, answer))
        if self._work is None:
            self._work = asyncio.create_task(self._do_all(), name="syncs")
        return await answer

    async def _do_all(self) -> None:
        try:
            while self._waiting:
                await self._do(self._next())
        finally:
            self._work = None

    def _next(self) -> list[_Waiting]:
        """Take who comes next, each worker once: a request that was sent twice is taken one after the other."""
        together: dict[str, _Waiting] = {}
        later: list[_Waiting] = []
        points = 0
        while self._waiting and len(together) < MOST_TOGETHER:
            item = self._waiting.popleft()
            if item.answer.done():  # its client has hung up
                continue
            if item.worker_id in together or (together and points + item.points > MOST_POINTS):
                later.append(item)
                continue
            together[item.worker_id] = item
            points += item.points
        self._waiting.extendleft(reversed(later))
        return list(together.values())

    async def _do(self, items: Sequence[_Waiting]) -> None:
        news = [(item.worker_id, item.request) for item in items]
        try:
            answers = await asyncio.to_thread(self._store.sync_all, news)
        except Exception as error:  # raised again in every request that it concerns
            answers = [error] * len(items)
        for item, answer in zip(items, answers, strict=True):
            _tell(item.answer, answer)


def _tell(waiting: asyncio.Future[SyncAnswer], answer: SyncAnswer | Exception) -> None:
    if waiting.done():
        return
    if isinstance(answer, Exception):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
