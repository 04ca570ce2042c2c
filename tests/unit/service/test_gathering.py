"""Syncs that wait together are done together, each worker's in turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from service.gathering import MOST_TOGETHER, Gathering
from studies.contract.worker_protocol import SyncAnswer, SyncRequest
from studies.errors import NotFound, StorageUnavailable
from studies.storage import MemoryStore
from tests import builders as build

News = Sequence[tuple[str, SyncRequest]]


class Slow(MemoryStore):
    """Does one batch after the other, each when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.let = threading.Semaphore(0)
        self.away = False

    def sync_all(self, news: News) -> Sequence[SyncAnswer | Exception]:
        assert self.let.acquire(timeout=10)
        self.batches.append([worker_id for worker_id, _ in news])
        if self.away:
            raise StorageUnavailable
        return [NotFound(worker_id) if worker_id == "unknown" else SyncAnswer() for worker_id, _ in news]


def run(store: Slow, *worker_ids: str, lets: int = 50) -> list[SyncAnswer | BaseException]:
    """Send the first sync, the others while it is at work, and let the store do all of them."""

    async def story() -> list[SyncAnswer | BaseException]:
        gathering = Gathering(store)
        tasks = []
        for worker_id in worker_ids:
            tasks.append(asyncio.create_task(gathering.sync(worker_id, build.sync())))
            await asyncio.sleep(0)
        store.let.release(lets)
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(story())


def test_what_waits_meanwhile_is_done_together() -> None:
    store = Slow()
    answers = run(store, "a", "b", "c", "d")
    assert answers == [SyncAnswer()] * 4
    assert store.batches == [["a"], ["b", "c", "d"]]


def test_a_worker_that_asks_twice_is_taken_one_after_the_other() -> None:
    store = Slow()
    run(store, "a", "b", "b", "c", "b")
    assert store.batches == [["a"], ["b", "c"], ["b"], ["b"]]


def test_a_batch_is_bounded() -> None:
    store = Slow()
    run(store, *(f"w{number}" for number in range(MOST_TOGETHER + 3)))
    assert list(map(len, store.batches)) == [1, MOST_TOGETHER, 2]


def test_an_unknown_worker_hears_of_it_alone() -> None:
    answers = run(Slow(), "unknown", "b")
    assert isinstance(answers[0], NotFound)
    assert answers[1] == SyncAnswer()


def test_a_database_that_is_away_is_asked_once_for_all() -> None:
    store = Slow()
    store.away = True
    answers = run(store, "a", "b", "c")
    assert [type(answer) for answer in answers] == [StorageUnavailable] * 3
    assert store.batches == [["a"], ["b", "c"]]


def test_who_has_hung_up_is_not_waited_for() -> None:
    store = Slow()

    async def story() -> SyncAnswer:
        gathering = Gathering(store)
        first = asyncio.create_task(gathering.sync("a", build.sync()))
        await asyncio.sleep(0)
        gone = asyncio.create_task(gathering.sync("b", build.sync()))
        last = asyncio.create_task(gathering.sync("c", build.sync()))
        await asyncio.sleep(0)
        gone.cancel()
        store.let.release(10)
        await first
        return await last

    assert asyncio.run(story()) == SyncAnswer()
    assert store.batches == [["a"], ["c"]]
