"""How much memory a program takes at its peak, measured from within its process."""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import torch

from workers.gauges import Gauges

CONTEXT_BYTES = 600 * 2**20
"""Of a CUDA context with its libraries, where the driver does not tell what this process holds."""

_RESET_PEAK = "5"
"""What Linux wants written to ``clear_refs`` to set the peak of resident memory back to its present size."""


class Footprint:
    """Peaks on one device, one program after another, while earlier ones stay in memory.

    A process with that program alone takes what everything else takes (context, libraries, data: what was there when
    the footprint was opened), and what the program adds at its peak.

    Args:
        device: ``cpu`` or ``cuda:N``; the data are loaded already.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._card = device != "cpu"
        gc.collect()  # What is garbage already would hide as much of what comes.
        self._base = self._held_on_card() if self._card else _own_memory()
        self._before = 0 if self._card else _resident()
        self.restart()

    def restart(self) -> None:
        """Look at what comes from now on."""
        gc.collect()
        if self._card:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = torch.cuda.memory_reserved(self._device)
        else:
            # What earlier programs left behind is reused, so it counts for this one as well.
            _forget_peak()

    def peak(self) -> int:
        """Return the bytes that a process would take with nothing but the program that ran since `restart`.

        On a card these are the blocks that torch holds, gaps between tensors included, as the driver sees them too.
        """
        now = torch.cuda.max_memory_reserved(self._device) if self._card else _peak_resident()
        return self._base + max(0, now - self._before)

    def _held_on_card(self) -> int:
        """The context and the data: as the driver sees them, or as far as torch can tell."""
        torch.cuda.synchronize(self._device)
        torch.cuda.empty_cache()
        gauges = Gauges.open()
        held = gauges.held_by(self._device, os.getpid())
        gauges.close()
        return CONTEXT_BYTES + torch.cuda.memory_reserved(self._device) if held is None else held


def _own_memory() -> int:
    """Pages of this process alone: those shared with the parent that forked it are not its own."""
    return int(psutil.Process().memory_full_info().uss)


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


def _peak_resident() -> int:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024
    return _resident()


def _forget_peak() -> None:
    """Where the system does not let us, the peak is that of all programs so far: too much, which does no harm."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
