"""What a pack's process was launched with, and what it has shown of itself since."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from studies.contract.packing import Engine
from workers.channel import BrokenFrame
from workers.pack_protocol import PackOrder


@dataclass(frozen=True)
class PackTerms:
    """What a pack was launched with.

    Attributes:
        alone: nothing else may run on the device while it does.
        reserved_bytes: memory that was set aside for it.
        memory_fraction: share of the device that its process may allocate, None for no bound.
        note: for people: why it trains as it does.
    """

    pack_id: str
    device: str
    device_model: str
    run_class: str
    engine: Engine = "serial"
    width: int = 1
    alone: bool = False
    probe: bool = False
    reserved_bytes: int = 0
    memory_fraction: float | None = None
    note: str = ""

    @property
    def single(self) -> bool:
        """Whether one run is all that the process trains: its end is then the end of the process's whole tree."""
        return self.width == 1

    def order(self, members: tuple[tuple[str, str], ...]) -> PackOrder:
        return PackOrder(
            device=self.device,
            device_model=self.device_model,
            engine=self.engine,
            width=self.width,
            members=members,
            probe=self.probe,
            memory_fraction=self.memory_fraction,
        )


@dataclass(frozen=True)
class Pace:
    """How fast a pack was when it last said so, and the memory of its process where it can tell."""

    samples_per_second: float
    memory_bytes: int | None

    @classmethod
    def checked(cls, samples_per_second: float, memory_bytes: object) -> Pace:
        """Return what the process said.

        Raises:
            BrokenFrame: no speed, or no number of bytes.
        """
        known = isinstance(memory_bytes, int) and memory_bytes >= 0
        if not (isfinite(samples_per_second) and samples_per_second >= 0 and (known or memory_bytes is None)):
            raise BrokenFrame("a pack's pace is no number")
        return cls(samples_per_second, memory_bytes if isinstance(memory_bytes, int) else None)


@dataclass(frozen=True)
class Peak:
    """The most memory that a process was seen with, and its members then."""

    held_bytes: int = 0
    members: int = 1
