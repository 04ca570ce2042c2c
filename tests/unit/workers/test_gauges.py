"""Gauges of devices, on this machine's CPU and on a card made up here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workers import gauges
from workers.gauges import Gauges, Reading

CHILD = "import sys; held = bytearray(64 * 2**20); print(flush=True); sys.stdin.read()"


class NVMLError(Exception):
    """As pynvml's."""


class FakeNvml:
    """Two cards; handles are (index)."""

    NVMLError = NVMLError

    def __init__(self) -> None:
        self.processes: list[Any] = []
        self.mps_processes: list[Any] = []
        self.broken = False
        self.open = True

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open = False

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index > 1:
            raise NVMLError("not found")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:  # noqa: N802
        return {"GPU-one": 1}[uuid]

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802
        if self.broken:
            raise NVMLError("lost")
        return SimpleNamespace(total=80 + handle, used=30, free=50)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:  # noqa: N802
        if handle == 1:
            raise NVMLError("not supported")
        return SimpleNamespace(gpu=75)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:  # noqa: N802
        return self.processes

    def nvmlDeviceGetMPSComputeRunningProcesses(self, handle: int) -> list[Any]:  # noqa: N802
        return self.mps_processes


@pytest.fixture
def nvml() -> FakeNvml:
    return FakeNvml()


def process(pid: int, held: int | None) -> Any:
    return SimpleNamespace(pid=pid, usedGpuMemory=held)


def test_a_card(nvml: FakeNvml) -> None:
    assert Gauges(nvml, {}).reading("cuda:0") == Reading(80, 30, 50, 0.75)


def test_a_card_without_a_measure_of_utilization(nvml: FakeNvml) -> None:
    assert Gauges(nvml, {}).reading("cuda:1") == Reading(81, 30, 50, None)


@pytest.mark.parametrize(
    ("visible", "device", "total"),
    [("1,0", "cuda:0", 81), ("1", "cuda:1", None), ("GPU-one", "cuda:0", 81), ("7", "cuda:0", None)],
)
def test_cards_are_numbered_as_cuda_numbers_them(nvml: FakeNvml, visible: str, device: str, total: int | None) -> None:
    gauge = Gauges(nvml, {"CUDA_VISIBLE_DEVICES": visible})
    assert gauge.reading(device).memory_total_bytes == total


def test_what_cannot_be_told_is_none(nvml: FakeNvml) -> None:
    nvml.broken = True
    assert Gauges(nvml, {}).reading("cuda:0") == Reading()
    assert Gauges(None, {}).reading("cuda:0") == Reading()
    assert Gauges(None, {}).held_by("cuda:0", os.getpid()) is None


def test_a_process_on_a_card_counts_once_with_its_descendants(nvml: FakeNvml) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        nvml.processes = [process(os.getpid(), 100), process(child.pid, 20), process(1, 5000), process(2, None)]
        nvml.mps_processes = [process(child.pid, 30)]
        assert Gauges(nvml, {}).held_by("cuda:0", os.getpid()) == 130
        child.communicate()


def test_a_process_that_the_card_does_not_list_is_unknown(nvml: FakeNvml) -> None:
    nvml.processes = [process(1, 5000)]
    assert Gauges(nvml, {}).held_by("cuda:0", os.getpid()) is None


def test_the_cpu() -> None:
    reading = Gauges(None).reading("cpu")
    assert reading.memory_total_bytes
    assert reading.memory_used_bytes is not None
    assert reading.memory_free_bytes is not None
    assert reading.memory_used_bytes + reading.memory_free_bytes == reading.memory_total_bytes
    assert reading.utilization is not None
    assert reading.utilization >= 0


def test_a_process_on_the_cpu_is_measured_by_its_own_pages() -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        held = Gauges(None).held_by("cpu", child.pid)
        assert held is not None
        assert 64 * 2**20 < held < 200 * 2**20
        child.communicate()
    assert Gauges(None).held_by("cpu", child.pid) is None  # it has ended


def test_the_library_is_closed(nvml: FakeNvml) -> None:
    gauge = Gauges(nvml, {})
    gauge.close()
    gauge.close()
    assert not nvml.open
    assert gauge.reading("cuda:0") == Reading()


def test_there_is_no_mps_for_a_cpu() -> None:
    assert Gauges(None, {}).mps("cpu") is None


def test_mps_is_a_daemon_with_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gauge = Gauges(None, {"CUDA_MPS_PIPE_DIRECTORY": str(tmp_path)})
    running: list[str] = []
    monkeypatch.setattr(gauges, "_runs", lambda name: name in running)
    assert gauge.mps("cuda:0") is False
    (tmp_path / "control").touch()
    assert gauge.mps("cuda:0") is None  # a leftover, or a daemon outside of the container
    running.append("nvidia-cuda-mps-control")
    assert gauge.mps("cuda:0") is True


def test_a_running_process_is_found_by_its_name() -> None:
    assert gauges._runs(gauges.psutil.Process().name())
    assert not gauges._runs("no-such-daemon")
