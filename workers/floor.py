"""One device of this worker: the packs on it, what the plan is told of it, and how it is reported."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from itertools import islice

from studies.contract.packing import MAX_CLASSES_PER_SYNC, MAX_PACKS_PER_DEVICE, PackReport, RunProfile
from studies.contract.worker_protocol import Device, DeviceReport
from workers.attempt import Attempt
from workers.devices import cores
from workers.gauges import Gauges, Reading
from workers.guard import ThroughputGuard
from workers.pack import Pack
from workers.pack_terms import PackTerms
from workers.packing import estimates
from workers.packing.device_state import DeviceState, Launch, LivePack, Probe, Want
from workers.packing.mode import Packing, plain, seen, unfused, within
from workers.packing.plan import MEASURING, room
from workers.packing.sizes import best_serial, fused_from, is_serial, is_users_own
from workers.profile_book import ProfileBook

STAGGER_SECONDS = 5.0
"""On a card the next process starts when the last one has shown its memory, or after so long."""

WEIGHING_SECONDS = 5.0
"""Between two looks at what each process holds: on a CPU that means to sum up its pages."""

SHOWN_SECONDS = 30.0
"""After so long a function has shown what memory its class takes; an earlier end shows it as well."""


class Floor:
    """A device and what happens on it.

    Args:
        device: as it was registered.
        mode: how much packing there is.
        book: what is known of classes of runs.
        gauges: tell memory and utilization.

    Attributes:
        packs: live processes by id.
    """

    def __init__(self, device: Device, mode: Packing, book: ProfileBook, gauges: Gauges) -> None:
        self.device = device
        self.packs: dict[str, Pack] = {}
        self._mode = mode
        self._book = book
        self._gauges = gauges
        self._guard = ThroughputGuard(device.capacity)
        self._reading = Reading()
        self._mps: bool | None = None
        self._weighed_at = 0.0

    def look(self, now: float) -> None:
        """Read the gauges; weigh the processes from time to time.

        Args:
            now: monotonic seconds.
        """
        self._reading = self._gauges.reading(self.device.name)
        self._watch_throughput(now)
        if now - self._weighed_at < WEIGHING_SECONDS:
            self._glance_at_the_young(now)
            return
        self._weighed_at = now
        self._mps = self._gauges.mps(self.device.name)
        for pack in self.packs.values():
            self._weigh(pack, now)

    def _watch_throughput(self, now: float) -> None:
        """On a card another process must raise the throughput; on a CPU the cores are the bound."""
        pack = next(iter(self.packs.values()), None)
        known = self._book.get(pack.terms.run_class, self.device.model) if pack else None
        if known and self._is_card and self._mode is not Packing.OFF:
            gone_by = self._gone_by(known.run_class) or known
            watched = self._guard.watch(self.packs.values(), gone_by, now)
            if gone_by.engine == known.engine:  # Of another way to train it says nothing to others.
                self._book.note(known.model_copy(update={"processes": watched.processes}))

    def _glance_at_the_young(self, now: float) -> None:
        """See what new processes hold: short runs would end between two weighings, and nobody know what they took."""
        for pack in self.packs.values():
            if now - pack.launched_at < WEIGHING_SECONDS and (held := self._held(pack)) is not None:
                pack.glance(held)

    def _held(self, pack: Pack) -> int | None:
        return self._gauges.held_by(self.device.name, pack.pid) if pack.pid else None

    def _weigh(self, pack: Pack, now: float) -> None:
        held = self._held(pack)
        if held is not None:
            pack.weigh(held)
            if now - pack.launched_at > SHOWN_SECONDS:
                self._learn_of_function(pack)

    # --- for the plan ----------------------------------------------------------------------------------------------

    def want(self, attempt: Attempt) -> Want:
        """Return what a waiting attempt wants here."""
        return Want(attempt.id, attempt.run_class, self._profile(attempt.run_class), attempt.lease.alone)

    def state(self) -> DeviceState:
        return DeviceState(
            self.device.name,
            self.device.capacity,
            self._max_processes,
            self._budget(),
            tuple(self._live(pack) for pack in self.packs.values()),
        )

    @property
    def unsettled(self) -> bool:
        """Whether the latest process on a card has yet to show what memory it takes."""
        if not self._is_card:
            return False
        now = time.monotonic()
        return any(pack.pace is None and now - pack.launched_at < STAGGER_SECONDS for pack in self.packs.values())

    def terms_of_probe(self, probe: Probe) -> PackTerms:
        return PackTerms(
            pack_id=_fresh_id(),
            device=self.device.name,
            device_model=self.device.model,
            run_class=probe.run_class,
            probe=True,
            reserved_bytes=probe.reserved_bytes,
            memory_fraction=self._cap(probe.reserved_bytes),
            note=MEASURING,
        )

    def terms_of_launch(self, launch: Launch) -> PackTerms:
        profile = self._profile(launch.run_class)
        return PackTerms(
            pack_id=_fresh_id(),
            device=self.device.name,
            device_model=self.device.model,
            run_class=launch.run_class,
            engine=launch.engine,
            width=launch.width,
            lone_engine=best_serial(profile.timings) if profile else "serial",
            fused_from=fused_from(profile) if profile else 2,
            alone=launch.alone,
            reserved_bytes=launch.reserved_bytes,
            memory_fraction=self._cap(launch.reserved_bytes),
            note=profile.note if profile and not launch.alone else "",
        )

    # --- for the server --------------------------------------------------------------------------------------------

    def report(self, waiting: Sequence[Attempt], *, open_to_more: bool) -> DeviceReport:
        """Return how the device stands; nothing is asked for where it is not open to more."""
        return DeviceReport(
            name=self.device.name,
            capacity=self.device.capacity if open_to_more else 0,
            room=self._room(waiting) if open_to_more else {},
            packs=tuple(self._report_of(pack) for pack in islice(self.packs.values(), MAX_PACKS_PER_DEVICE)),
            memory_used_bytes=self._reading.memory_used_bytes,
            utilization=self._reading.utilization,
            mps=self._mps,
        )

    def _room(self, waiting: Sequence[Attempt]) -> dict[str, int]:
        if self._mode is Packing.OFF:
            return {}
        profiles = {name: self._profile(name) for name in self._book.of_model(self.device.model)}
        known = {name: profile for name, profile in profiles.items() if profile}
        by_class = room(self.state(), known, [self.want(attempt) for attempt in waiting])
        return dict(islice(by_class.items(), MAX_CLASSES_PER_SYNC))

    def _report_of(self, pack: Pack) -> PackReport:
        profile = self._book.get(pack.terms.run_class, self.device.model)
        return PackReport(
            run_class=pack.terms.run_class,
            engine=pack.terms.engine,
            attempts=tuple(attempt.id for attempt in pack.attempts),
            samples_per_second=pack.pace.samples_per_second if pack.pace else None,
            alone_rate=profile.alone_rate or None if profile else None,
            memory_bytes=pack.held_bytes,
            reserved_bytes=self._reserved(pack) or None,
            note=pack.terms.words(len(pack.attempts)),
            pack_id=pack.terms.pack_id,
        )

    # --- what happens ----------------------------------------------------------------------------------------------

    def heed(self) -> None:
        """Where a pack gave members back because they do not train as one, their class is not fused again."""
        for pack in self.packs.values():
            known = self._book.get(pack.terms.run_class, self.device.model)
            if pack.refusal and not pack.ran_out_of_memory and known and known.engine == pack.terms.engine:
                self._book.note(unfused(known, f"since a pack of them did not work: {pack.refusal}"))

    def learn_from(self, pack: Pack) -> None:
        """A process has ended: what it measured, or what it took, is remembered."""
        if pack.terms.probe:
            self._learn_from_probe(pack)
            return
        self._learn_of_function(pack)
        known = self._book.get(pack.terms.run_class, self.device.model)
        if known is None or self._mode is Packing.OFF:
            return
        if pack.ran_out_of_memory:
            known = estimates.after_oom(known, pack.most_members, pack.terms.reserved_bytes)
        elif pack.peak.held_bytes:
            known = estimates.after_peak(known, pack.peak.members, pack.peak.held_bytes)
        self._book.note(known)

    def _learn_of_function(self, pack: Pack) -> None:
        """Nobody measures a function beforehand: its first run shows what memory its class takes."""
        terms, peak = pack.terms, pack.peak.held_bytes
        known = self._book.get(terms.run_class, self.device.model)
        if known is None and peak and is_users_own(terms.run_class) and self._mode is not Packing.OFF:
            shown = plain(terms.run_class, self.device.model, "one process a run; memory as the first run showed")
            self._book.note(shown.model_copy(update={"base_bytes": peak}))

    def _learn_from_probe(self, pack: Pack) -> None:
        if pack.profile is not None:
            self._book.note(pack.profile)
        elif pack.specimen is not None and not pack.specimen.ended:
            note = f"one process a run, since it could not be measured: {pack.trouble}"[:1000]
            fallback = plain(pack.terms.run_class, self.device.model, note)
            base_bytes = estimates.believed(pack.terms.reserved_bytes)
            self._book.assume(fallback.model_copy(update={"base_bytes": base_bytes}))

    def _live(self, pack: Pack) -> LivePack:
        terms = pack.terms
        return LivePack(
            terms.pack_id,
            terms.run_class,
            not is_serial(terms.engine) and not pack.closed,
            tuple(attempt.id for attempt in pack.attempts),
            terms.width,
            terms.alone,
            self._reserved(pack),
            terms.probe,
        )

    def _reserved(self, pack: Pack) -> int:
        """A core's part of the memory is set aside for what nobody knows yet, and that part changes as memory does."""
        terms = pack.terms
        known = self._book.get(terms.run_class, self.device.model)
        if terms.alone or self._is_card or (known and not is_users_own(terms.run_class)):
            return terms.reserved_bytes
        return estimates.reservation(known, 1) if known else (self._budget() or 0) // max(1, self._max_processes)

    # --- bounds ----------------------------------------------------------------------------------------------------

    @property
    def _is_card(self) -> bool:
        return self.device.name != "cpu"

    @property
    def _max_processes(self) -> int:
        """On a CPU each process computes on one core; without packing the user's word is all that counts."""
        by_cores = self._mode is not Packing.OFF and not self._is_card
        return min(cores(), self.device.capacity) if by_cores else self.device.capacity

    def _budget(self) -> int | None:
        """Return the memory that runs may use in all, what they hold already included."""
        if self._mode is Packing.OFF:
            return None
        held = sum(pack.held_bytes or 0 for pack in self.packs.values())
        if self._is_card:
            total = self._reading.memory_total_bytes or self.device.memory_bytes
            others = max(0, (self._reading.memory_used_bytes or 0) - held)
            return total and estimates.budget(total, others)
        free = self._reading.memory_free_bytes
        return free and estimates.budget_of_main_memory(free, held)

    def _cap(self, reserved_bytes: int) -> float | None:
        return estimates.cap(reserved_bytes, self.device.memory_bytes) if self._is_card else None

    def _profile(self, run_class: str) -> RunProfile | None:
        profile = self._gone_by(run_class)
        guarded = profile is not None and self._is_card and self._mode is not Packing.OFF
        return self._guard.bounded(profile) if profile and guarded else profile

    def _gone_by(self, run_class: str) -> RunProfile | None:
        """Return what is known of a class as far as this worker may go by it."""
        known = self._book.get(run_class, self.device.model)
        return within(seen(self._mode, run_class, self.device.model, known), self.device.capacity)


def _fresh_id() -> str:
    return f"pk_{secrets.token_hex(8)}"
