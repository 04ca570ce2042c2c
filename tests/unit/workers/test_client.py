"""What the client makes of answers and of their absence."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from studies.contract.worker_protocol import SyncAnswer, SyncRequest
from workers.client import LONGEST_PAUSE, Client, Refused, ServerTrouble, Unavailable, UnknownWorker, backoff


def sync(answer: httpx.Response | Exception) -> SyncAnswer:
    def respond(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v1/workers/wk_1/sync"
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask() -> SyncAnswer:
        client = Client("http://server/", "token", httpx.MockTransport(respond))
        try:
            return await client.sync("wk_1", SyncRequest())
        finally:
            await client.close()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("answer", "trouble", "words"),
    [
        (httpx.ConnectError("refused"), Unavailable, "is the server up"),
        (httpx.UnsupportedProtocol("no scheme"), Refused, "write it as http://HOST:PORT"),
        (httpx.ReadTimeout("slow"), Unavailable, "ReadTimeout"),
        (httpx.Response(503, json={"detail": "the database rests"}), Unavailable, "the database rests"),
        (httpx.Response(500, text="<html>"), Unavailable, "500"),
        (httpx.Response(409, json={"title": "lease-lost"}), Unavailable, "lease-lost"),
        (httpx.Response(507, json=[]), Unavailable, "507"),
        (httpx.Response(404, json={"detail": "no such worker"}), UnknownWorker, "no such worker"),
        (httpx.Response(401, json={"detail": "send a token"}), Refused, "send a token"),
        (httpx.Response(422, json={"detail": "malformed"}), Refused, "malformed"),
        (httpx.Response(200, json={"surprise": 1}), Refused, "another protocol"),
    ],
)
def test_trouble_is_sorted_by_what_can_be_done(
    answer: httpx.Response | Exception, trouble: type[ServerTrouble], words: str
) -> None:
    with pytest.raises(trouble, match=words):
        sync(answer)


def test_an_answer_is_an_answer() -> None:
    assert sync(httpx.Response(200, json={"acknowledged": ["at_1"]})).acknowledged == ("at_1",)


def test_retry_after_is_kept_to() -> None:
    with pytest.raises(Unavailable) as caught:
        sync(httpx.Response(503, headers={"Retry-After": "7"}, json={}))
    assert caught.value.retry_after == 7
    assert backoff(1, 7) == 7


def test_pauses_double_up_to_a_bound_with_jitter_below() -> None:
    assert [backoff(n, draw=1.0) for n in range(1, 7)] == [1, 2, 4, 8, LONGEST_PAUSE, LONGEST_PAUSE]
    assert backoff(3, draw=0.0) == 2
