"""The probe, on the digits: what it times, what it refuses, and that it leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from studies.contract.packing import EngineTiming, RunProfile
from studies.contract.worker_protocol import RunSpec
from tests.unit.workers.packs import Script, build_task, trial
from workers.objectives.image_classification.task import ImageClassification
from workers.objectives.task import Data
from workers.runtime import admission
from workers.runtime import probe as probing
from workers.runtime.probe import measure
from workers.runtime.specimen import Specimen

SHORT = 20
"""Steps of a run: its probe has next to no time, and times one fused width."""


def probed(run: RunSpec, directory: Path) -> RunProfile:
    context = Script(run, directory).context("cpu")
    return measure(context, build_task(context), "cpu", "a processor")


def ways(profile: RunProfile) -> list[tuple[str, int]]:
    return [(timing.engine, timing.width) for timing in profile.timings]


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> tuple[RunProfile, Script]:
    """The profile of a short run, and what the run said of itself meanwhile."""
    script = Script(trial(1, num_steps=SHORT), tmp_path_factory.mktemp("run"))
    context = script.context("cpu")
    return measure(context, build_task(context), "cpu", "a processor"), script


def test_a_short_run_is_timed_alone_and_at_one_fused_width(short: tuple[RunProfile, Script]) -> None:
    profile, script = short
    assert ways(profile) == [("serial", 1), ("serial_channels_last", 1), ("batched", 4)]
    assert all(timing.samples_per_second > 0 and not timing.refused for timing in profile.timings)
    assert (profile.device_model, profile.run_class) == ("a processor", script.run.run_class)
    assert f"{profile.alone_rate:,.0f} samples/s" in profile.note


def test_memory_is_that_of_a_process_of_its_own(short: tuple[RunProfile, Script]) -> None:
    profile, _ = short
    assert all(timing.memory_bytes for timing in profile.timings)
    assert profile.base_bytes > 10 * 2**20


def test_nothing_is_said_or_written(short: tuple[RunProfile, Script]) -> None:
    _, script = short
    assert script.frames == []
    assert list(script.directory.iterdir()) == []


def test_a_longer_run_is_worth_more_widths_and_vmap_or_narrower(tmp_path: Path) -> None:
    profile = probed(trial(1, model="mlp", num_steps=100_000), tmp_path)
    assert ways(profile)[0] == ("serial", 1)
    assert ("serial_channels_last", 1) not in ways(profile)  # no convolutions
    assert len(profile.timings) >= 3


class Secretive(nn.Module):
    """Branches on its data, which no engine can follow for several members at once."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(64, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.linear(images.flatten(1))
        return outputs if outputs.sum().item() > 0 else -outputs


class SecretiveTask(ImageClassification):
    def model(self, data: Data) -> nn.Module:
        return Secretive(data.classes)


def test_what_cannot_be_stacked_is_refused_in_words(tmp_path: Path) -> None:
    context = Script(trial(1, model="mlp", num_steps=SHORT), tmp_path).context("cpu")
    task = SecretiveTask(context.run.objective.args.model_dump(), context.run.params, "cpu")  # type: ignore[union-attr]
    profile = measure(context, task, "cpu", "a processor")
    assert ways(profile) == [("serial", 1), ("batched", 4), ("vmap", 4)]
    assert all(timing.refused for timing in profile.timings[1:])
    assert (profile.engine, profile.width) == ("serial", 1)
    assert "cannot be fused: " in profile.note


def test_other_results_than_alone_are_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "disagreement", lambda *_, **__: "member 1: outputs differ by 0.5")
    monkeypatch.setattr(probing, "ratio", lambda *_: 1.0)  # as if every fused step cost no more than one alone
    profile = probed(trial(1, model="mlp", num_steps=SHORT), tmp_path)
    assert {timing.refused for timing in profile.timings[1:]} == {"member 1: outputs differ by 0.5"}
    assert profile.engine == "serial"


def test_out_of_memory_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Specimen.way

    def cramped(self: Specimen, candidate: probing.Candidate) -> object:
        if candidate.width > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.\nmore")
        return build(self, candidate)

    monkeypatch.setattr(Specimen, "way", cramped)
    profile = probed(trial(1, model="mlp", num_steps=SHORT), tmp_path)
    refused = [timing for timing in profile.timings if timing.refused]
    assert refused[0] == EngineTiming(
        engine="batched", width=4, refused="OutOfMemoryError: CUDA out of memory. Tried to allocate 20 GiB."
    )
    assert profile.width == 1


ROOT = Path(__file__).resolve().parents[3]

MEASURED = """
import torch
from workers.runtime.footprint import Footprint

footprint = Footprint("cpu")
nothing = footprint.peak()
large = torch.ones(64 * 2**20, dtype=torch.uint8)
del large
most = footprint.peak() - nothing
footprint.restart()
print(most, footprint.peak() - nothing)
"""


def test_a_footprint_is_a_peak_not_what_is_left() -> None:
    """In a process of its own, as probes are: here the garbage of other tests may go at any moment."""
    told = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True, cwd=ROOT)
    most, left = map(int, told.stdout.split())
    assert 60 * 2**20 < most < 100 * 2**20
    assert left < 20 * 2**20
