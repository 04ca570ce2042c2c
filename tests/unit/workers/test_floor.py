"""One device: what the plan is told of its memory and processes, and what is learnt from each process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from studies.contract.packing import MAX_PACKS_PER_DEVICE, EngineTiming, RunProfile
from studies.contract.worker_protocol import Device
from tests.integration.worker_harness import digits, lease
from tests.unit.workers.fake_processes import profile
from workers import floor as floor_module
from workers.attempt import Attempt
from workers.floor import Floor
from workers.gauges import Reading
from workers.pack import Pack
from workers.pack_terms import Pace, PackTerms
from workers.packing import estimates
from workers.packing.device_state import Launch
from workers.packing.mode import Packing
from workers.profile_book import ProfileBook

GB = 10**9
CLASS = digits().run_class
FUNCTION = lease().run.run_class
CPU = Device(name="cpu", model="a CPU", memory_bytes=32 * GB, capacity=32)
CARD = Device(name="cuda:0", model="a card", memory_bytes=80 * GB, capacity=64)


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_module, "cores", lambda: 4)


class Gauges:
    """Shows what the test wants."""

    def __init__(self, reading: Reading, held: Mapping[int, int]) -> None:
        self._reading = reading
        self._held = held

    def reading(self, device: str) -> Reading:
        return self._reading

    def held_by(self, device: str, pid: int) -> int | None:
        return self._held.get(pid)

    def mps(self, device: str) -> bool | None:
        return device != "cpu"


class Scene:
    def __init__(
        self, folder: Path, device: Device, mode: Packing = Packing.AUTO, *, used: int = 0, held: int | None = None
    ) -> None:
        total = device.memory_bytes or 0
        gauges = Gauges(Reading(total, used, total - used, 0.5), {} if held is None else {7: held})
        self.folder = folder
        self.book = ProfileBook()
        self.floor = Floor(device, mode, self.book, gauges)  # type: ignore[arg-type]

    def pack(self, members: int, run_class: str = CLASS, age: float = 10.0, **terms: Any) -> Pack:
        """A process that is under way; its process id is 7."""
        name = f"pk_{len(self.floor.packs)}"
        chosen = PackTerms(name, self.floor.device.name, self.floor.device.model, run_class, **terms)
        attempts = [Attempt(lease(f"{name}_{number}"), self.folder) for number in range(members)]
        pack = Pack(chosen, attempts, self.folder, 20.0, lambda: None)
        pack.launched_at = -age
        pack._handle = type("Handle", (), {"pid": 7})()
        self.floor.packs[name] = pack
        return pack


def test_a_cpu_has_a_process_a_core_and_the_free_memory(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CPU, used=12 * GB, held=2 * GB)
    scene.floor.look(100.0)
    assert scene.floor.state().budget_bytes == estimates.budget_of_main_memory(20 * GB)
    scene.pack(1, engine="serial")
    scene.floor.look(200.0)
    state = scene.floor.state()
    assert (state.capacity, state.max_processes) == (32, 4)
    assert state.budget_bytes == estimates.budget_of_main_memory(20 * GB, held_by_runs=2 * GB)


def test_what_others_hold_on_a_card_is_not_ours(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CARD, used=30 * GB, held=10 * GB)
    scene.pack(1, reserved_bytes=12 * GB)
    scene.floor.look(100.0)
    state = scene.floor.state()
    assert state.budget_bytes == estimates.budget(80 * GB, taken_by_others=20 * GB)
    assert (state.max_processes, state.packs[0].reserved_bytes) == (64, 12 * GB)


def test_without_packing_the_users_bound_is_the_only_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CPU.model_copy(update={"capacity": 6}), Packing.OFF)
    scene.floor.look(100.0)
    state = scene.floor.state()
    assert (state.capacity, state.max_processes, state.budget_bytes) == (6, 6, None)
    assert scene.floor.report([], open_to_more=True).room == {}


def test_a_report_says_how_the_device_stands(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CARD, used=30 * GB, held=10 * GB)
    scene.book.note(profile(CLASS, "a card", alone_rate=1000.0, processes=1))
    pack = scene.pack(3, engine="batched", width=8, note="fused")
    pack.pace = Pace(5000.0, None)
    scene.floor.look(100.0)
    report = scene.floor.report([], open_to_more=True)
    assert (report.memory_used_bytes, report.utilization, report.mps, report.capacity) == (30 * GB, 0.5, True, 64)
    assert report.room[CLASS] == 5
    (told,) = report.packs
    assert (told.engine, len(told.attempts), told.samples_per_second) == ("batched", 3, 5000.0)
    assert (told.alone_rate, told.memory_bytes, told.note) == (1000.0, 10 * GB, "fused")
    closed = scene.floor.report([], open_to_more=False)
    assert (closed.capacity, closed.room, len(closed.packs)) == (0, {}, 1)


def test_memory_that_a_process_took_corrects_the_estimate(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CARD, held=10 * GB)
    known = profile(CLASS, "a card", base_bytes=GB, member_bytes=GB)
    scene.book.note(known)
    pack = scene.pack(4, engine="batched", width=8)
    scene.floor.look(100.0)
    scene.floor.learn_from(pack)
    assert scene.book.news() == (estimates.after_peak(known, 4, 10 * GB),)


@pytest.mark.parametrize(("age", "shown"), [(5.0, False), (40.0, True)])
def test_the_first_run_of_a_function_shows_what_its_class_takes(tmp_path: Path, age: float, shown: bool) -> None:
    scene = Scene(tmp_path, CARD, held=3 * GB)
    pack = scene.pack(1, FUNCTION, age=age - 100.0)
    scene.floor.look(100.0)
    assert bool(scene.book.news()) is shown
    scene.floor.learn_from(pack)
    (learnt,) = scene.book.news()
    assert (learnt.run_class, learnt.base_bytes, learnt.engine) == (FUNCTION, 3 * GB, "serial")


def test_on_a_cpu_an_unknown_function_has_a_cores_part_of_the_memory_whatever_that_is_now(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CPU, used=12 * GB)
    scene.pack(1, FUNCTION, reserved_bytes=7 * GB)
    scene.floor.look(100.0)
    assert scene.floor.state().packs[0].reserved_bytes == estimates.budget_of_main_memory(20 * GB) // 4


def test_off_learns_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CARD, Packing.OFF, held=3 * GB)
    pack = scene.pack(1, FUNCTION)
    scene.floor.look(100.0)
    scene.floor.learn_from(pack)
    assert scene.book.news() == ()


# --- the throughput guard --------------------------------------------------------------------------------------------


def allowed(scene: Scene) -> int:
    """Return how many processes of the class the plan may have on the card now."""
    granted = lease().model_copy(update={"run": digits()})
    profile = scene.floor.want(Attempt(granted, scene.folder)).profile
    assert profile
    assert profile.processes
    return profile.processes


@pytest.mark.parametrize(
    ("rates", "best"),
    [((100, 190, 270, 260, 200), 3), ((100, 80), 1), ((100, 101, 102, 102), 1)],
    ids=["rises to three", "falls", "flat"],
)
def test_a_card_gets_more_processes_while_its_throughput_rises(
    tmp_path: Path, rates: tuple[float, ...], best: int
) -> None:
    scene = Scene(tmp_path, CARD)
    scene.book.learn(profile(CLASS, "a card", engine="serial", width=1))
    assert allowed(scene) == 1
    for second in range(100, 130):
        scene.floor.packs.clear()
        processes = allowed(scene)
        for _ in range(processes):
            scene.pack(1).pace = Pace(rates[processes - 1] / processes, None)
        scene.floor.look(float(second))
    assert allowed(scene) == best
    (told,) = scene.book.news()
    assert told.processes == best


def test_packs_that_have_just_begun_or_are_not_full_say_nothing_of_the_throughput(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CARD)
    scene.book.learn(profile(CLASS, "a card"))
    scene.pack(3, engine="batched", width=8).pace = Pace(100.0, None)
    for second in range(100, 120):
        scene.floor.look(float(second))
    assert allowed(scene) == 1
    scene.floor.packs.clear()
    scene.pack(8, engine="batched", width=8, age=-120.0).pace = Pace(100.0, None)
    for second in range(100, 120):
        scene.floor.look(float(second))
    assert allowed(scene) == 1


def test_processes_that_train_in_another_way_say_nothing_of_packs(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CARD, Packing.PROCESSES)
    scene.book.learn(profile(CLASS, "a card", processes=1))
    for second in range(100, 130):
        scene.floor.packs.clear()
        for _ in range(processes := allowed(scene)):
            scene.pack(1).pace = Pace((100, 190, 270, 260, 200)[processes - 1] / processes, None)
        scene.floor.look(float(second))
    assert allowed(scene) == 3
    assert scene.book.news() == ()


def test_a_device_tells_of_no_more_packs_than_a_report_takes(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CARD.model_copy(update={"capacity": 1024}), Packing.OFF)
    for _ in range(MAX_PACKS_PER_DEVICE + 1):
        scene.pack(1)
    assert len(scene.floor.report([], open_to_more=True).packs) == MAX_PACKS_PER_DEVICE


def test_on_a_cpu_the_cores_are_the_bound(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CPU)
    scene.book.learn(profile(CLASS))
    granted = lease().model_copy(update={"run": digits()})
    assert scene.floor.want(Attempt(granted, tmp_path)).profile == profile(CLASS)


def test_a_pack_is_told_how_to_train_one_run_and_people_see_that_it_does(tmp_path: Path) -> None:
    scene = Scene(tmp_path, CPU)
    timings = [("serial", 1, 100.0), ("serial_channels_last", 1, 120.0), ("batched", 8, 400.0), ("batched", 2, 110.0)]
    known = RunProfile(
        run_class=CLASS,
        device_model=CPU.model,
        engine="batched",
        width=8,
        alone_rate=120.0,
        timings=tuple(EngineTiming(engine=e, width=w, samples_per_second=r) for e, w, r in timings),  # type: ignore[arg-type]
        note="batched layers pay",
    )
    scene.book.note(known)
    terms = scene.floor.terms_of_launch(Launch(("at_0",), CLASS, "batched", 8, GB))
    order = terms.order((("at_0", "/runs/at_0"),))
    assert (order.lone_engine, order.fused_from) == ("serial_channels_last", 3)
    assert terms.words(1) == "one run for now; batched layers pay"
    assert terms.words(2) == "2 runs for now, one after another; batched layers pay"
    assert terms.words(3) == terms.words(0) == "batched layers pay"
