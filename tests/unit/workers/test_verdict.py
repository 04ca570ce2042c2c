"""How an attempt ended, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from workers.verdict import Remains, StopRequest, judge

PAUSE = StopRequest("stopped", "the study was paused")
DRAIN = StopRequest("preempted", "the worker is shutting down")
ERROR = {"type": "ValueError", "message": "lr is odd", "traceback": "..."}


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
        pytest.param(Remains(None, None, stop=DRAIN), "preempted", "before it could save", id="never started"),
        pytest.param(Remains(finished("stopped"), 0), "preempted", "SIGTERM", id="someone else's SIGTERM"),
        pytest.param(Remains(None, 256, ERROR), "failed", "ValueError: lr is odd (see the log)", id="exception"),
        pytest.param(Remains(None, 9), "failed", "killed by SIGKILL, perhaps out of memory", id="out of memory"),
        pytest.param(Remains(None, 11), "failed", "killed by SIGSEGV", id="segfault"),
        pytest.param(Remains(None, 0), "failed", "exited with code 0 before it had finished", id="exit 0"),
        pytest.param(Remains(None, 3 << 8), "failed", "exited with code 3", id="exit 3"),
        pytest.param(Remains(None, None), "failed", "keeper", id="keeper gone"),
    ],
)
def test_judge(remains: Remains, state: str, words: str) -> None:
    outcome = judge(remains)
    assert outcome.state == state
    assert words in outcome.reason


def test_the_error_record_travels_with_the_outcome() -> None:
    assert judge(Remains(None, 256, ERROR)).error == ERROR


def test_a_reason_of_any_length_fits_the_contract() -> None:
    assert len(judge(Remains(None, 256, ERROR | {"message": "x" * 50_000})).reason) <= 10_000
