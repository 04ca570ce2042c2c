"""What a pack's process was launched with, and what it has shown of itself since."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from studies.contract.packing import Engine
from workers.channel import BrokenFrame
from workers.pack_protocol import PackOrder
from workers.packing.sizes import is_serial

LONGEST_NOTE = 1000
"""As `PackReport.note` takes it."""


@dataclass(frozen=True)
class PackTerms:
    """What a pack was launched with.

    Attributes:
        lone_engine: how it trains while its members are fewer than `fused_from`.
        fused_from: members from which on `engine` pays.
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
    lone_engine: Engine = "serial"
    fused_from: int = 2
    alone: bool = False
    probe: bool = False
    reserved_bytes: int = 0
    memory_fraction: float | None = None
    note: str = ""

    @property
    def single(self) -> bool:
        """Whether one run is all that the process trains: its end is then the end of the process's whole tree."""
        return self.width == 1

    def words(self, members: int) -> str:
        """Return the note for people, and why a pack of so many members is not fused just now."""
        few = not self.probe and not is_serial(self.engine) and members < self.fused_from
        now = "one run for now" if members == 1 else f"{members} runs for now, one after another"
        return f"{now}; {self.note}"[:LONGEST_NOTE] if few and members else self.note

    def order(self, members: tuple[tuple[str, str], ...]) -> PackOrder:
        return PackOrder(
            device=self.device,
            device_model=self.device_model,
            engine=self.engine,
            width=self.width,
            lone_engine=self.lone_engine,
            fused_from=self.fused_from,
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
