"""The plan: every run in one placement, nothing exceeded, nothing idle without a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.packing import EngineTiming, RunProfile
from workers.packing.device_state import DeviceState, Join, Launch, LivePack, Placement, Probe, Wait, Want
from workers.packing.estimates import reservation
from workers.packing.plan import plan, room

MB = 10**6
CLASSES = tuple(f"builtin/{letter * 16}" for letter in "abcd")
FUNCTION = "function/" + "f" * 16
ROOMY = DeviceState("cpu", capacity=32, max_processes=2, budget_bytes=None)


def profile(run_class: str = CLASSES[0], width: int = 8, base: int = 100 * MB, member: int = 10 * MB) -> RunProfile:
    engine = "serial" if width == 1 else "batched"
    return RunProfile(
        run_class=run_class, device_model="a", engine=engine, width=width, base_bytes=base, member_bytes=member
    )


def wants(count: int, known: RunProfile | None, start: int = 0, run_class: str | None = None) -> list[Want]:
    name = run_class or (known.run_class if known else CLASSES[0])
    return [Want(f"t{start + index}", name, known) for index in range(count)]


def pack(members: int, width: int = 8, run_class: str = CLASSES[0], name: str = "p0", **more: object) -> LivePack:
    names = tuple(f"{name}-{index}" for index in range(members))
    return LivePack(name, run_class, fused=width > 1, members=names, width=width, **more)  # type: ignore[arg-type]


def attempts_of(placement: Placement) -> tuple[str, ...]:
    return placement.attempts if isinstance(placement, Join | Launch) else (placement.attempt_id,)


def of_kind(placements: Iterable[Placement], kind: type) -> list:  # type: ignore[type-arg]
    return [placement for placement in placements if isinstance(placement, kind)]


def sizes(placements: Iterable[Placement]) -> list[int]:
    return [len(launch.attempts) for launch in of_kind(placements, Launch)]


# --- examples --------------------------------------------------------------------------------------------------------


def test_nothing_wanted_nothing_done() -> None:
    assert plan((), ROOMY) == ()


def test_on_a_cpu_a_sweep_is_split_evenly_among_the_cores() -> None:
    placements = plan(wants(12, profile()), ROOMY)
    assert sizes(placements) == [6, 6]
    assert [launch.width for launch in placements] == [8, 8]  # room for later arrivals


def test_on_a_card_one_process_is_filled_before_the_next_starts() -> None:
    card = DeviceState("cuda:0", capacity=64, max_processes=4, budget_bytes=None)
    assert sizes(plan(wants(8, profile(width=8)), card)) == [8]
    assert sizes(plan(wants(12, profile(width=8)), card)) == [8, 4]


def test_a_pack_under_way_is_joined() -> None:
    device = DeviceState("cpu", 32, 1, None, (pack(3, width=8),))
    assert plan(wants(2, profile()), device) == (Join("p0", ("t0", "t1")),)


def test_a_free_core_is_better_than_a_crowded_pack() -> None:
    device = DeviceState("cpu", 32, 2, None, (pack(3, width=8),))
    joined, launched = plan(wants(5, profile()), device)
    assert isinstance(joined, Join)
    assert isinstance(launched, Launch)
    assert (len(joined.attempts), len(launched.attempts)) == (1, 4)


def test_packs_under_way_are_joined_evenly() -> None:
    device = DeviceState("cuda:0", 64, 2, None, (pack(1, name="one"), pack(4, name="four")))
    placements = plan(wants(5, profile()), device)
    assert {join.pack_id: len(join.attempts) for join in placements} == {"one": 4, "four": 1}


def test_runs_that_cannot_be_fused_get_a_process_each() -> None:
    placements = plan(wants(3, profile(width=1)), ROOMY)
    assert sizes(placements) == [1, 1]
    assert placements[-1] == Wait("t2", "all 2 processes that cpu may have are running")


def test_an_unknown_class_is_measured_once_and_first() -> None:
    unknown = wants(3, None)
    placements = plan([*wants(4, profile(CLASSES[1]), start=3), *unknown], ROOMY)
    assert of_kind(placements, Probe) == [Probe("t0", CLASSES[0], 0)]
    assert sizes(placements) == [4]
    assert {wait.reason for wait in of_kind(placements, Wait)} == {"measuring how to train this class of runs"}


def test_one_class_is_measured_at_a_time() -> None:
    placements = plan([*wants(1, None), *wants(1, None, 1, CLASSES[1])], ROOMY)
    assert placements == (
        Probe("t0", CLASSES[0], 0),
        Wait("t1", "another class of runs is being measured on cpu"),
    )
    measuring = DeviceState("cpu", 32, 2, None, (pack(0, probing=True),))
    assert plan(wants(1, None), measuring) == (Wait("t0", "measuring how to train this class of runs"),)


def test_a_probe_needs_memory_and_is_given_its_share() -> None:
    card = DeviceState("cuda:0", 64, 8, 80_000 * MB)
    assert plan(wants(1, None), card) == (Probe("t0", CLASSES[0], 20_000 * MB),)
    full = DeviceState("cuda:0", 64, 8, 80_000 * MB, (pack(2, run_class=CLASSES[1], reserved_bytes=70_000 * MB),))
    assert plan(wants(1, None), full) == (Wait("t0", "has to be measured, and only 10.0 GB are free on cuda:0"),)


def test_functions_are_not_probed_on_a_cpu_one_starts_on_each_core() -> None:
    placements = plan(wants(3, None, run_class=FUNCTION), ROOMY)
    assert [launch.engine for launch in of_kind(placements, Launch)] == ["serial", "serial"]


@given(budget=st.integers(1_000, 10**12), cores=st.integers(1, 64))
def test_functions_share_the_main_memory_core_by_core(budget: int, cores: int) -> None:
    placements = plan(wants(cores + 1, None, run_class=FUNCTION), DeviceState("cpu", 128, cores, budget))
    assert sizes(placements) == [1] * cores


def test_the_first_run_of_a_function_on_a_card_shows_what_the_others_need() -> None:
    card = DeviceState("cuda:0", 64, 8, 80_000 * MB)
    placements = plan(wants(3, None, run_class=FUNCTION), card)
    assert sizes(placements) == [1]
    assert {wait.reason for wait in of_kind(placements, Wait)} == {
        "the first run of this class shows how much memory it takes"
    }


def test_the_largest_goes_first_where_memory_is_short() -> None:
    small, large = profile(CLASSES[0], width=1, base=100 * MB), profile(CLASSES[1], width=1, base=500 * MB)
    device = DeviceState("cuda:0", 8, 8, 600 * MB)
    placements = plan([*wants(2, small), *wants(1, large, 2)], device)
    assert [launch.attempts for launch in of_kind(placements, Launch)] == [("t2",)]
    assert {wait.reason for wait in of_kind(placements, Wait)} == {
        "needs 110 MB of memory on cuda:0, of which 50 MB are free"
    }


def test_a_pack_is_narrower_where_memory_is_short() -> None:
    device = DeviceState("cuda:0", 64, 1, 160 * MB)
    (launch, *_) = plan(wants(8, profile(base=100 * MB, member=10 * MB)), device)
    assert isinstance(launch, Launch)
    assert (launch.width, launch.reserved_bytes) == (5, 154 * MB)
    assert len(launch.attempts) == 5


def test_a_run_that_must_be_alone_waits_for_an_empty_device_and_holds_back_those_after_it() -> None:
    loner = Want("alone", CLASSES[0], profile(), alone=True)
    queue = [*wants(1, profile()), loner, *wants(1, profile(), 1)]
    assert plan(queue, ROOMY) == (
        Launch(("t0",), CLASSES[0], "batched", 8, reservation(profile(), 8)),
        Wait("alone", "must be alone: starts as soon as cpu is empty"),
        Wait("t1", "a run that must be alone on cpu comes first"),
    )
    assert plan(queue[1:], ROOMY) == (
        Launch(("alone",), CLASSES[0], "serial", 1, 0, alone=True),
        Wait("t1", "a run that must be alone has cpu to itself"),
    )


def test_nothing_joins_a_run_that_is_alone() -> None:
    device = DeviceState("cpu", 32, 2, None, (pack(1, alone=True),))
    assert plan(wants(1, profile()), device) == (Wait("t0", "a run that must be alone has cpu to itself"),)
    assert set(room(device, {CLASSES[0]: profile()}).values()) == {0}


def test_alone_the_best_serial_engine_is_taken() -> None:
    timings = (
        EngineTiming(engine="serial", samples_per_second=10),
        EngineTiming(engine="serial_channels_last", samples_per_second=20),
        EngineTiming(engine="batched", width=8, samples_per_second=90),
    )
    known = profile().model_copy(update={"timings": timings})
    (launch,) = plan([Want("t0", CLASSES[0], known, alone=True)], ROOMY)
    assert isinstance(launch, Launch)
    assert launch.engine == "serial_channels_last"


def test_a_run_too_large_by_what_is_known_is_tried_alone() -> None:
    device = DeviceState("cuda:0", 8, 8, 100 * MB)
    known = profile(width=1, base=300 * MB)
    assert plan(wants(1, known), device) == (Launch(("t0",), CLASSES[0], "serial", 1, 100 * MB, alone=True),)


def test_no_more_processes_than_raise_the_throughput() -> None:
    known = profile(width=1).model_copy(update={"processes": 2})
    placements = plan(wants(3, known), DeviceState("cuda:0", 8, 8, None))
    assert sizes(placements) == [1, 1]
    assert placements[-1] == Wait("t2", "more than 2 processes side by side do not raise the throughput of cuda:0")


def test_places_are_never_exceeded() -> None:
    placements = plan(wants(5, profile()), DeviceState("cuda:0", 3, 8, None))
    assert sizes(placements) == [3]
    assert placements[-1] == Wait("t4", "all 3 places of cuda:0 are taken")


# --- room ------------------------------------------------------------------------------------------------------------


def test_room_of_an_empty_device() -> None:
    assert room(ROOMY, {CLASSES[0]: profile(), CLASSES[1]: profile(CLASSES[1], width=1)}) == {
        "builtin": 1,
        "function": 2,
        "command": 2,
        CLASSES[0]: 16,
        CLASSES[1]: 2,
    }


def test_one_specimen_is_enough() -> None:
    assert room(ROOMY, {}, wants(1, None)) == {"builtin": 0, "function": 1, "command": 1, CLASSES[0]: 0}


def test_siblings_of_the_specimen_may_come_while_it_is_measured() -> None:
    """So that they start together, evenly among the processes."""
    measuring = DeviceState("cpu", 32, 2, None, (pack(0, probing=True),))
    assert room(measuring, {}, wants(1, None)) == {"builtin": 0, "function": 0, "command": 0, CLASSES[0]: 7}
    assert room(measuring, {}, wants(9, None))[CLASSES[0]] == 0


def test_seats_of_a_pack_under_way_are_room() -> None:
    device = DeviceState("cuda:0", 32, 1, None, (pack(3),))
    known = {CLASSES[0]: profile(), CLASSES[1]: profile(CLASSES[1])}
    assert room(device, known) == {"builtin": 0, "function": 0, "command": 0, CLASSES[0]: 5, CLASSES[1]: 0}


# --- properties ------------------------------------------------------------------------------------------------------

PROFILES = st.builds(
    profile,
    run_class=st.sampled_from(CLASSES),
    width=st.sampled_from([1, 1, 4, 8]),
    base=st.integers(0, 400).map(lambda megabytes: megabytes * MB),
    member=st.integers(0, 60).map(lambda megabytes: megabytes * MB),
)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[tuple[Want, ...], DeviceState]:
    """A queue, and a device with packs that respect its bounds."""
    known = {each.run_class: each for each in draw(st.lists(PROFILES, max_size=4))}
    names = draw(st.lists(st.sampled_from([*CLASSES, FUNCTION]), max_size=14))
    loners = draw(st.sets(st.integers(0, 40), max_size=1))
    queue = tuple(Want(f"t{i}", name, known.get(name), alone=i in loners) for i, name in enumerate(names))
    packs = []
    for index, each in enumerate(draw(st.lists(PROFILES, max_size=3))):
        members = draw(st.integers(1, each.width))
        packs.append(
            pack(members, each.width, each.run_class, f"p{index}", reserved_bytes=reservation(each, each.width))
        )
    held, seated = sum(each.reserved_bytes for each in packs), sum(len(each.members) for each in packs)
    device = DeviceState(
        draw(st.sampled_from(["cpu", "cuda:0"])),
        capacity=seated + draw(st.integers(0, 12)),
        max_processes=len(packs) + draw(st.integers(0, 4)),
        budget_bytes=draw(st.none() | st.integers(0, 1500).map(lambda megabytes: held + megabytes * MB)),
        packs=tuple(packs),
    )
    return queue, device


@given(scenes())
def test_each_run_stands_in_exactly_one_placement(scene: tuple[Sequence[Want], DeviceState]) -> None:
    queue, device = scene
    counted = Counter(attempt for placement in plan(queue, device) for attempt in attempts_of(placement))
    assert counted == Counter(want.attempt_id for want in queue)


@given(scenes())
def test_nothing_is_exceeded(scene: tuple[Sequence[Want], DeviceState]) -> None:
    queue, device = scene
    placements = plan(queue, device)
    launches, probes, joins = (of_kind(placements, kind) for kind in (Launch, Probe, Join))
    seated = sum(len(each.members) for each in device.packs) + sum(len(each.attempts) for each in [*launches, *joins])
    assert seated <= device.capacity
    assert len(device.packs) + len(launches) + len(probes) <= device.max_processes
    if device.budget_bytes is not None:
        held = sum(each.reserved_bytes for each in [*device.packs, *launches, *probes])
        assert held <= device.budget_bytes
    assert all(1 <= len(launch.attempts) <= launch.width for launch in launches)
    free = {each.pack_id: each.width - len(each.members) for each in device.packs}
    assert all(1 <= len(join.attempts) <= free[join.pack_id] for join in joins)


@given(scenes())
def test_runs_go_where_their_class_is(scene: tuple[Sequence[Want], DeviceState]) -> None:
    queue, device = scene
    class_of = {want.attempt_id: want.run_class for want in queue}
    there = {each.pack_id: each.run_class for each in device.packs}
    for placement in plan(queue, device):
        if isinstance(placement, Join | Launch):
            target = there[placement.pack_id] if isinstance(placement, Join) else placement.run_class
            assert {class_of[attempt] for attempt in placement.attempts} == {target}


@given(scenes())
def test_the_same_question_has_the_same_answer(scene: tuple[Sequence[Want], DeviceState]) -> None:
    assert plan(*scene) == plan(*scene)


@given(scenes())
def test_whoever_waits_is_told_why(scene: tuple[Sequence[Want], DeviceState]) -> None:
    assert all(wait.reason for wait in of_kind(plan(*scene), Wait))


@given(scenes())
def test_no_process_idles_while_a_run_could_start(scene: tuple[Sequence[Want], DeviceState]) -> None:
    """What waits does so for a bound that is reached, a measurement, or a run that must be alone."""
    queue, device = scene
    if any(want.alone for want in queue):
        return
    placements = plan(queue, device)
    launches, probes, joins = (of_kind(placements, kind) for kind in (Launch, Probe, Join))
    places = device.capacity - sum(len(each.members) for each in device.packs)
    places -= sum(len(each.attempts) for each in [*launches, *joins])
    processes = device.max_processes - len(device.packs) - len(launches) - len(probes)
    held = sum(each.reserved_bytes for each in [*device.packs, *launches, *probes])
    known = {want.attempt_id: want.profile for want in queue}
    for wait in of_kind(placements, Wait):
        needed = known[wait.attempt_id]
        if needed is None or places == 0 or processes == 0 or any(launch.alone for launch in launches):
            continue
        assert device.budget_bytes is not None
        too_large = held + reservation(needed, 1) > device.budget_bytes
        assert too_large or "alone" in wait.reason


@given(scenes())
def test_the_largest_class_is_the_first_to_get_a_process(scene: tuple[Sequence[Want], DeviceState]) -> None:
    queue, device = scene
    placements = plan(queue, device)
    launched = {each.run_class for each in of_kind(placements, Launch)}
    joined = {each.run_class for each in device.packs if each.width > len(each.members)}
    profiles = {want.run_class: want.profile for want in queue if want.profile}
    waiting = {
        want.run_class for want in queue if any(want.attempt_id == w.attempt_id for w in of_kind(placements, Wait))
    }
    if any("alone" in wait.reason for wait in of_kind(placements, Wait)) or any(w.alone for w in queue):
        return
    for name in waiting & set(profiles) - launched - joined:
        size = reservation(profiles[name], profiles[name].width)
        for other in launched & set(profiles):
            smaller = reservation(profiles[other], profiles[other].width) < size
            # A smaller one was only let before because the larger one did not fit at all.
            free = (
                None
                if device.budget_bytes is None
                else device.budget_bytes
                - sum(each.reserved_bytes for each in [*device.packs, *of_kind(placements, Probe)])
            )
            assert not smaller or (free is not None and _beside_larger(name, profiles, launched, placements) > free)


def _beside_larger(
    name: str, profiles: dict[str, RunProfile], launched: set[str], placements: Sequence[Placement]
) -> int:
    """Memory of the classes that went before `name`, and its own least need."""
    size = reservation(profiles[name], profiles[name].width)
    before = sum(
        launch.reserved_bytes
        for launch in of_kind(placements, Launch)
        if launch.run_class not in profiles
        or reservation(profiles[launch.run_class], profiles[launch.run_class].width) >= size
    )
    return before + reservation(profiles[name], 1)


@given(scenes())
def test_room_is_what_the_plan_would_start(scene: tuple[Sequence[Want], DeviceState]) -> None:
    """As many runs of one class as there is said to be room for start at once, and not one more."""
    _, device = scene
    for name in CLASSES:
        known = profile(name, width=4)
        said = room(device, {name: known})[name]
        placements = plan([Want(f"t{i}", name, known) for i in range(said + 1)], device)
        if any(launch.alone for launch in of_kind(placements, Launch)):
            continue
        assert sum(len(attempts_of(each)) for each in placements if not isinstance(each, Wait)) == said


@pytest.mark.parametrize("name", ["cpu", "cuda:0"])
@given(count=st.integers(1, 40), width=st.sampled_from([1, 4, 8]), processes=st.integers(1, 6))
def test_one_class_is_split_evenly(name: str, count: int, width: int, processes: int) -> None:
    device = DeviceState(name, 64, processes, None)
    split = sizes(plan(wants(count, profile(width=width)), device))
    assert sum(split) == min(count, width * processes)
    if name == "cpu":
        assert max(split) - min(split) <= 1
        assert len(split) == min(count, processes)
