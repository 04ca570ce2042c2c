"""Curves on their way: nothing twice, nothing lost, and a history that fits a checkpoint."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from workers.runtime.history import HISTORY_STEPS, History
from workers.runtime.pace import Pace
from workers.runtime.recorder import Readback, Recorder
from workers.runtime.reporter import Reporter


class Sent:
    """A reporter's frames, and its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.frames: list[dict[str, Any]] = []
        self.recorder = Recorder(Reporter(lambda frame: self.frames.append(dict(frame)), lambda: self.now))

    def curve(self, name: str) -> dict[int, float]:
        parts = [frame["points"].get(name, ((), ())) for frame in self.frames if frame["kind"] == "points"]
        return {step: value for steps, values in parts for step, value in zip(steps, values, strict=True)}


@pytest.fixture
def sent() -> Sent:
    return Sent()


def test_points_wait_until_it_is_time_to_send_them(sent: Sent) -> None:
    sent.recorder.begin()
    for step in (1, 2):
        sent.recorder.record(step, 0.5, 1.0, 0.1)
        sent.recorder.flush_if_due()
    assert sent.curve("loss") == {}
    sent.now = 1.0
    sent.recorder.flush_if_due()
    assert sent.curve("loss") == {1: 0.5, 2: 0.5}
    assert sent.curve("lr") == {1: 0.1, 2: 0.1}


def test_a_step_done_again_is_not_recorded_again(sent: Sent) -> None:
    sent.recorder.begin()
    for step in (1, 2, 3, 2, 3, 4):
        sent.recorder.record(step, float(step), 1.0, 0.1)
        sent.recorder.evaluated(step, {"dev_loss": step})
        sent.recorder.flush()
    assert sent.curve("loss") == {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}
    assert [frame["step"] for frame in sent.frames if frame["kind"] == "evaluated"] == [1, 2, 3, 4]


def test_a_resumed_run_repeats_what_was_not_acknowledged_and_forgets_what_lies_beyond_its_checkpoint() -> None:
    before = Sent()
    for step in (1, 2, 3, 4):
        before.recorder.record(step, float(step), 1.0, 0.1)
    after = Sent()
    after.recorder.resume(before.recorder.history(), 3, 1)
    after.recorder.record(4, 40.0, 1.0, 0.1)
    after.recorder.flush()
    assert after.frames[0] == {"kind": "started", "step": 3, "note": "resumed from the checkpoint of step 3"}
    assert after.curve("loss") == {2: 2.0, 3: 3.0, 4: 40.0}


def test_the_history_keeps_the_latest_steps_of_each_metric() -> None:
    history = History()
    history.extend({"loss": (range(HISTORY_STEPS + 5), [0.5] * (HISTORY_STEPS + 5)), "dev_loss": ([7], [0.1])})
    state = history.state()
    assert state["loss"]["steps"][[0, -1]].tolist() == [5, HISTORY_STEPS + 4]
    assert state["dev_loss"]["values"].tolist() == [0.1]
    assert dict(History.of(state, 10**6).after(HISTORY_STEPS + 3)) == {"loss": ([HISTORY_STEPS + 4], [0.5])}


def test_what_waits_on_the_device_is_read_back_at_once() -> None:
    readback = Readback(capacity=2)
    readback.put(torch.tensor([[1.0, 2.0], [0.0, 1.0]]), [0.1, 0.2])
    assert not readback.full
    readback.put(torch.tensor([[3.0, 4.0], [0.5, 0.5]]), [0.1, 0.3])
    assert readback.full
    assert readback.take() == [([1.0, 2.0], [0.0, 1.0], [0.1, 0.2]), ([3.0, 4.0], [0.5, 0.5], [0.1, 0.3])]
    assert readback.take() == []


def test_the_pace_is_told_about_once_a_second() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    told = []
    for tick in range(1, 31):
        now[0] = tick / 10
        told.append(pace.count(64))
    assert [rate for rate in told if rate] == pytest.approx([640.0] * 3)
    now[0] = 100.0
    pace.restart()
    now[0] = 102.0
    assert pace.count(64) == 32.0
