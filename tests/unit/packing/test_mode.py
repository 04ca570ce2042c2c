"""How much packing a worker does."""

from __future__ import annotations

import pytest

from studies.contract.packing import EngineTiming, RunProfile
from workers.packing.mode import Packing, seen, unfused

CLASS = "builtin/" + "a" * 16
FUSED = RunProfile(
    run_class=CLASS,
    device_model="a",
    engine="batched",
    width=16,
    base_bytes=5,
    timings=(
        EngineTiming(engine="serial", samples_per_second=10),
        EngineTiming(engine="serial_channels_last", samples_per_second=12),
        EngineTiming(engine="batched", width=16, samples_per_second=90),
    ),
)


def test_auto_goes_by_what_was_measured() -> None:
    assert seen(Packing.AUTO, CLASS, "a", FUSED) == FUSED
    assert seen(Packing.AUTO, CLASS, "a", None) is None


def test_processes_takes_the_fastest_way_to_train_one_run() -> None:
    profile = seen(Packing.PROCESSES, CLASS, "a", FUSED)
    assert profile
    assert (profile.engine, profile.width, profile.base_bytes) == ("serial_channels_last", 1, 5)
    assert seen(Packing.PROCESSES, CLASS, "a", None) is None


@pytest.mark.parametrize("known", [None, FUSED])
def test_off_asks_for_nothing_and_heeds_nothing(known: RunProfile | None) -> None:
    profile = seen(Packing.OFF, CLASS, "a", known)
    assert profile
    assert (profile.engine, profile.width, profile.base_bytes) == ("serial", 1, 0)


def test_a_profile_that_is_not_fused_stays_as_it_is() -> None:
    serial = FUSED.model_copy(update={"engine": "serial", "width": 1})
    assert unfused(serial) == serial
