"""A capped process runs out of memory by itself, lets half of its pack go, and leaves nothing behind on the card."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from studies.contract.study_file import BuiltinObjective
from tests.gpu.card import CARD, needs_card
from tests.unit.workers.packs import Script, run_pack, trial
from workers.objectives.image_classification.task import ImageClassification
from workers.objectives.task import Data, Task
from workers.runtime.run_context import RunContext

pytestmark = needs_card

HIDDEN = 2**18
"""Makes a member's weights about 80 MB, most of what it needs: some five times that with all copies."""


class Wide(ImageClassification):
    def model(self, data: Data) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, data.classes))


def wide(context: RunContext) -> Task:
    assert isinstance(context.run.objective, BuiltinObjective)
    return Wide(context.run.objective.args.model_dump(), context.run.params, context.device)


@pytest.fixture
def cap() -> Iterator[None]:
    """1.5 GB for this process."""
    total = torch.cuda.get_device_properties(CARD).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.5 * 2**30 / total, CARD)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0, CARD)


def in_float32(number: int, directory: Path) -> Script:
    run = trial(number, num_steps=10, evaluate_every=10, params={"lr": 1e-4, "momentum": 0.9, "batch_size": 64})
    return Script(run.model_copy(update={"precision": "float32"}), directory)


@pytest.mark.usefixtures("cap")
def test_a_pack_that_does_not_fit_goes_on_with_those_that_do(tmp_path: Path) -> None:
    scripts = [in_float32(number, tmp_path / str(number)) for number in range(8)]
    pack = run_pack(*scripts, engine="batched", width=8, build=wide, device=CARD)
    assert not pack.failures
    assert "tr_0" in pack.endings, "the oldest stays"
    assert pack.evictions
    assert all("ran out of memory" in reason for reason in pack.evictions.values())
    gc.collect()
    assert torch.cuda.memory_allocated(CARD) < 64 * 2**20, "the exception must not have pinned a step's tensors"


@pytest.mark.usefixtures("cap")
def test_the_cap_holds_against_the_process_alone() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(2**31, dtype=torch.uint8, device=CARD)
    torch.empty(2**28, dtype=torch.uint8, device=CARD)
