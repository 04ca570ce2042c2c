"""Small questions of a class of runs: from how many members on fusing pays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.packing import Engine, EngineTiming, RunProfile
from workers.packing.sizes import fused_from

ALONE = 100.0


def profile(rates: dict[int, float], engine: Engine = "batched", width: int = 8) -> RunProfile:
    timings = [EngineTiming(engine=engine, width=at, samples_per_second=rate) for at, rate in rates.items()]
    others = [
        EngineTiming(engine="serial", samples_per_second=ALONE),
        EngineTiming(engine="vmap", width=2, samples_per_second=1),
    ]
    return RunProfile(
        run_class="builtin/0123456789abcdef",
        device_model="a CPU",
        engine=engine,
        width=width,
        alone_rate=ALONE,
        timings=(*others, *timings),
    )


@pytest.mark.parametrize(
    ("rates", "members"),
    [
        ({8: 400.0, 2: 105.0}, 2),
        ({8: 400.0, 2: 80.0}, 3),  # steps of 2.5 and 2: no longer with more members
        ({8: 110.0, 2: 60.0}, 6),
        ({8: 200.0}, 4),  # nothing narrower was timed: a step of two is taken to cost as much as one of eight
        ({8: 104.0}, 8),
        ({}, 2),
    ],
)
def test_from_so_many_members_on_fusing_pays(rates: dict[int, float], members: int) -> None:
    assert fused_from(profile(rates)) == members


def test_one_run_is_never_fused_and_a_serial_class_has_no_say() -> None:
    assert fused_from(profile({4: 10_000.0})) == 2
    assert fused_from(profile({}, engine="serial", width=1)) == 2


@given(
    st.floats(0.0, 3.0),
    st.floats(0.01, 0.95),
    st.sampled_from([(2, 8), (2, 4), (2, 8, 16), (8,), (4, 8)]),
)
def test_where_fused_is_faster_than_alone_if_steps_grow_evenly(
    start: float, per_member: float, widths: tuple[int, ...]
) -> None:
    """Steps of a + b K against K steps alone, as the model of a step's cost has it."""

    def rate(width: int) -> float:
        return ALONE * width / (start + per_member * width)

    if rate(widths[-1]) < ALONE:
        return
    first = fused_from(profile({width: rate(width) for width in widths}, width=widths[-1]))
    assert all(rate(members) >= ALONE * (1 - 1e-9) for members in range(first, widths[-1] + 1))
