"""One attempt on a worker: whatever goes wrong with it stays its own affair."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from studies.contract.columns import MAX_POINTS_PER_CHUNK
from studies.contract.worker_protocol import MAX_LOG_CHARS, AttemptReport, Outcome, SyncRequest
from studies.log_lines import JsonLines
from tests.integration.worker_harness import lease
from workers.agent import MAX_BYTES_PER_SYNC, _bounded
from workers.attempt import Attempt
from workers.channel import BrokenFrame, Frame
from workers.verdict import StopRequest

DONE = Outcome(state="completed")


def prepared(folder: Path, attempt_id: str = "at_1") -> Attempt:
    attempt = Attempt(lease(attempt_id, trial_id=f"tr_{attempt_id}"), folder)
    attempt.prepare()
    return attempt


def points(count: int) -> Frame:
    return {"kind": "points", "points": {"loss": [list(range(1, count + 1)), [0.123456789] * count]}}


def last_words(attempt: Attempt) -> AttemptReport:
    while (report := attempt.report()).outcome is None:
        attempt.acknowledge()
    return report


def test_points_that_no_server_could_store_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="steps have to lie in"):
        prepared(tmp_path).hear({"kind": "points", "points": {"loss": [[2**31], [1.0]]}})


def test_what_is_logged_of_a_run_carries_its_ids_and_never_its_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    caplog.handler.setFormatter(JsonLines())
    attempt = prepared(tmp_path)
    attempt.hear({"kind": "evaluated", "step": 3, "metrics": {"loss": 1.0}})
    attempt.end(Outcome(state="failed", reason="two\nlines"))
    lines = [json.loads(line) for line in caplog.text.splitlines()]
    assert [(line["attempt"], line["trial"]) for line in lines] == [("at_1", "tr_at_1")] * 2
    assert all(line["study"] == attempt.lease.run.study_id for line in lines)
    assert attempt.lease.token not in caplog.text


def test_what_is_not_of_the_protocol_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenFrame, match="'dance'"):
        prepared(tmp_path).hear({"kind": "dance"})


def test_a_run_directory_that_is_gone_keeps_nothing_from_the_server(tmp_path: Path) -> None:
    attempt = prepared(tmp_path)
    attempt.hear(points(5))
    shutil.rmtree(tmp_path)
    attempt.end(DONE)
    report = attempt.report()
    attempt.acknowledge()
    assert [list(chunk.steps) for chunk in report.metrics] == [[1, 2, 3, 4, 5]]
    assert attempt.settled


def test_the_log_goes_before_the_outcome_and_nothing_of_it_after(tmp_path: Path) -> None:
    attempt = Attempt(lease(), tmp_path)
    log = attempt.prepare() / "run.log"
    log.write_text("its own line\n")
    attempt.add_log("what its pack printed\n")
    attempt.end(DONE)
    log.write_text("of a later attempt\n")
    report = last_words(attempt)
    assert report.logs[0].text == "what its pack printed\nits own line\n"
    assert report.outcome == DONE


def test_an_attempt_that_goes_to_another_process_does_not_repeat_its_log(tmp_path: Path) -> None:
    attempt = Attempt(lease(), tmp_path)
    (attempt.prepare() / "run.log").write_text("once\n")
    attempt.report()
    attempt.acknowledge()
    attempt.prepare()
    assert attempt.report().logs == ()


def test_the_first_stop_request_counts(tmp_path: Path) -> None:
    attempt = Attempt(lease(), tmp_path)
    assert attempt.request_stop(StopRequest("stopped", "paused"))
    assert not attempt.request_stop(StopRequest("preempted", "the worker is shutting down"))
    assert attempt.stop == StopRequest("stopped", "paused")


def test_a_request_stays_within_its_bound_and_everyone_is_heard_of(tmp_path: Path) -> None:
    attempts = [prepared(tmp_path, f"at_{number}") for number in range(10)]
    for attempt in attempts:
        attempt.add_log("\a" * MAX_LOG_CHARS)
        attempt.hear(points(8 * MAX_POINTS_PER_CHUNK))
    reports = tuple(_bounded(attempts))
    assert [report.attempt_id for report in reports] == [attempt.id for attempt in attempts]
    assert 0 < sum(bool(report.metrics) for report in reports) < len(reports)
    assert len(SyncRequest(attempts=reports).model_dump_json()) < MAX_BYTES_PER_SYNC + 10_000
