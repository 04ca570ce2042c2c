"""What the packing bench found: one measurement per case, number of runs and way, and what follows from them."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from workers.gauges import Gauges

SWEEP_RUNS = 12
SWEEP_STEPS = 1000

SERIAL_MODES = ("serial", "channels_last", "cuda_graph")
"""Ways that train one run after another."""

IN_WORDS = {
    "serial": "one after another",
    "channels_last": "one after another, channels last",
    "cuda_graph": "one after another, CUDA graph",
    "processes": "processes side by side",
    "vmap": "fused, vmap",
    "batched": "fused, batched layers",
    "packs": "fused, one pack a core",
}


@dataclass(frozen=True)
class Measurement:
    """K runs of a case trained in one way.

    Attributes:
        members: K.
        rates: samples times members per second, one a repeat; all ways of one repeat were timed turn by turn.
        memory_bytes: of all the processes together.
        skipped: why there is no measurement.
    """

    case: str
    members: int
    mode: str
    batch: int
    rates: tuple[float, ...] = ()
    memory_bytes: int | None = None
    skipped: str = ""

    @property
    def mean(self) -> float:
        return mean(self.rates)

    @property
    def spread(self) -> float:
        """Standard deviation over the repeats."""
        return stdev(self.rates) if len(self.rates) > 1 else 0.0

    def seconds_for(self, runs: int, steps: int = SWEEP_STEPS) -> float:
        """How long so many runs take at this rate."""
        return runs * steps * self.batch / self.mean


class Results:
    """Measurements, looked up."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self.measurements = tuple(measurements)
        self._by_key = {(each.case, each.members, each.mode): each for each in self.measurements if each.rates}

    def find(self, case: str, members: int, mode: str) -> Measurement | None:
        return self._by_key.get((case, members, mode))

    def gain(self, found: Measurement, over: Sequence[str] = ("serial",)) -> float | None:
        """Return how many times faster than the best of the ways `over`, repeat by repeat; None without those."""
        others = [other for mode in over if (other := self.find(found.case, found.members, mode))]
        if not others:
            return None
        best = max(others, key=lambda other: other.mean)
        return mean(one / other for one, other in zip(found.rates, best.rates, strict=True))

    def sweep(self, case: str, mode: str) -> float | None:
        """Return the seconds for the runs of a sweep, trained in this way all at once."""
        found = self.find(case, SWEEP_RUNS, mode)
        return found.seconds_for(SWEEP_RUNS) if found else None

    def document(self, device: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Return everything for the JSON file."""
        return {
            "machine": machine(device),
            "settings": settings,
            "sweep": {"runs": SWEEP_RUNS, "steps": SWEEP_STEPS},
            "measurements": [self._row(each) for each in self.measurements],
        }

    def _row(self, each: Measurement) -> dict[str, Any]:
        if not each.rates:
            return asdict(each)
        derived = {
            "mean": each.mean,
            "spread": each.spread,
            "gain_over_serial": self.gain(each),
            "gain_over_best_serial": self.gain(each, SERIAL_MODES),
            "sweep_seconds": each.seconds_for(SWEEP_RUNS) if each.members == SWEEP_RUNS else None,
        }
        return asdict(each) | derived


def machine(device: str) -> dict[str, Any]:
    """Return the hardware and the versions that the figures hold for."""
    gauges = Gauges.open()
    mps = gauges.mps(device)
    gauges.close()
    card = device != "cpu"
    return {
        "device": torch.cuda.get_device_name(device) if card else _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "cuda": torch.version.cuda if card else None,
        "mps": mps,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _processor() -> str:
    """The CPU's name as Linux has it; the architecture elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
