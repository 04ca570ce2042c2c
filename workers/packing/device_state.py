"""What the plan knows of a device: its bounds, the processes on it, and the runs that want to go there."""

from __future__ import annotations

from dataclasses import dataclass

from studies.contract.packing import Engine, RunProfile


@dataclass(frozen=True)
class Want:
    """A leased run that no process has taken yet.

    Attributes:
        profile: what is known of its class here; None asks for a measurement first.
        alone: nothing else may run on the device while it does.
    """

    attempt_id: str
    run_class: str
    profile: RunProfile | None
    alone: bool = False


@dataclass(frozen=True)
class LivePack:
    """A process on the device.

    Attributes:
        fused: whether runs of its class may still join it.
        members: attempts in it now.
        width: most members that it may have.
        alone: its only member must not have neighbours.
        reserved_bytes: what was set aside for it.
        probing: it measures a class and has no members.
    """

    pack_id: str
    run_class: str
    fused: bool
    members: tuple[str, ...]
    width: int
    alone: bool = False
    reserved_bytes: int = 0
    probing: bool = False


@dataclass(frozen=True)
class DeviceState:
    """A device now.

    Attributes:
        capacity: most runs at once, in all processes together.
        max_processes: most processes at once (on a CPU the cores that may be used, since each takes one thread).
        budget_bytes: memory that runs may use in all; None where it is not known, so that it bounds nothing.
    """

    name: str
    capacity: int
    max_processes: int
    budget_bytes: int | None
    packs: tuple[LivePack, ...] = ()


@dataclass(frozen=True)
class Probe:
    """Measure this class of runs, with this run as its specimen, before anything of it starts.

    Attributes:
        reserved_bytes: set aside for it while it measures, and its cap; 0 where the budget is not known.
    """

    attempt_id: str
    run_class: str
    reserved_bytes: int = 0


@dataclass(frozen=True)
class Join:
    """Send these runs to a fused pack that is under way."""

    pack_id: str
    attempts: tuple[str, ...]


@dataclass(frozen=True)
class Launch:
    """Start a process with these runs as its first members."""

    attempts: tuple[str, ...]
    run_class: str
    engine: Engine
    width: int
    reserved_bytes: int
    alone: bool = False


@dataclass(frozen=True)
class Wait:
    """Nothing for this run now, and why."""

    attempt_id: str
    reason: str


Placement = Probe | Join | Launch | Wait
