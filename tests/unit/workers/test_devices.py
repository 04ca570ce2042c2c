"""What a node offers."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from studies.contract.worker_protocol import Device
from workers import devices
from workers.devices import UnknownDevice, find_devices


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cards = [Device(name="cuda:0", model="first"), Device(name="cuda:1", model="second")]
    monkeypatch.setattr(devices, "_from_nvml", lambda: cards)


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_from_nvml", list)
    monkeypatch.setattr(devices, "_from_device_files", list)


def names(*args: object) -> list[str]:
    return [device.name for device in find_devices(*args)]  # type: ignore[arg-type]


@pytest.mark.usefixtures("two_cards")
def test_auto_takes_all_cards_and_leaves_the_cpu() -> None:
    assert names("auto") == ["cuda:0", "cuda:1"]
    assert [device.capacity for device in find_devices("auto")] == [64, 64]
    assert [device.capacity for device in find_devices("auto", packed=False)] == [1, 1]


@pytest.mark.usefixtures("no_card")
def test_auto_takes_the_cpu_where_there_is_no_card() -> None:
    (device,) = find_devices("auto")
    assert device.name == "cpu"
    assert device.capacity == 16 * devices.cores()
    assert find_devices("cpu", packed=False)[0].capacity == devices.cores()


@pytest.mark.parametrize(
    ("info", "model"),
    [
        ("processor\t: 0\nmodel name\t: Chip 7 @ 2 GHz\nmodel name\t: Chip 8\n", "Chip 7 @ 2 GHz"),
        ("", None),
        (None, None),
    ],
)
def test_a_cpu_is_known_by_its_name(tmp_path: Path, info: str | None, model: str | None) -> None:
    path = tmp_path / "cpuinfo"
    if info is not None:
        path.write_text(info)
    assert devices._cpu_model(path) == (model or platform.processor() or platform.machine())


@pytest.mark.usefixtures("two_cards")
def test_a_list_is_taken_as_it_is_and_the_capacity_can_be_set() -> None:
    assert [(each.name, each.capacity) for each in find_devices("cuda:1, cpu", 3)] == [("cuda:1", 3), ("cpu", 3)]


@pytest.mark.usefixtures("two_cards")
@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("cuda:7", "choose from cuda:0, cuda:1, cpu"),
        ("gpu", "write auto, cpu or a list"),
        ("cpu,cpu", "twice"),
        ("", "is no device"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_what_is(wanted: str, words: str) -> None:
    with pytest.raises(UnknownDevice, match=words):
        find_devices(wanted)


@pytest.mark.usefixtures("two_cards")
@pytest.mark.parametrize(
    ("visible", "models"),
    [
        ("1", ["second"]),
        ("1,0", ["second", "first"]),
        ("", []),
        ("-1", []),
        ("0,7,1", ["first"]),
        ("GPU-ab", ["first"]),
    ],
)
def test_cuda_visible_devices_renumbers(monkeypatch: pytest.MonkeyPatch, visible: str, models: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    cards = devices.cuda_devices()
    assert [card.model for card in cards] == models
    assert [card.name for card in cards] == [f"cuda:{index}" for index in range(len(models))]


def test_without_the_library_device_files_are_counted(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert [device.name for device in devices._from_device_files(tmp_path)] == ["cuda:0", "cuda:1"]
