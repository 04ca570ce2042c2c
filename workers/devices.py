"""What a node has to offer, found out without loading torch."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from studies.contract.worker_protocol import Device

RUNS_PER_CORE = 16
RUNS_PER_CARD = 64
"""Bounds where the user names none. What a device really takes at once is measured, class by class."""

_DEVICE = re.compile(r"cpu|cuda:[0-9]{1,3}")
_NODE = re.compile(r"nvidia[0-9]+")


class UnknownDevice(ValueError):
    """``--devices`` names what this node does not have."""


def find_devices(wanted: str = "auto", max_runs: int | None = None, *, packed: bool = True) -> tuple[Device, ...]:
    """Return the devices to offer.

    Args:
        wanted: ``auto`` (all CUDA devices, or the CPU where there is none), or a list such as ``cpu`` or
            ``cuda:0,cuda:1``.
        max_runs: runs per device at once, in all processes together; a default bound for each kind of device if None.
        packed: whether several runs may share a core or a card; if not, the default is one run for each.

    Raises:
        UnknownDevice: a name that is malformed, repeated or not there; the message lists what is.
    """
    present = {device.name: device for device in (*cuda_devices(), cpu_device())}
    names = _default(present) if wanted == "auto" else _parse(wanted)
    missing = [name for name in names if name not in present]
    if missing:
        raise UnknownDevice(f"no device {missing[0]} on this node: choose from {', '.join(present)}")
    chosen = [present[name] for name in names]
    return tuple(_with_capacity(device, max_runs or _most_runs(device, packed=packed)) for device in chosen)


def cpu_device() -> Device:
    """All cores of the node are one device."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Device(name="cpu", model=_cpu_model(), memory_bytes=memory)


def cuda_devices() -> tuple[Device, ...]:
    """Ask the driver's management library, or count the device files where it is not installed.

    With ``CUDA_VISIBLE_DEVICES`` the runs see only those devices, numbered from 0, and so do we.
    """
    found = _from_nvml() or _from_device_files()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    kept = found if visible is None else _visible(found, visible)
    return tuple(device.model_copy(update={"name": f"cuda:{index}"}) for index, device in enumerate(kept))


def _from_nvml() -> list[Device]:
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []  # No driver on this node.
    try:
        return [_describe(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()


def _describe(pynvml: Any, index: int) -> Device:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    return Device(name=f"cuda:{index}", model=str(pynvml.nvmlDeviceGetName(handle)), memory_bytes=memory)


def _from_device_files(folder: Path = Path("/dev")) -> list[Device]:
    count = sum(1 for path in folder.glob("nvidia*") if _NODE.fullmatch(path.name))
    return [Device(name=f"cuda:{index}") for index in range(count)]


def _visible(found: Sequence[Device], visible: str) -> list[Device]:
    """CUDA's rule: the list ends at the first entry that names no device. Entries may be UUIDs, which we only count."""
    kept: list[Device] = []
    for entry in filter(None, (part.strip() for part in visible.split(","))):
        if (entry.isdigit() and int(entry) >= len(found)) or entry.startswith("-"):
            break
        kept.append(found[int(entry)] if entry.isdigit() else found[min(len(kept), len(found) - 1)])
    return kept if found else []


def software() -> str:
    """Return what runs are trained with, such as ``torch 2.14.1``; empty where that is not installed."""
    try:
        return f"torch {metadata.version('torch')}"[:100]
    except metadata.PackageNotFoundError:
        return ""


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _most_runs(device: Device, *, packed: bool) -> int:
    if device.name == "cpu":
        return cores() * (RUNS_PER_CORE if packed else 1)
    return RUNS_PER_CARD if packed else 1


def _cpu_model(info: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name: what was measured on one model says nothing of another."""
    try:
        lines = info.read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())[:200]


def _default(present: dict[str, Device]) -> list[str]:
    return [name for name in present if name.startswith("cuda")] or ["cpu"]


def _parse(wanted: str) -> list[str]:
    names = [name.strip() for name in wanted.split(",")]
    for name in names:
        if not _DEVICE.fullmatch(name):
            raise UnknownDevice(f"{name!r} is no device: write auto, cpu or a list such as cuda:0,cuda:1")
    if len(set(names)) < len(names):
        raise UnknownDevice(f"{wanted!r} names a device twice")
    return names


def _with_capacity(device: Device, runs: int) -> Device:
    return device.model_copy(update={"capacity": runs})
