"""Whole queues on simulated devices: nobody is lost, memory holds, and it takes about as long as it must."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from studies.contract.packing import RunProfile
from tests.simulation.packing import PROBE_SECONDS, TICK, Hardware, Kind, Simulation, Trial

MB = 10**6
SMALL, LARGE, THIRD = (f"builtin/{letter * 16}" for letter in "abc")


def kind(
    name: str, width: int = 1, base: int = 500 * MB, member: int = 50 * MB, wrong: float = 1.0, gain: float = 0.75
) -> Kind:
    """A class whose process of k members trains k**gain times as fast as one; a probe is `wrong` about its memory."""
    engine = "serial" if width == 1 else "batched"
    believed = RunProfile(
        run_class=name,
        device_model="simulated",
        engine=engine,
        width=width,
        base_bytes=int(base * wrong),
        member_bytes=int(member * wrong),
    )
    return Kind(believed, lambda members: 100.0 * members**gain, base, member)


def trials(count: int, name: str = SMALL, samples: float = 2000.0, start: int = 0) -> list[Trial]:
    return [Trial(f"t{start + index}", name, samples) for index in range(count)]


def test_a_sweep_on_two_cores_takes_what_two_packs_take() -> None:
    queue = trials(12)
    simulation = Simulation(Hardware("cpu", 16_000 * MB, processes=2), {SMALL: kind(SMALL, width=8)}, queue)
    took = simulation.run()
    ideal = 6 * 2000.0 / (100.0 * 6**0.75)
    assert all(trial.end == "completed" for trial in queue)
    assert took <= ideal + PROBE_SECONDS + 2 * TICK
    one_after_another = 12 * 2000.0 / 200.0
    assert took < 0.7 * one_after_another


def test_a_sweep_on_a_card_is_one_pack() -> None:
    """Where fusing costs nothing, twelve runs take little longer than one."""
    queue = trials(12)
    card = Hardware("cuda:0", 80_000 * MB, processes=8)
    took = Simulation(card, {SMALL: kind(SMALL, width=16, gain=1.0)}, queue).run()
    assert took <= 1.5 * 2000.0 / 100.0


def test_processes_are_added_while_the_throughput_rises() -> None:
    """A card that four processes use up: the queue takes about as long as four at a time take from the beginning."""
    queue = trials(60, samples=500.0)
    card = Hardware("cuda:0", 80_000 * MB, processes=16, shared=lambda processes: min(1.0, 4 / processes))
    simulation = Simulation(card, {SMALL: kind(SMALL)}, queue)
    took = simulation.run()
    assert simulation.climb.found == 4
    assert took <= 1.15 * 60 * 500.0 / 400.0


def test_a_card_that_neighbours_slow_down_is_left_to_one_run() -> None:
    queue = trials(20, samples=500.0)
    card = Hardware("cuda:0", 80_000 * MB, processes=16, shared=lambda processes: 0.9 ** (processes - 1) / processes)
    simulation = Simulation(card, {SMALL: kind(SMALL)}, queue)
    took = simulation.run()
    assert simulation.climb.found == 1
    assert took <= 20 * 500.0 / (0.97 * 100.0)


def test_out_of_memory_sends_each_run_back_once_to_run_alone() -> None:
    """A probe that saw half of the truth: the first pack dies, its runs end alone, the next ones fit."""
    queue = [*trials(4), *trials(4, start=4)]
    card = Hardware("cuda:0", 2_000 * MB, processes=4)
    simulation = Simulation(card, {SMALL: kind(SMALL, width=4, base=800 * MB, member=100 * MB, wrong=0.5)}, queue)
    simulation.run()
    assert Counter(trial.end for trial in queue) == {"completed": 8}
    assert 0 < sum(trial.evictions for trial in queue) <= 8
    assert max(trial.evictions for trial in queue) == 1
    assert simulation.profiles[SMALL].base_bytes >= 600 * MB


def test_what_does_not_even_fit_alone_fails_and_holds_nobody_up() -> None:
    queue = [*trials(1, LARGE), *trials(3, SMALL, start=1)]
    card = Hardware("cuda:0", 2_000 * MB, processes=4)
    simulation = Simulation(card, {SMALL: kind(SMALL), LARGE: kind(LARGE, base=3_000 * MB)}, queue)
    simulation.run()
    assert [trial.end for trial in queue] == ["failed: out of memory, alone", *["completed"] * 3]


KINDS = st.tuples(
    st.sampled_from([1, 4, 8]), st.integers(50, 900), st.integers(0, 200), st.floats(0.3, 2.0), st.floats(0.5, 1.0)
)


@settings(max_examples=50)
@given(
    made=st.tuples(KINDS, KINDS, KINDS),
    queue=st.lists(st.tuples(st.sampled_from([SMALL, LARGE, THIRD]), st.floats(50, 3000)), max_size=25),
    name=st.sampled_from(["cpu", "cuda:0"]),
    processes=st.integers(1, 6),
    capacity=st.integers(1, 20),
    contention=st.floats(0.3, 1.0),
)
def test_nobody_is_lost(
    made: tuple[tuple[int, int, int, float, float], ...],
    queue: list[tuple[str, float]],
    name: str,
    processes: int,
    capacity: int,
    contention: float,
) -> None:
    """Whatever probes get wrong: all end, once, and nobody is evicted twice; all that fits alone completes."""
    kinds = {
        each: kind(each, width, base * MB, member * MB, wrong, gain)
        for each, (width, base, member, wrong, gain) in zip((SMALL, LARGE, THIRD), made, strict=True)
    }
    runs = [Trial(f"t{index}", each, samples) for index, (each, samples) in enumerate(queue)]
    hardware = Hardware(name, 1_000 * MB, processes, capacity, shared=lambda count: contention ** (count - 1))
    simulation = Simulation(hardware, kinds, runs)
    simulation.run()
    assert sorted(simulation.ends) == sorted(trial.name for trial in runs)
    assert all(trial.evictions <= 1 for trial in runs)
    assert all(trial.end == "completed" for trial in runs)
