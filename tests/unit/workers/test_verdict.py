"""How an attempt ended, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from workers.verdict import MAX_MESSAGE, MAX_TRACEBACK, Remains, StopRequest, judge, last_words, ran_out_of_memory

PAUSE = StopRequest("stopped", "the study was paused")
DRAIN = StopRequest("preempted", "the worker is shutting down")
ERROR = {"type": "ValueError", "message": "lr is odd", "traceback": "..."}
NO_MEMORY = {"type": "OutOfMemoryError", "message": "CUDA out of memory", "traceback": "..."}
FAILED = {"kind": "failed", "error": ERROR}
SHORT = {"kind": "failed", "error": NO_MEMORY}
EVICTED = {"kind": "evicted", "reason": "these runs cannot train as one program"}
CROWDED = {"kind": "evicted", "reason": "cuda:0 ran out of memory with 8 runs in one pack"}


def finished(state: str, reason: str = "") -> dict[str, Any]:
    return {"kind": "finished", "state": state, "step": 40, "reason": reason}


@pytest.mark.parametrize(
    ("remains", "state", "words"),
    [
        pytest.param(Remains(finished("completed"), 0), "completed", "", id="completed"),
        pytest.param(Remains(finished("completed"), 0, stop=PAUSE), "completed", "", id="done before the stop"),
        pytest.param(Remains(finished("diverged", "loss was nan"), 0), "diverged", "loss was nan", id="diverged"),
        pytest.param(Remains(finished("stopped"), 0, stop=PAUSE), "stopped", "paused: stopped at step 40", id="pause"),
        pytest.param(Remains(finished("stopped"), 0, stop=DRAIN), "preempted", "shutting down", id="drain"),
        pytest.param(Remains(None, 9, stop=DRAIN), "preempted", "before it could save", id="killed after the grace"),
        pytest.param(Remains(None, 256, ERROR, PAUSE), "stopped", "before it could save", id="raised while stopping"),
        pytest.param(Remains(stop=DRAIN, began=False), "preempted", "it had not begun", id="never started"),
        pytest.param(Remains(FAILED, stop=PAUSE), "stopped", "before it could save", id="said so while stopping"),
        pytest.param(Remains(finished("stopped"), 0), "preempted", "SIGTERM", id="someone else's SIGTERM"),
        pytest.param(Remains(None, 256, ERROR), "failed", "ValueError: lr is odd (see the log)", id="exception"),
        pytest.param(Remains(None, 9), "failed", "killed by SIGKILL, perhaps out of memory", id="out of memory"),
        pytest.param(Remains(None, 11), "failed", "killed by SIGSEGV", id="segfault"),
        pytest.param(Remains(None, 0), "failed", "exited with code 0 before it had finished", id="exit 0"),
        pytest.param(Remains(None, 3 << 8), "failed", "exited with code 3", id="exit 3"),
        pytest.param(Remains(None, None), "failed", "keeper", id="keeper gone"),
        pytest.param(Remains(FAILED, 256), "failed", "ValueError: lr is odd (see the log)", id="says its exception"),
        pytest.param(Remains(None, None, trouble="no space left"), "failed", "no space left", id="never came to run"),
        pytest.param(
            Remains(None, 11, output="a\nb"), "failed", "SIGSEGV (see the log); it printed last: b", id="output"
        ),
        pytest.param(
            Remains(None, 9, others=3), "evicted", "shared with 3 more, ended: killed by SIGKILL", id="pack dies"
        ),
        pytest.param(Remains(None, 256, ERROR, others=1), "evicted", "ValueError: lr is odd", id="pack raises"),
        pytest.param(Remains(None, 9, stop=PAUSE, others=3), "stopped", "paused", id="pack dies while stopping"),
        pytest.param(Remains(EVICTED), "evicted", "cannot train as one program", id="given back"),
        pytest.param(Remains(EVICTED, stop=DRAIN), "preempted", "shutting down", id="given back while draining"),
        pytest.param(Remains(EVICTED, alone=True), "failed", "cannot train as one program", id="given back alone"),
        pytest.param(Remains(SHORT), "evicted", "out of memory beside other runs", id="out of memory beside others"),
        pytest.param(Remains(SHORT, alone=True), "failed", "use a smaller batch", id="out of memory alone"),
        pytest.param(Remains(None, 256, NO_MEMORY), "evicted", "out of memory beside", id="the process as a whole"),
    ],
)
def test_judge(remains: Remains, state: str, words: str) -> None:
    outcome = judge(remains)
    assert outcome.state == state
    assert words in outcome.reason


@pytest.mark.parametrize(
    ("remains", "expected"),
    [
        (Remains(SHORT), True),
        (Remains(None, 256, NO_MEMORY), True),
        (Remains(CROWDED), True),
        (Remains(EVICTED), False),
        (Remains(FAILED), False),
        (Remains(finished("completed")), False),
        (Remains(None, 9), False),
    ],
)
def test_whether_it_was_memory_that_was_lacking(remains: Remains, expected: bool) -> None:
    assert ran_out_of_memory(remains) is expected


def test_last_words_of_any_length_are_cut_and_others_are_none() -> None:
    long = {"kind": "failed", "error": {"type": "T", "message": "m" * 10**5, "traceback": "t" * 10**6, "extra": {}}}
    said = last_words(long)
    assert said
    assert [len(text) for text in said["error"].values()] == [1, MAX_MESSAGE, MAX_TRACEBACK]
    assert last_words({"kind": "failed", "error": {"type": {}}}) is None
    assert last_words({"kind": "points"}) is None


def test_the_error_record_travels_with_the_outcome() -> None:
    assert judge(Remains(None, 256, ERROR)).error == ERROR


def test_a_reason_of_any_length_fits_the_contract() -> None:
    assert len(judge(Remains(None, 256, ERROR | {"message": "x" * 50_000})).reason) <= 10_000
