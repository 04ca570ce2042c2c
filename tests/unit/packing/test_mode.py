"""How much packing a worker does."""

from __future__ import annotations

import pytest

from studies.contract.packing import EngineTiming, RunProfile
from workers.packing.mode import Packing, seen, unfused, within

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


def test_how_many_processes_pay_says_nothing_of_another_way_to_train() -> None:
    assert unfused(FUSED.model_copy(update={"processes": 1})).processes is None


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [(64, ("batched", 16)), (16, ("batched", 16)), (4, ("batched", 4)), (1, ("serial_channels_last", 1))],
)
def test_a_pack_is_no_wider_than_the_device_takes_runs(capacity: int, expected: tuple[str, int]) -> None:
    profile = within(FUSED, capacity)
    assert profile
    assert (profile.engine, profile.width) == expected
    assert within(None, capacity) is None


def test_what_does_not_pay_for_so_few_is_not_fused_for_them() -> None:
    dear = FUSED.model_copy(update={"alone_rate": 40.0})  # A step of 16 takes as long as one each of 8 alone.
    for capacity, engine in ((7, "serial_channels_last"), (8, "batched")):
        profile = within(dear, capacity)
        assert profile
        assert profile.engine == engine


def test_a_profile_that_is_not_fused_stays_as_it_is() -> None:
    serial = FUSED.model_copy(update={"engine": "serial", "width": 1})
    assert unfused(serial) == serial
