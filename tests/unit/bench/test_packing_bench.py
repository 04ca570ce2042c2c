"""The packing bench: its quick form runs, and what it concludes follows from what it measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from tests.bench import packing
from tests.bench.packing_cases import Case, CaseTask, cases
from tests.bench.packing_figure import figure
from tests.bench.packing_fleet import FleetFailed, fleet
from tests.bench.packing_programs import Fused, Plain, modes_for
from tests.bench.packing_results import SWEEP_RUNS, Measurement, Results

TINY = cases()[0]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in the bench itself."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def found(mode: str, *rates: float, members: int = SWEEP_RUNS, case: str = "small_mlp") -> Measurement:
    return Measurement(case, members, mode, batch=32, rates=rates, memory_bytes=2**20)


def test_the_quick_form_writes_json_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = packing.Settings(cases=("small_mlp",), members=(1, 3), repeats=2, seconds=0.01, processes=False)
    monkeypatch.setattr(packing, "QUICK", quick)
    packing.main(["--quick", "--output", str(tmp_path)])
    document = json.loads((tmp_path / "packing.json").read_text())
    rows = {(row["members"], row["mode"]): row for row in document["measurements"]}
    assert set(rows) == {(count, mode) for count in (1, 3) for mode in ("serial", "vmap", "batched")}
    assert all(len(row["rates"]) == 2 and row["mean"] > 0 for row in rows.values())
    assert rows[1, "serial"]["gain_over_serial"] == 1.0
    assert document["machine"]["torch"] == torch.__version__
    ElementTree.parse(tmp_path / "packing.svg")


def test_gains_are_taken_repeat_by_repeat() -> None:
    """A machine that was half as fast in the second repeat changes nothing."""
    results = Results(
        [found("serial", 100.0, 50.0), found("channels_last", 200.0, 100.0), found("batched", 400.0, 200.0)]
    )
    fused = results.find("small_mlp", SWEEP_RUNS, "batched")
    assert fused is not None
    assert results.gain(fused) == 4.0
    assert results.gain(fused, ("serial", "channels_last")) == 2.0
    assert results.gain(found("vmap", 1.0, members=5)) is None


def test_a_sweep_takes_its_samples_at_the_rate() -> None:
    assert Results([found("batched", 1000.0, 3000.0)]).sweep("small_mlp", "batched") == 12 * 1000 * 32 / 2000
    assert Results([]).sweep("small_mlp", "batched") is None


def test_what_was_skipped_is_told_and_not_drawn() -> None:
    skipped = Measurement("small_mlp", SWEEP_RUNS, "vmap", 32, skipped="one step would take about 50 s")
    results = Results([found("serial", 100.0), skipped])
    assert results.document("cpu", {})["measurements"][1]["skipped"] == "one step would take about 50 s"
    assert "vmap" not in figure(results, {"device": "a <processor>"})
    assert "a &lt;processor&gt;" in figure(results, {"device": "a <processor>"})


def test_slow_ways_are_not_waited_for() -> None:
    settings = packing.Settings(cases=("small_mlp",), members=(4,), patience=0.0, processes=False)
    cell = packing._Cell(TINY, 4, settings)
    cell._build()
    assert set(cell.programs) == {"serial"}
    assert set(cell.skipped) == {"vmap", "batched"}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_cases_have_batches_that_their_models_take(case: Case) -> None:
    samples, labels = case.samples()
    assert samples.shape == (len(labels), *case.shape)
    assert int(labels.max()) < 10
    assert case.build()(samples[:2]).shape == (2, 10)
    assert CaseTask.stackable()


def test_channels_last_is_for_convolutions() -> None:
    assert modes_for(TINY, "cpu") == ["serial", "vmap", "batched"]
    assert "channels_last" in modes_for(cases()[2], "cpu")
    assert "cuda_graph" in modes_for(TINY, "cuda:0")


def test_a_fused_pack_trains_as_the_plain_loop_does() -> None:
    """Both see the same batches: the first member ends where the plain run ends, at its rate."""
    plain, fused = Plain(TINY, "cpu"), Fused(TINY, "cpu", "batched", 1)
    plain.steps(5)
    fused.steps(5)
    state = fused._cohort.model.state_dict(0)
    for name, value in plain.model.state_dict().items():
        torch.testing.assert_close(state[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.long
def test_a_fleet_trains_side_by_side_and_is_gone_afterwards() -> None:
    with fleet("small_mlp", "cpu", "batched", [2, 1]) as running:
        assert running.members == 3
        assert running.samples_per_second(0.05) > 0
        assert (running.memory_bytes() or 0) > 0
        processes = running._processes
    assert not any(process.is_alive() for process in processes)


def test_a_fleet_that_cannot_start_says_so() -> None:
    with pytest.raises(FleetFailed), fleet("small_mlp", "cpu", "no such way", [1]):
        pass
