"""What a probe times next, on simulated throughput curves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.packing import EngineTiming
from workers.packing.agenda import STEPS, WIDTHS, Candidate, Purse, budget, next_candidate, worth_compiling

RICH = Purse(seconds=1e9, step_seconds=0.001)
Rate = Callable[[Candidate], float | str]


def probed(rate: Rate, purse: Purse = RICH) -> list[Candidate]:
    """Return what is timed, in order, where `rate` says how fast each candidate is, or why it refuses."""
    timings = [EngineTiming(engine="serial", samples_per_second=100)]
    order: list[Candidate] = []
    while candidate := next_candidate(timings, purse):
        found = rate(candidate)
        result = {"refused": found} if isinstance(found, str) else {"samples_per_second": found}
        timings.append(EngineTiming.model_validate({"engine": candidate.engine, "width": candidate.width, **result}))
        order.append(candidate)
        assert len(order) < 20
    return order


def batched(*widths: int) -> list[Candidate]:
    return [Candidate("batched", width) for width in widths]


def test_widened_while_the_throughput_rises_then_vmap_beside_the_best_and_at_last_a_pair() -> None:
    order = probed(lambda each: 100.0 * each.width + (each.engine == "batched"))
    assert order == [*batched(8, 16, 32), Candidate("vmap", 32), *batched(2)]


def test_a_pair_is_timed_under_the_fastest_engine_unless_that_is_serial() -> None:
    fastest = probed(lambda each: 100.0 * each.width * (2 if each.engine == "vmap" else 1))
    assert fastest[-1] == Candidate("vmap", 2)
    assert Candidate("batched", 2) not in probed(lambda _: 90.0)


def test_where_widening_brings_nothing_it_is_narrowed() -> None:
    assert probed(lambda each: 100.0) == [*batched(8, 16, 4), Candidate("vmap", 8)]


def test_vmap_takes_the_place_of_batched_layers_that_refuse() -> None:
    order = probed(lambda each: "no rule for erfinv" if each.engine == "batched" else 50.0 * each.width)
    assert order == [*batched(8), *(Candidate("vmap", width) for width in (8, 16, 32, 2))]


def test_where_both_refuse_that_is_all() -> None:
    assert probed(lambda each: "LSTM") == [Candidate("batched", 8), Candidate("vmap", 8)]


def test_out_of_memory_ends_the_widening() -> None:
    order = probed(lambda each: "out of memory" if each.width > 8 else 100.0 * each.width)
    assert order == [*batched(8, 16, 4), Candidate("vmap", 8), *batched(2)]


def test_a_compiled_form_is_tried_for_long_runs_alone() -> None:
    long = Purse(seconds=1e9, step_seconds=0.001, long_runs=True)
    assert Candidate("batched_compiled", 32) in probed(lambda each: 100.0 * each.width, long)


def test_one_width_is_always_timed_and_little_more_where_steps_are_slow() -> None:
    poor = Purse(seconds=0.0, step_seconds=2.0)
    assert probed(lambda each: 100.0 * each.width, poor) == batched(4)


@given(st.floats(0, 100), st.floats(1e-4, 10), st.sampled_from([0.5, 1.0, 1.5]))
def test_nothing_is_timed_that_cannot_be_afforded(seconds: float, step_seconds: float, gain: float) -> None:
    purse = Purse(seconds, step_seconds)
    first, *others = probed(lambda each: 100.0 * each.width * gain, purse)
    assert first.width == WIDTHS[0] or purse.affords(first.width)
    assert all(other.width * step_seconds * STEPS <= seconds for other in others)


@given(st.dictionaries(st.tuples(st.sampled_from(["batched", "vmap"]), st.sampled_from(WIDTHS)), st.floats(1, 1e6)))
def test_nothing_is_timed_twice(rates: dict[tuple[str, int], float]) -> None:
    order = probed(lambda each: rates.get((each.engine, each.width), "refused"))
    assert len(set(order)) == len(order)


@pytest.mark.parametrize(
    ("kind", "num_steps", "step_seconds", "seconds"),
    [("cpu", 100_000, 0.003, 1.0), ("cuda", 100_000, 0.003, 5.0), ("cpu", 500, 0.003, 0.36)],
)
def test_a_probe_takes_its_share_of_the_runs_to_come(
    kind: str, num_steps: int, step_seconds: float, seconds: float
) -> None:
    assert budget(kind, num_steps, step_seconds) == pytest.approx(seconds)


def test_compiling_is_worth_a_try_in_runs_of_many_minutes() -> None:
    assert not worth_compiling(1000, 0.01)
    assert worth_compiling(100_000, 0.01)
