"""One attempt on a worker: whatever goes wrong with it stays its own affair."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studies.contract.worker_protocol import MAX_LOG_CHARS, MAX_POINTS_PER_CHUNK, AttemptReport, SyncRequest
from tests.integration.worker_harness import lease
from workers.agent import MAX_BYTES_PER_SYNC, _bounded
from workers.attempt import Attempt
from workers.channel import Frame
from workers.run_directory import RunDirectory

Say = Callable[[Frame], None]


class Ended:
    """The handle of a run that has ended well."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.ended.set_result(0)


class Supervisor:
    """Starts runs that say what the test wants, in this process."""

    def __init__(self, run: Callable[[RunDirectory, Say], None]) -> None:
        self._run = run

    async def launch(self, _lease: Any, home: RunDirectory, on_frame: Say) -> Ended:
        self._run(home, on_frame)
        return Ended()


def lived(folder: Path, run: Callable[[RunDirectory, Say], None], attempt_id: str = "at_1") -> Attempt:
    attempt = Attempt(lease(attempt_id, trial_id=f"tr_{attempt_id}"), folder, grace_seconds=1.0)
    asyncio.run(attempt.live(Supervisor(run)))  # type: ignore[arg-type]
    return attempt


def points(count: int) -> Frame:
    return {"kind": "points", "points": {"loss": [list(range(1, count + 1)), [0.123456789] * count]}}


def last_words(attempt: Attempt) -> AttemptReport:
    while (report := attempt.report()).outcome is None:
        attempt.acknowledge()
    return report


@pytest.mark.parametrize(
    "fault", [OSError("no space left"), ValueError("odd"), KeyError("nobody thought of it"), RuntimeError("x" * 20_000)]
)
def test_a_fault_while_running_it_fails_this_attempt_with_the_reason(tmp_path: Path, fault: Exception) -> None:
    def run(home: RunDirectory, say: Say) -> None:
        raise fault

    outcome = last_words(lived(tmp_path, run)).outcome
    assert outcome is not None
    assert outcome.state == "failed"
    assert f"the worker could not run it: {type(fault).__name__}" in outcome.reason


def test_points_that_no_server_could_store_never_reach_a_request(tmp_path: Path) -> None:
    def run(home: RunDirectory, say: Say) -> None:
        say({"kind": "points", "points": {"loss": [[2**31], [1.0]]}})

    report = last_words(lived(tmp_path, run))
    assert report.outcome is not None
    assert "steps have to lie in" in report.outcome.reason


def test_a_run_directory_that_is_gone_keeps_nothing_from_the_server(tmp_path: Path) -> None:
    def run(home: RunDirectory, say: Say) -> None:
        say(points(5))
        say({"kind": "finished", "state": "completed", "step": 5, "reason": ""})
        shutil.rmtree(tmp_path)

    attempt = lived(tmp_path, run)
    report = attempt.report()
    attempt.acknowledge()
    assert [list(chunk.steps) for chunk in report.metrics] == [[1, 2, 3, 4, 5]]
    assert attempt.settled


def test_a_request_stays_within_its_bound_and_everyone_is_heard_of(tmp_path: Path) -> None:
    def run(home: RunDirectory, say: Say) -> None:
        home.log.write_text("\a" * MAX_LOG_CHARS)
        say(points(8 * MAX_POINTS_PER_CHUNK))

    attempts = [lived(tmp_path, run, f"at_{number}") for number in range(10)]
    reports = tuple(_bounded(attempts))
    assert [report.attempt_id for report in reports] == [attempt.lease.attempt_id for attempt in attempts]
    assert 0 < sum(bool(report.metrics) for report in reports) < len(reports)
    assert len(SyncRequest(attempts=reports).model_dump_json()) < MAX_BYTES_PER_SYNC + 10_000
