"""What a run takes, as its worker sees it: the peak of its process, and its own speed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract import wire
from studies.contract.packing import MAX_BYTES
from studies.contract.worker_protocol import AttemptReport
from tests.unit.workers.fake_processes import Process
from tests.unit.workers.test_pack import Scene, play
from workers.usage import SHORTEST_SECONDS, Usage


def test_of_memory_the_most_is_kept() -> None:
    usage = Usage({})
    assert usage.figures() == {"peak_memory_bytes": None, "samples_per_second": None}
    for held in (5, 9, 7):
        usage.saw_memory(held)
    assert usage.figures()["peak_memory_bytes"] == 9
    usage.saw_memory(2 * MAX_BYTES)
    assert usage.figures()["peak_memory_bytes"] == MAX_BYTES


@given(st.lists(st.floats(0, 1e307), min_size=1, max_size=20))
def test_speed_is_the_mean_of_what_was_said(paces: list[float]) -> None:
    usage = Usage({"batch_size": 64})
    usage.heard_step(1, 0.0)
    usage.heard_step(9, 9.0)
    for pace in paces:
        usage.heard_pace(pace)
    assert usage.samples_per_second == pytest.approx(sum(paces) / len(paces), rel=1e-6)


@pytest.mark.parametrize(
    ("params", "steps", "speed"),
    [
        pytest.param({"batch_size": 64}, [], None, id="nothing heard"),
        pytest.param({"batch_size": 64}, [(10, 5.0)], None, id="one step"),
        pytest.param({"batch_size": 64}, [(10, 5.0), (20, 5.0 + SHORTEST_SECONDS / 2)], None, id="too short"),
        pytest.param({"batch_size": 64}, [(10, 5.0), (15, 6.0), (30, 9.0)], 320.0, id="from the first to the last"),
        pytest.param({"batch_size": 64}, [(10, 5.0), (10, 9.0)], None, id="no progress"),
        pytest.param({}, [(10, 5.0), (30, 9.0)], None, id="of unknown batch size"),
        pytest.param({"batch_size": "all"}, [(10, 5.0), (30, 9.0)], None, id="a batch size in words"),
        pytest.param({"batch_size": 1e308}, [(10, 5.0), (3000, 9.0)], None, id="beyond all numbers"),
    ],
)
def test_where_nobody_says_how_fast_it_is_the_steps_do(
    params: dict[str, object], steps: list[tuple[int, float]], speed: float | None
) -> None:
    usage = Usage(params)
    for step, now in steps:
        usage.heard_step(step, now)
    assert usage.samples_per_second == speed


def told(tmp_path: Path, act: Callable[[Scene, Process], None], **terms: Any) -> list[tuple[int | None, float | None]]:
    scene = Scene(tmp_path, 2, **terms)

    async def acting() -> None:
        act(scene, scene.process)

    asyncio.run(scene.play(acting))
    reports = [attempt.report() for attempt in scene.attempts]
    return [(report.peak_memory_bytes, report.samples_per_second) for report in reports]


def test_members_of_a_pack_share_its_memory_and_part_its_speed(tmp_path: Path) -> None:
    def act(scene: Scene, process: Process) -> None:
        process.take("at_0", "at_1")
        process.say("pace", width=2, samples_per_second=900.0, memory_bytes=7)
        process.finish("at_1")
        process.say("pace", width=1, samples_per_second=500.0, memory_bytes=None)
        scene.pack.weigh(9)
        process.finish("at_0")

    assert told(tmp_path, act) == [(9, 475.0), (7, 450.0)]


def test_a_glance_is_told_of_members_and_changes_no_plan(tmp_path: Path) -> None:
    def act(scene: Scene, process: Process) -> None:
        process.take("at_0", "at_1")
        scene.pack.glance(5)
        assert (scene.pack.held_bytes, scene.pack.peak.held_bytes) == (None, 0)

    assert told(tmp_path, act) == [(5, None), (5, None)]


def test_what_is_told_of_a_run_goes_with_its_end_too(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1, engine="serial", width=1)

    def act(process: Process) -> None:
        process.take("at_0")
        scene.pack.weigh(3)
        process.finish("at_0")

    play(scene, act)
    attempt = scene.attempts[0]
    while (report := attempt.report()).outcome is None:
        attempt.acknowledge()
    assert report.peak_memory_bytes == 3


@pytest.mark.parametrize("form", [wire.JSON, wire.CBOR])
def test_resources_travel_in_both_forms_and_an_old_workers_report_has_none(form: str) -> None:
    report = AttemptReport(attempt_id="at", token="t", peak_memory_bytes=MAX_BYTES, samples_per_second=0.5)
    assert wire.decode(AttemptReport, wire.encode(report, form), form) == report
    old = AttemptReport.model_validate({"attempt_id": "at", "token": "t"})
    assert (old.peak_memory_bytes, old.samples_per_second) == (None, None)
