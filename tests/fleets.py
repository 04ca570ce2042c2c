"""Nodes with a past, told to a store through its port: what timelines and the workers page are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from studies.contract.packing import Engine, PackReport, RunProfile
from studies.contract.worker_protocol import Device, DeviceReport, Lease, SyncRequest
from studies.core.actions import OpenStage
from studies.storage.port import StudyStore
from tests import builders as build

GIB = 2**30
CARD = Device(name="cuda:0", model="Imaginary 9000", memory_bytes=80 * GIB, capacity=8)


@dataclass
class Clock:
    """A clock that a test moves."""

    seconds: float

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Card:
    """A worker with one card, and the runs that it has."""

    store: StudyStore
    name: str = "node-1"
    device: Device = CARD
    held: list[Lease] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.worker_id = self.store.register_worker(build.worker(self.name, devices=[self.device], allow=("*",)))

    def sync(self, *packs: PackReport, ended: Sequence[tuple[Lease, str]] = (), room: bool = True, **more: Any) -> None:
        """Tell of all runs, of those that ended too; take new ones where there is room."""
        reports = [build.report(lease) for lease in self.held]
        reports += [build.report(lease, build.chunk(), outcome=end, reason=_reason(end)) for lease, end in ended]
        status = DeviceReport(name=self.device.name, capacity=self.device.capacity if room else 0, packs=packs, **more)
        answer = self.store.sync(self.worker_id, SyncRequest(attempts=tuple(reports), devices=(status,)))
        self.held += answer.leases

    def end(self, count: int, state: str = "completed", *packs: PackReport, room: bool = True, **more: Any) -> None:
        """End the `count` oldest runs."""
        ended, self.held = self.held[:count], self.held[count:]
        self.sync(*packs, ended=[(lease, state) for lease in ended], room=room, **more)

    def pack(self, pack_id: str, engine: Engine = "batched", leases: Sequence[Lease] = (), **more: Any) -> PackReport:
        """A process with the runs that the card has now."""
        members = leases or self.held
        attempts = tuple(lease.attempt_id for lease in members)
        run_class = members[0].run.run_class
        return PackReport(run_class=run_class, engine=engine, attempts=attempts, pack_id=pack_id, **more)


def _reason(state: str) -> str:
    return "CUDA error: an illegal memory access was encountered\nTraceback ..." if state == "failed" else ""


def ask(store: StudyStore, name: str, count: int) -> str:
    """Submit a study whose first stage asks for `count` trials; return its id."""
    study_id = store.create_study(build.spec(name)).study_id
    keys = [f"lr={0.5 / (1 + number):.3g}/{number}" for number in range(count)]
    version = store.load(study_id).version
    rates = [build.proposal(key, lr=round(0.5 / (1 + number), 4)) for number, key in enumerate(keys)]
    stage = OpenStage("lr_sweep")
    assert store.apply(study_id, version, [stage, type(build.add_trials())("lr_sweep", tuple(rates))])
    return study_id


def busy(store: StudyStore, clock: Clock) -> Card:
    """Tell of 50 minutes on a card: runs by themselves, two that fail, then a fused pack that still runs."""

    def after(minutes: float) -> None:
        clock.seconds += 60 * minutes

    ask(store, "fashion-mlp", 14)
    card = Card(store)
    card.sync()
    after(6)
    for state, count in (("completed", 3), ("diverged", 2), ("failed", 1)):
        after(2.5)
        card.end(count, state)
    ask(store, "digits-cnn", 60)
    after(4)
    card.end(len(card.held), "completed")
    after(3)
    card.end(3, "stopped")
    after(6)
    card.end(len(card.held), "completed", room=False)
    after(1)
    card.sync()
    fused = card.pack("pk_fused", samples_per_second=49_600.0, alone_rate=16_000.0, memory_bytes=11 * GIB)
    fused = fused.model_copy(update={"reserved_bytes": 19 * GIB, "note": "batched at width 8 is 3.1x as fast"})
    gauges = {"memory_used_bytes": 17 * GIB, "utilization": 0.91, "mps": True}
    for _ in range(6):
        after(2)
        card.sync(fused, **gauges)
    _measured(store, card)
    return card


def _measured(store: StudyStore, card: Card) -> None:
    profile = RunProfile(
        run_class=card.held[0].run.run_class,
        device_model=card.device.model,
        engine="batched",
        width=8,
        base_bytes=2 * GIB,
        alone_rate=16_000.0,
        note="batched at width 8 is 3.1x as fast",
    )
    reports = tuple(build.report(lease) for lease in card.held)
    store.sync(card.worker_id, SyncRequest(attempts=reports, profiles=(profile,)))


Told = Callable[[StudyStore, Clock], Card]
