"""Why trials wait: a sentence for every reason there is, and none where the next sync starts one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from studies.contract.packing import PackReport
from studies.contract.states import StudyState
from studies.contract.worker_protocol import DeviceStatus
from studies.storage.granting import Queued
from studies.storage.quarantine import drained, quarantined
from studies.storage.records import AttemptRecord, DeviceRecord, StudyRecord, WorkerRecord
from studies.storage.waiting import waiting_because
from tests.builders import function_spec, spec

BUILTIN = StudyRecord("st", "digits", spec(), StudyState.RUNNING, 0.0, 0.0)
FUNCTION = StudyRecord("st", "own", function_spec(), StudyState.RUNNING, 0.0, 0.0)
CLASS = "function/0123456789abcdef"
TRIAL = Queued("tr", "st", CLASS)
ALONE = Queued("tr", "st", CLASS, alone=True)
PROBE = PackReport(run_class=CLASS, note="measuring")


def device(
    capacity: int = 2, room: Mapping[str, int] | None = None, packs: tuple[PackReport, ...] = ()
) -> DeviceRecord:
    return DeviceRecord("cuda:0", capacity=capacity, status=DeviceStatus(room=dict(room or {}), packs=packs))


def node(name: str = "node", *devices: DeviceRecord, allow: str = "train.py:*") -> WorkerRecord:
    return WorkerRecord(f"wk_{name}", name, "host", "", (), (allow,), 0.0, 0.0, devices or (device(),))


def live(count: int, worker: str = "wk_node", **fields: Any) -> list[AttemptRecord]:
    return [
        AttemptRecord(f"at{n}", "other", "st", 0, worker, "cuda:0", "token", 0.0, 0.0, **fields) for n in range(count)
    ]


BAD = quarantined(node("bad"), "why", 0.0)


@pytest.mark.parametrize(
    ("alive", "running", "trial", "expected"),
    [
        pytest.param([node()], [], TRIAL, "", id="it is about to start"),
        pytest.param([], [], TRIAL, "No worker is connected: start one with", id="no worker heard of"),
        pytest.param([node(allow="x.py:*")], [], TRIAL, "--allow 'train.py:train'", id="nobody allows it"),
        pytest.param([BAD], [], TRIAL, "bad is quarantined. See why", id="quarantined"),
        pytest.param([drained(node(), 0.0), BAD], [], TRIAL, "bad is quarantined, as are 1 more", id="all are held"),
        pytest.param([drained(node(), 0.0)], [], TRIAL, "`stagetune workers release node`", id="draining"),
        pytest.param([BAD, node()], [], TRIAL, "", id="one of two is held"),
        pytest.param([node("node", device(0))], [], TRIAL, "still starting, or about to stop", id="no capacity"),
        pytest.param([node()], live(2), TRIAL, "All 2 places", id="all places are taken"),
        pytest.param([node()], live(1), TRIAL, "", id="one place is left"),
        pytest.param([node()], live(1, alone=True), TRIAL, "All 2 places", id="one that is alone has it all"),
        pytest.param([node()], live(1), ALONE, "waits for a device that is free", id="has to be alone"),
        pytest.param([node()], [], ALONE, "", id="has to be alone, and is"),
        pytest.param([node("node", device(room={CLASS: 0}))], [], TRIAL, "enough free memory", id="no such memory"),
        pytest.param(
            [node("node", device(room={CLASS: 0}, packs=(PROBE,)))], [], TRIAL, "measuring", id="being measured"
        ),
        pytest.param([node("node", device(room={CLASS: 0}))], live(1), TRIAL, "memory is full", id="memory is full"),
        pytest.param(
            [node("node", device(room={CLASS: 0})), node("b")],
            live(2, "wk_b"),
            TRIAL,
            "measuring",
            id="one is too small",
        ),
    ],
)
def test_why_a_trial_of_a_running_study_waits(
    alive: list[WorkerRecord], running: list[AttemptRecord], trial: Queued, expected: str
) -> None:
    because = waiting_because(FUNCTION, [trial], alive, running)
    assert bool(because) == bool(expected)
    assert expected in because


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (StudyState.PAUSED, "stagetune resume st"),
        (StudyState.AWAITING_APPROVAL, "stagetune approve st"),
        (StudyState.CANCELLED, ""),
        (StudyState.FAILED, ""),
    ],
)
def test_studies_that_nobody_works_on(state: StudyState, expected: str) -> None:
    study = StudyRecord("st", "own", function_spec(), state, 0.0, 0.0)
    because = waiting_because(study, [TRIAL], [], [])
    assert (expected in because, bool(because)) == (True, bool(expected))


def test_a_builtin_objective_that_nobody_has() -> None:
    assert "install stagetune[worker]" in waiting_because(BUILTIN, [TRIAL], [node()], [])


def test_a_device_kept_free_for_a_run_that_must_be_alone() -> None:
    kept = {("wk_node", "cuda:0")}
    assert "kept free" in waiting_because(FUNCTION, [TRIAL], [node()], [], kept)
    assert waiting_because(FUNCTION, [ALONE], [node()], [], kept) == ""
    assert waiting_because(FUNCTION, [TRIAL], [node(), node("b")], [], kept) == ""


def test_a_study_waits_only_where_none_of_its_trials_can_start() -> None:
    small = [node("node", device(room={CLASS: 0}))]
    fits = Queued("tr2", "st", "function/fits")
    assert waiting_because(FUNCTION, [TRIAL, fits], small, []) == ""
    assert "memory" in waiting_because(FUNCTION, [TRIAL], small, [])


def test_nothing_waits() -> None:
    assert waiting_because(FUNCTION, [], [], []) == ""
