"""Gauges of a device, read without torch: memory, of it all and of one process; how busy it is; whether MPS runs.

Everything is None where it cannot be told: no driver, no permission, a container that hides process ids.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

MPS_DAEMON = "nvidia-cuda-mps-control"
MPS_PIPES = Path("/tmp/nvidia-mps")  # noqa: S108  # where NVIDIA documents it, unless CUDA_MPS_PIPE_DIRECTORY says else
CARD = "cuda:"


@dataclass(frozen=True)
class Reading:
    """A device at one moment.

    Attributes:
        memory_used_bytes: by everybody.
        memory_free_bytes: what could be had now.
        utilization: between 0 and 1: on a card the share of time with a kernel running, on a CPU of all its cores.
    """

    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    utilization: float | None = None


class Gauges:
    """Reads the node's devices by the names that `workers.devices` gives them.

    Args:
        library: NVIDIA's management library, initialised; None where there is none.
        environ: where ``CUDA_VISIBLE_DEVICES`` and ``CUDA_MPS_PIPE_DIRECTORY`` are looked up.
    """

    def __init__(self, library: Any | None, environ: Mapping[str, str] = os.environ) -> None:
        self._library = library
        self._environ = environ

    @classmethod
    def open(cls) -> Gauges:
        """Return gauges that use the management library if it is installed and finds a driver."""
        try:
            import pynvml
        except ImportError:
            return cls(None)
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            return cls(None)
        return cls(pynvml)

    def close(self) -> None:
        if self._library is not None:
            with suppress(self._library.NVMLError):
                self._library.nvmlShutdown()
            self._library = None

    def reading(self, device: str) -> Reading:
        """Return the state of ``cpu`` or ``cuda:N`` now."""
        if not device.startswith(CARD):
            return _main_memory()
        handle = self._handle(device)
        return Reading() if handle is None else _card(self._library, handle)

    def held_by(self, device: str, pid: int) -> int | None:
        """Return the bytes that a process holds on the device, its descendants included; contexts count."""
        tree = _tree(pid)
        if not device.startswith(CARD):
            return _own_memory(tree)
        handle = self._handle(device)
        return None if handle is None else self._held_on_card(handle, {process.pid for process in tree})

    def mps(self, device: str) -> bool | None:
        """Say whether NVIDIA's multi-process service can be reached: processes then share a card without taking turns.

        Its control daemon leaves a pipe ``control`` in its folder, and is a process of that name. A pipe without a
        process is a leftover, or the daemon is outside of this container: that cannot be told.
        """
        if not device.startswith(CARD):
            return None
        folder = Path(self._environ.get("CUDA_MPS_PIPE_DIRECTORY") or MPS_PIPES)
        if not (folder / "control").exists():
            return False
        return True if _runs(MPS_DAEMON) else None

    # --- cards -------------------------------------------------------------------------------------------------------

    def _handle(self, device: str) -> Any | None:
        """Find a card as CUDA numbers it: among the visible ones, which are indices or UUIDs."""
        if self._library is None:
            return None
        index = int(device.removeprefix(CARD))
        visible = self._environ.get("CUDA_VISIBLE_DEVICES")
        entries = None if visible is None else [entry.strip() for entry in visible.split(",")]
        if entries is not None and index >= len(entries):
            return None
        entry = str(index) if entries is None else entries[index]
        try:
            if entry.isdigit():
                return self._library.nvmlDeviceGetHandleByIndex(int(entry))
            return self._library.nvmlDeviceGetHandleByUUID(entry)
        except self._library.NVMLError:
            return None

    def _held_on_card(self, handle: Any, pids: set[int]) -> int | None:
        """Sum over the processes; a client of MPS is listed apart, and one may be listed twice."""
        held: dict[int, int] = {}
        for process in self._processes_on(handle):
            if process.pid in pids and process.usedGpuMemory is not None:
                held[process.pid] = max(held.get(process.pid, 0), int(process.usedGpuMemory))
        return sum(held.values()) if held else None

    def _processes_on(self, handle: Any) -> Iterable[Any]:
        library = self._library
        for name in ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetMPSComputeRunningProcesses"):
            if ask := getattr(library, name, None):
                with suppress(library.NVMLError):  # type: ignore[union-attr]
                    yield from ask(handle)


def _card(library: Any, handle: Any) -> Reading:
    try:
        memory = library.nvmlDeviceGetMemoryInfo(handle)
    except library.NVMLError:
        return Reading()
    try:
        utilization = library.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    except library.NVMLError:  # not offered by every card (a MIG slice has none)
        utilization = None
    return Reading(int(memory.total), int(memory.used), int(memory.free), utilization)


# --- the CPU ---------------------------------------------------------------------------------------------------------


def _main_memory() -> Reading:
    memory = psutil.virtual_memory()
    used = int(memory.total - memory.available)
    return Reading(int(memory.total), used, int(memory.available), psutil.cpu_percent() / 100)


def _tree(pid: int) -> list[psutil.Process]:
    """Return the process and its descendants, none if it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _own_memory(tree: Iterable[psutil.Process]) -> int | None:
    """Sum what would be free if these processes ended: pages shared with a parent that forked them do not count."""
    held = [held for process in tree if (held := _own_memory_of(process)) is not None]
    return sum(held) if held else None


def _own_memory_of(process: psutil.Process) -> int | None:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return None


def _runs(name: str) -> bool:
    return any(process.info["name"] == name for process in psutil.process_iter(["name"]))
