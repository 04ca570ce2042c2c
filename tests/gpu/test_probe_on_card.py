"""The probe and the gauges on a real card; without one these tests skip themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tests.unit.workers.packs import Script, build_task, trial
from workers.gauges import Gauges
from workers.runtime.footprint import Footprint
from workers.runtime.probe import measure

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

CARD = "cuda:0"


def test_small_nets_gain_by_fusing_on_a_card(tmp_path: Path) -> None:
    """A launch-bound net: eight members cost a card little more than one."""
    run = trial(1, num_steps=5000).model_copy(update={"precision": "float32"})
    context = Script(run, tmp_path).context(CARD)
    profile = measure(context, build_task(context), CARD, torch.cuda.get_device_name(CARD))
    assert profile.engine not in ("serial", "serial_channels_last")
    assert max(timing.samples_per_second for timing in profile.timings) > 2 * profile.alone_rate
    assert profile.base_bytes > 100 * 2**20  # the context is in it


def test_a_footprint_counts_what_was_held_at_its_peak() -> None:
    torch.zeros(1, device=CARD)
    footprint = Footprint(CARD)
    nothing = footprint.peak()
    large = torch.empty(256 * 2**20, dtype=torch.uint8, device=CARD)
    del large
    assert 250 * 2**20 <= footprint.peak() - nothing <= 300 * 2**20
    footprint.restart()
    assert footprint.peak() - nothing < 50 * 2**20


def test_the_gauges_see_this_process_where_the_driver_lists_it() -> None:
    held_tensor = torch.empty(512 * 2**20, dtype=torch.uint8, device=CARD)
    gauges = Gauges.open()
    reading = gauges.reading(CARD)
    held = gauges.held_by(CARD, os.getpid())
    gauges.close()
    assert reading.memory_used_bytes is None or reading.memory_used_bytes > held_tensor.numel()
    assert held is None or held > held_tensor.numel()  # a container may hide process ids from the driver's list
