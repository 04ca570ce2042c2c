"""A simulated device with memory, a throughput curve and OOM, and the queue that plan, estimates and climb run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from studies.contract.packing import RunProfile
from workers.packing.climb import Climb
from workers.packing.device_state import DeviceState, Join, Launch, LivePack, Placement, Probe, Want
from workers.packing.estimates import after_oom, after_peak
from workers.packing.plan import plan

TICK = 0.25
"""Simulated seconds between two plans."""

PROBE_SECONDS = 1.0


@dataclass(frozen=True)
class Kind:
    """A class of runs as it truly is; `believed` is what a probe makes of it.

    Attributes:
        rate: samples per second of a process with k members, with the device to itself.
        base: true bytes of a process with one member; `member` of each further one.
    """

    believed: RunProfile
    rate: Callable[[int], float]
    base: int
    member: int = 0

    def bytes(self, members: int) -> int:
        return self.base + (members - 1) * self.member


@dataclass(frozen=True)
class Hardware:
    """A device as it truly is.

    Attributes:
        shared: what n processes reach together of the sum of their rates alone, as a factor.
    """

    name: str
    memory: int
    processes: int
    capacity: int = 64
    shared: Callable[[int], float] = lambda processes: 1.0


@dataclass
class Trial:
    """``samples`` to go; an attempt that is evicted begins anew, alone."""

    name: str
    kind: str
    samples: float
    done: float = 0.0
    alone: bool = False
    evictions: int = 0
    end: str = ""


@dataclass
class Process:
    """A pack as it runs."""

    kind: str
    engine_width: int
    reserved: int
    alone: bool
    members: list[Trial] = field(default_factory=list)
    probe_until: float | None = None
    most: int = 0


class Simulation:
    """Runs a queue of trials to its end.

    Attributes:
        now: simulated seconds.
        climb: the guard of the number of processes.
        ends: names of the trials in the order in which they ended.
    """

    def __init__(self, hardware: Hardware, kinds: Mapping[str, Kind], trials: Sequence[Trial]) -> None:
        self.hardware = hardware
        self.kinds = kinds
        self.queue = list(trials)
        self.processes: dict[str, Process] = {}
        self.profiles: dict[str, RunProfile] = {}
        self.climb = self._climb()
        self.now = 0.0
        self.ends: list[str] = []
        self._names = count()

    def run(self, deadline: float = 100_000.0) -> float:
        """Return when the last trial ended."""
        while self.queue or self.processes:
            assert self.now < deadline, f"{len(self.queue)} trials still wait at {self.now}"
            for placement in plan(self._wants(), self.state()):
                self._act(placement)
            self._check_memory()
            self._advance()
        return self.now

    def state(self) -> DeviceState:
        packs = tuple(
            LivePack(
                name,
                process.kind,
                fused=process.engine_width > 1,
                members=tuple(trial.name for trial in process.members),
                width=process.engine_width,
                alone=process.alone,
                reserved_bytes=process.reserved,
                probing=process.probe_until is not None,
            )
            for name, process in self.processes.items()
        )
        return DeviceState(self.hardware.name, self.hardware.capacity, self.climb.allowed, self.hardware.memory, packs)

    # --- acting ------------------------------------------------------------------------------------------------------

    def _act(self, placement: Placement) -> None:
        match placement:
            case Probe(run_class=kind, reserved_bytes=reserved):
                self._start(Process(kind, 1, reserved, alone=False, probe_until=self.now + PROBE_SECONDS))
            case Join(pack_id=name, attempts=attempts):
                self._seat(self.processes[name], attempts)
            case Launch():
                process = Process(placement.run_class, placement.width, placement.reserved_bytes, placement.alone)
                self._seat(process, placement.attempts)
                self._start(process)

    def _start(self, process: Process) -> None:
        self.processes[f"p{next(self._names)}"] = process

    def _seat(self, process: Process, attempts: Sequence[str]) -> None:
        for name in attempts:
            (trial,) = (waiting for waiting in self.queue if waiting.name == name)
            self.queue.remove(trial)
            process.members.append(trial)
        process.most = max(process.most, len(process.members))
        assert len(process.members) <= process.engine_width

    def _wants(self) -> list[Want]:
        return [Want(each.name, each.kind, self.profiles.get(each.kind), each.alone) for each in self.queue]

    # --- memory ------------------------------------------------------------------------------------------------------

    def _check_memory(self) -> None:
        """A process that takes more than its cap is out of memory, whatever the others have."""
        for name, process in list(self.processes.items()):
            if process.members and self.kinds[process.kind].bytes(len(process.members)) > process.reserved:
                self._out_of_memory(name, process)
        held = sum(self.kinds[each.kind].bytes(len(each.members)) for each in self.processes.values() if each.members)
        assert held <= self.hardware.memory
        assert sum(len(each.members) for each in self.processes.values()) <= self.hardware.capacity

    def _out_of_memory(self, name: str, process: Process) -> None:
        del self.processes[name]
        known = self.profiles[process.kind]
        self.profiles[process.kind] = after_oom(known, len(process.members), process.reserved)
        for trial in process.members:
            if process.alone:
                self._end(trial, "failed: out of memory, alone")
            else:
                trial.done, trial.alone, trial.evictions = 0.0, True, trial.evictions + 1
                self.queue.append(trial)

    # --- time --------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        self.now += TICK
        training = [process for process in self.processes.values() if process.members]
        share = self.hardware.shared(len(training)) if training else 1.0
        total = 0.0
        for process in training:
            rate = share * self.kinds[process.kind].rate(len(process.members))
            total += rate
            for trial in process.members:
                trial.done += TICK * rate / len(process.members)
        if training:
            self.climb = self.climb.fed(len(training), total)
        self._reap()

    def _reap(self) -> None:
        for name, process in list(self.processes.items()):
            for trial in [member for member in process.members if member.done >= member.samples]:
                process.members.remove(trial)
                self._end(trial, "completed")
            if process.probe_until is not None and self.now >= process.probe_until:
                self.profiles[process.kind] = self.kinds[process.kind].believed
                del self.processes[name]
            elif process.probe_until is None and not process.members:
                seen = self.kinds[process.kind].bytes(process.most)
                self.profiles[process.kind] = after_peak(self.profiles[process.kind], process.most, seen)
                del self.processes[name]

    def _end(self, trial: Trial, how: str) -> None:
        assert not trial.end
        trial.end = how
        self.ends.append(trial.name)

    def _climb(self) -> Climb:
        """On a CPU the cores say how many processes there may be; on a card that is found out."""
        climb = Climb(self.hardware.processes)
        return replace(climb, allowed=climb.limit, best=climb.limit, settled=True) if self._on_cpu else climb

    @property
    def _on_cpu(self) -> bool:
        return self.hardware.name == "cpu"
