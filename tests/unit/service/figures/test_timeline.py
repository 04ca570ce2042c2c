"""The timeline of a device: bars and blocks first, then what is drawn and said of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.figures.drawing import to_json
from service.figures.palette import DARK, LIGHT
from service.figures.timeline import FEWEST_CELLS, MOST_BARS, MOST_RUNS, TimelineData, timeline_data
from service.figures.timeline_drawing import ColorBy, Words, faces_wanted, mixed, timeline_drawing
from studies.contract.states import AttemptState
from studies.storage.port import DeviceRun, Span, TrialFace
from tests.histories import HOSTILE

HOUR = Span(0.0, 3600.0)


def run(number: int, start: float, end: float | None, state: str = "completed", **more: Any) -> DeviceRun:
    known: dict[str, Any] = {"study_id": "st_1", "pack_id": "", "engine": None} | more
    state = "running" if end is None else state
    return DeviceRun(f"at_{number}", f"tr_{number}", state=AttemptState(state), started_at=start, ended_at=end, **known)


def words(data: TimelineData, name: str = "digits", params: dict[str, Any] | None = None) -> Words:
    numbers = {item.trial_id: int(item.trial_id.removeprefix("tr_")) for item in data.runs}
    studies = {item.trial_id: item.study_id for item in data.runs}
    faces = {
        trial_id: TrialFace(studies[trial_id], f"{name}-{studies[trial_id]}", numbers[trial_id], params or {"lr": 0.1})
        for trial_id in faces_wanted(data)
    }
    return Words("cuda:0", "in the last hour", faces)


def drawn(runs: Sequence[DeviceRun], by: ColorBy = "study", **look: Any) -> tuple[TimelineData, list[Any], str]:
    data = timeline_data(runs, HOUR)
    drawing = timeline_drawing(data, words(data, **look), LIGHT, by)
    assert to_json(drawing)
    return data, drawing.figure["data"] if drawing.figure else [], drawing.sentence


# --- data ------------------------------------------------------------------------------------------------------------


def test_runs_have_slots_and_what_runs_on_ends_now() -> None:
    data = timeline_data([run(0, 0, 600), run(1, 300, None), run(2, 600, 1200)], HOUR)
    assert [(bar.slot, bar.start, bar.end) for bar in data.bars] == [(0, 0, 600), (1, 300, 3600), (0, 600, 1200)]
    assert (data.slots, data.most, data.blocks, data.busy, data.shared) == (2, 2, (), 1.0, False)


def test_a_pack_is_a_block_with_its_members_side_by_side() -> None:
    pack = {"pack_id": "pk", "engine": "vmap"}
    runs = [run(0, 0, 3000), run(1, 100, 900, **pack), run(2, 100, 1200, **pack), run(3, 900, 1500, **pack)]
    data = timeline_data(runs, HOUR)
    (block,) = data.blocks
    assert (block.slot, block.height, block.start, block.end, block.members) == (1, 2, 100, 1500, 3)
    assert [bar.slot for bar in data.bars] == [0, 1, 2, 1]
    assert data.most == 3


def test_a_process_with_one_run_is_no_block() -> None:
    data = timeline_data([run(0, 0, 60, pack_id="pk", engine="serial")], HOUR)
    assert data.blocks == ()
    assert data.slots == 1


def test_nothing_is_something_too() -> None:
    data = timeline_data([], HOUR)
    assert (data.slots, data.bars, data.busy, data.most) == (0, (), 0.0, 0)


def test_only_the_time_that_is_shown_counts_as_busy() -> None:
    assert timeline_data([run(0, -600, 900), run(1, 600, 1800)], HOUR).busy == 0.5


def test_of_a_run_that_took_a_blink_nobody_says_that_nothing_ran() -> None:
    assert "something ran less than 1 % of the time" in drawn([run(0, 600, 604)])[2]


def test_a_clock_that_went_back_makes_no_negative_run() -> None:
    (bar,) = timeline_data([run(0, 100, 90)], HOUR).bars
    assert (bar.start, bar.end) == (100, 100)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.5, 400), st.integers(MOST_BARS + 1, MOST_BARS + 300))
def test_where_there_are_many_short_ones_share_a_bar_and_none_is_lost(seed: int, longest: float, count: int) -> None:
    chance = np.random.default_rng(seed)
    starts, lengths = np.sort(chance.uniform(0, 3600, count)), chance.uniform(0, longest, count)
    runs = [run(number, start, start + lengths[number]) for number, start in enumerate(starts.tolist())]
    data = timeline_data(runs, HOUR)
    assert sorted(item for bar in data.bars for item in bar.runs) == sorted(runs)
    cells = max(FEWEST_CELLS, MOST_BARS // data.slots)
    assert len(data.bars) <= data.slots * (2 * cells + 1)
    bars = sorted(data.bars, key=lambda bar: (bar.slot, bar.start))
    assert all(one.slot < other.slot or one.end <= other.start for one, other in pairwise(bars))


def test_ten_thousand_runs_are_told_in_as_many_bars_as_a_screen_shows() -> None:
    runs = [
        run(number, start := number // 8 * 2.8, start + 2.7, study_id=f"st_{number % 3}") for number in range(MOST_RUNS)
    ]
    data, _, sentence = drawn(runs)
    assert (data.cut, data.slots, data.shared) == (True, 8, True)
    assert len(data.bars) <= 2 * MOST_BARS
    assert "At least 10,000 runs of 3 studies" in sentence
    assert "Only the latest 10,000" in sentence


# --- drawing ---------------------------------------------------------------------------------------------------------


def test_each_study_has_its_colour_and_each_end_its_pattern() -> None:
    runs = [run(0, 0, 60), run(1, 0, 60, "failed", study_id="st_2"), run(2, 70, 90, "diverged"), run(3, 80, None)]
    _, traces, _ = drawn(runs)
    first, second, *keys = traces
    assert [trace["name"] for trace in traces] == ["digits-st_1", "digits-st_2", "diverged", "failed"]
    assert first["marker"]["color"] != second["marker"]["color"]
    assert (first["marker"]["pattern"]["shape"], second["marker"]["pattern"]["shape"]) == (["", "/", ""], ["x"])
    assert all(trace["x"] == [None] for trace in keys)
    assert first["customdata"] == ["tr_0", "tr_2", "tr_3"]
    assert first["base"] == [0, 70_000, 80_000]
    assert first["x"] == [60_000, 20_000, 3_520_000]


def test_by_state_the_colours_tell_the_ends() -> None:
    _, traces, _ = drawn(
        [run(0, 0, 60), run(1, 0, 60, "expired"), run(2, 0, 60, "failed"), run(3, 0, 5, "stopped")], "state"
    )
    assert {trace["name"]: len(trace["y"]) for trace in traces} == {
        "completed": 1,
        "failed": 2,
        "cut short": 1,
    }


def test_a_study_has_the_same_colour_whatever_else_is_shown() -> None:
    _, (alone,), _ = drawn([run(0, 0, 60, study_id="st_b")])
    _, both, _ = drawn([run(0, 0, 60, study_id="st_b"), run(1, 0, 60, study_id="st_c")])
    colors = {trace["name"]: trace["marker"]["color"] for trace in both}
    assert colors["digits-st_b"] == alone["marker"]["color"]
    assert len(set(colors.values())) == 2


def test_hovering_tells_the_trial_its_parameters_and_its_end() -> None:
    _, (trace,), _ = drawn([run(7, 30, 95, "diverged")], "state", params={"lr": 0.05, "batch_size": 32})
    assert trace["hovertext"] == [
        "digits-st_1 #7<br>lr 0.05 · batch size 32<br>diverged: 01 Jan 00:00:30 UTC, 1 min 5 s"
    ]
    assert trace["text"] == ["#7"]


def test_what_users_wrote_is_never_markup_and_never_longer_than_a_line() -> None:
    runs = [run(0, 0, 60)]
    _, (trace, *_), _ = drawn(runs, name=HOSTILE + "x" * 500, params={"name": HOSTILE + "y" * 500})
    assert "<b>" not in trace["name"] + trace["hovertext"][0]
    assert len(trace["name"]) < 80
    assert "x" * 100 not in trace["hovertext"][0]
    assert "y" * 200 not in trace["hovertext"][0]


def test_a_trial_that_is_gone_is_shown_without_words() -> None:
    data = timeline_data([run(0, 0, 60)], HOUR)
    drawing = timeline_drawing(data, Words("cpu", "so far", {}), DARK, "study")
    assert drawing.figure is not None
    (trace,) = drawing.figure["data"]
    assert (trace["name"], trace["text"]) == ("a study that is gone", [""])
    assert drawing.table.rows[0][:2] == ("—", "—")


def test_the_sentence_says_what_the_figure_shows() -> None:
    pack = {"pack_id": "pk", "engine": "batched"}
    _, _, sentence = drawn([run(0, 0, 900, **pack), run(1, 0, 900, "failed", **pack), run(2, 900, 1800)])
    assert sentence == (
        "3 runs on cuda:0 in the last hour, up to 2 at once; something ran 50 % of the time; 1 failed. "
        "A frame holds runs that trained as one program."
    )
    assert drawn([])[2] == "Nothing ran on cuda:0 in the last hour."


def test_the_table_lists_the_latest_first() -> None:
    data = timeline_data([run(0, 0, 60), run(1, 60, None)], HOUR)
    table = timeline_drawing(data, words(data), LIGHT, "study").table
    assert table.columns == ("trial", "study", "slot", "began (UTC)", "lasted", "end")
    assert table.rows == (
        ("#1", "digits-st_1", "1", "01 Jan 00:01:00", "59 min", "running"),
        ("#0", "digits-st_1", "1", "01 Jan 00:00:00", "1 min", "completed"),
    )


@pytest.mark.parametrize(("share", "expected"), [(0.0, "#ffffff"), (1.0, "#0072b2"), (0.5, "#80b8d8")])
def test_a_tint_lies_between_its_colours(share: float, expected: str) -> None:
    assert mixed("#0072b2", "#ffffff", share) == expected
