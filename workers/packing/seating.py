"""Seats: how the runs of several classes are divided among packs under way and processes that start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from studies.contract.packing import RunProfile
from workers.packing.device_state import DeviceState, LivePack
from workers.packing.estimates import reservation, widest
from workers.packing.sizes import in_bytes, width_of

UNKNOWN_SHARE = 4
"""A process of which nothing is known gets one part in so many of a card's budget, and no more."""


@dataclass
class Free:
    """What a device has left while a plan is made.

    Attributes:
        places: further runs.
        processes: further processes.
        running: processes there are, those of the plan included.
        memory: bytes; None where they bound nothing.
    """

    places: int
    processes: int
    running: int
    memory: int | None

    @classmethod
    def of(cls, device: DeviceState) -> Free:
        """Return what is left beside the packs that are there. A probe has no member, but it is a process."""
        held = sum(pack.reserved_bytes for pack in device.packs)
        return cls(
            places=max(0, device.capacity - sum(len(pack.members) for pack in device.packs)),
            processes=max(0, device.max_processes - len(device.packs)),
            running=len(device.packs),
            memory=None if device.budget_bytes is None else max(0, device.budget_bytes - held),
        )

    def fitting(self, profile: RunProfile) -> int:
        """Return the width at which a process of this class could start, 0 if it could not."""
        if not self.places or not self.processes or self._past_the_best(profile):
            return 0
        return widest(profile, self.memory, width_of(profile))

    def open(self, profile: RunProfile) -> int:
        """Take what a process of this class needs; return its width, 0 if there is not enough left."""
        width = self.fitting(profile)
        if width:
            self._take(reservation(profile, width))
        return width

    def refusal(self, profile: RunProfile, device: DeviceState) -> str:
        """Say what a run of this class waits for."""
        if not self.places:
            return f"all {device.capacity} places of {device.name} are taken"
        if not self.processes:
            return f"all {device.max_processes} processes that {device.name} may have are running"
        if self._past_the_best(profile):
            return f"more than {profile.processes} processes side by side do not raise the throughput of {device.name}"
        return (
            f"needs {in_bytes(reservation(profile, 1))} of memory on {device.name}, of which "
            f"{in_bytes(self.memory or 0)} are free"
        )

    def refusal_of_unknown(self, device: DeviceState) -> str | None:
        """Say why a process of which nothing is known cannot start now, None if it can."""
        if not self.places:
            return f"all {device.capacity} places of {device.name} are taken"
        if not self.processes:
            return f"has to be measured, and all {device.max_processes} processes of {device.name} are running"
        if self.memory is not None and self.memory < share_of_unknown(device):
            return f"has to be measured, and only {in_bytes(self.memory)} are free on {device.name}"
        return None

    def take_unknown(self, device: DeviceState) -> int:
        """Take what such a process may use, and return it in bytes."""
        self._take(share_of_unknown(device))
        return share_of_unknown(device)

    def _past_the_best(self, profile: RunProfile) -> bool:
        return profile.processes is not None and self.running >= profile.processes

    def _take(self, reserved_bytes: int) -> None:
        self.processes -= 1
        self.running += 1
        if self.memory is not None:
            self.memory -= reserved_bytes


def share_of_unknown(device: DeviceState) -> int:
    """Return the bytes for a process of which nothing is known: a core's part of the memory, or a part of the card."""
    parts = max(device.max_processes, 1) if device.name == "cpu" else UNKNOWN_SHARE
    return (device.budget_bytes or 0) // parts


@dataclass
class Start:
    """A process that is to start."""

    width: int
    reserved_bytes: int
    attempts: list[str]


@dataclass
class Claim:
    """What the runs of one class ask for, and what they have got.

    Attributes:
        packs: under way, with a free seat.
        pending: attempts without a seat, in order.
        joins: attempts by the pack under way that they go to.
        starts: processes for the others.
    """

    profile: RunProfile
    packs: Mapping[str, LivePack]
    pending: list[str] = field(default_factory=list)
    joins: dict[str, list[str]] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)

    @property
    def reservation(self) -> int:
        return reservation(self.profile, width_of(self.profile))

    @property
    def crowding(self) -> float:
        """Runs per process, if no further process starts."""
        seated = sum(len(pack.members) for pack in self.packs.values())
        seated += sum(map(len, self.joins.values())) + sum(len(start.attempts) for start in self.starts)
        processes = len(self.packs) + len(self.starts)
        return (seated + len(self.pending)) / processes if processes else float("inf")

    def start(self, free: Free) -> bool:
        """Start a process with the first pending run in it, if what is left allows it."""
        if not self.pending or not (width := free.open(self.profile)):
            return False
        free.places -= 1
        self.starts.append(Start(width, reservation(self.profile, width), [self.pending.pop(0)]))
        return True

    def sit(self, free: Free) -> bool:
        """Seat the first pending run where the fewest are, if there is a seat; packs under way come first."""
        rows = [row for row in self._rows() if row[0] < row[1]]
        if not self.pending or not rows or not free.places:
            return False
        free.places -= 1
        min(rows, key=lambda row: row[0])[2].append(self.pending.pop(0))
        return True

    def _rows(self) -> list[tuple[int, int, list[str]]]:
        """Return (members, width, newcomers) of each process."""
        under_way = [
            (len(pack.members) + len(newcomers), pack.width, newcomers)
            for pack in self.packs.values()
            for newcomers in [self.joins.setdefault(pack.pack_id, [])]
        ]
        return under_way + [(len(start.attempts), start.width, start.attempts) for start in self.starts]


def seat(claims: Sequence[Claim], free: Free, *, spread: bool) -> None:
    """Give the claims' runs seats until nothing more fits.

    Args:
        claims: largest first.
        free: what the device has left; what is given is taken from it.
        spread: start processes as long as some class has more than one run in a process, instead of filling them.
    """
    for claim in claims:
        if not claim.packs:
            claim.start(free)
    if spread:
        _spread(claims, free)
    moved = True
    while moved:
        for claim in claims:
            while claim.sit(free):
                continue
        started = [claim.start(free) for claim in claims]
        moved = any(started)


def _spread(claims: Sequence[Claim], free: Free) -> None:
    """Give the most crowded class another process, again and again."""
    while crowded := [each for each in claims if each.pending and each.crowding > 1 and free.fitting(each.profile)]:
        max(crowded, key=lambda claim: claim.crowding).start(free)
