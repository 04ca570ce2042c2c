"""Free places and who may run what."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from studies.storage.leasing import free_places
from studies.storage.records import AttemptRecord, DeviceRecord

NAMES = ["cpu", "cuda:0", "cuda:1"]


def _attempt(device: str) -> AttemptRecord:
    return AttemptRecord("at", "tr", "st", 0, "wk", device, "token", 0.0, 0.0)


@given(
    capacities=st.lists(st.integers(0, 5), min_size=3, max_size=3),
    used=st.lists(st.sampled_from(NAMES), max_size=12),
)
def test_places_fill_each_device_to_its_capacity_and_no_further(capacities: list[int], used: list[str]) -> None:
    devices = [DeviceRecord(name, capacity=capacity) for name, capacity in zip(NAMES, capacities, strict=True)]
    given = Counter(free_places(devices, [_attempt(device) for device in used]))
    taken = Counter(used)
    for device in devices:
        assert given[device.name] == max(0, device.capacity - taken[device.name])


def test_the_emptiest_device_comes_first() -> None:
    devices = [DeviceRecord("cuda:0", capacity=2), DeviceRecord("cuda:1", capacity=3)]
    assert free_places(devices, [_attempt("cuda:0")]) == ["cuda:1", "cuda:1", "cuda:0", "cuda:1"]
