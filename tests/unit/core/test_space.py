"""Arithmetic on hyperparameters: the guide's numbers as cases, and what holds for every grid."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.study_file import LrScaling
from studies.core import space

DECADES = (1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001)
RATES = st.floats(1e-8, 1e3)
GRIDS = st.lists(RATES, min_size=1, max_size=8, unique=True)


@pytest.mark.parametrize(("rule", "lr"), [("linear", 0.2), ("sqrt", 0.1 * math.sqrt(2)), ("none", 0.1)])
def test_lr_0_1_at_256_scales_to_512(rule: LrScaling, lr: float) -> None:
    assert space.scale_lr(0.1, 256, 512, rule) == pytest.approx(lr)


def test_momentum_and_lr_move_in_opposite_directions() -> None:
    assert space.hold_effective_lr(0.01, 0.9, 0.95) == pytest.approx(0.005)
    assert space.hold_effective_lr(0.01, 0.9, 0.0) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("num_steps", "batch0", "batch", "cap", "steps"),
    [(600, 64, 128, 600, 300), (300, 64, 32, 1_000, 600), (300, 64, 32, 400, 400), (100, 64, 96, 999, 67)],
)
def test_equal_epochs(num_steps: int, batch0: int, batch: int, cap: int, steps: int) -> None:
    assert space.equal_epochs_steps(num_steps, batch0, batch, cap) == steps


@pytest.mark.parametrize(
    ("grid", "winner", "side"),
    [(DECADES, 1.0, "high"), (DECADES, 1e-5, "low"), (DECADES, 0.01, None), ((0.1,), 0.1, None)],
)
def test_at_edge(grid: tuple[float, ...], winner: float, side: str | None) -> None:
    assert space.at_edge(grid, winner) == side


@pytest.mark.parametrize(
    ("grid", "side", "beyond"),
    [
        (DECADES, "low", 1e-6),
        (DECADES, "high", 10.0),
        ((0.1,), "low", 0.01),
        ((0.1,), "high", 1.0),
        ((0.01, 0.03), "high", 0.09),
        ((1.0, 1.001), "high", 1.001**2),
        ((0.1, 0.3, 1.0), "low", 0.033),
    ],
)
def test_extend_beyond(grid: tuple[float, ...], side: space.Side, beyond: float) -> None:
    assert space.extend_beyond(grid, side) == pytest.approx(beyond, rel=1e-12)


@pytest.mark.parametrize(
    ("grid", "winner", "count", "bound", "rates"),
    [
        pytest.param(DECADES, 0.01, 4, None, (0.005, 0.03, 0.003, 0.05), id="the guide's four"),
        pytest.param(DECADES, 0.01, 6, None, (0.005, 0.03, 0.003, 0.05, 0.007, 0.02), id="then 0.007"),
        pytest.param(DECADES, 0.01, 4, 0.05, (0.005, 0.03, 0.003, 0.007), id="below a rate that diverged"),
        pytest.param((0.01,), 0.01, 2, None, (0.005, 0.03), id="one point: a decade each way"),
        pytest.param((0.1, 0.01), 0.1, 4, None, (0.05, 0.3, 0.03, 0.5), id="edge: its own spacing"),
        pytest.param((0.01, 0.1), 0.01, 4, None, (0.005, 0.03, 0.003, 0.05), id="low edge"),
        pytest.param((0.01, 0.011, 0.012), 0.011, 4, None, (), id="as fine as two digits already"),
        pytest.param(DECADES, 0.01, 4, 0.001, (), id="everything above diverged"),
        pytest.param(DECADES, 0.01, 0, None, (), id="none asked for"),
    ],
)
def test_refine_around(
    grid: tuple[float, ...], winner: float, count: int, bound: float | None, rates: tuple[float, ...]
) -> None:
    assert space.refine_around(grid, winner, count, bound) == rates


@given(GRIDS, st.data(), st.integers(0, 40), st.none() | RATES)
def test_refinements_are_new_round_below_the_bound_and_prefixes_of_each_other(
    grid: list[float], data: st.DataObject, count: int, bound: float | None
) -> None:
    winner = data.draw(st.sampled_from(grid))
    rates = space.refine_around(grid, winner, count, bound)
    assert len(rates) == len(set(rates)) <= count
    assert not set(rates) & set(grid)
    assert all(rate == space.nice(rate) and rate > 0 for rate in rates)
    assert all(rate < (bound or math.inf) for rate in rates)
    assert space.refine_around(grid, winner, count + 3, bound)[: len(rates)] == rates


@given(GRIDS)
def test_extension_lies_beyond_the_grid(grid: list[float]) -> None:
    assert space.extend_beyond(grid, "low") < min(grid)
    assert space.extend_beyond(grid, "high") > max(grid)


@pytest.mark.parametrize(("value", "rounded"), [(0.0033333, 0.0033), (123.0, 120.0), (1.0000000000000002e-06, 1e-6)])
def test_nice(value: float, rounded: float) -> None:
    assert space.nice(value) == rounded


@pytest.mark.parametrize(
    ("lr", "label"),
    [(1.0, "1"), (10.0, "10"), (0.001, "0.001"), (0.0015, "0.0015"), (1e-5, "1e-5"), (3.2e-4, "3.2e-4"), (1e5, "1e5")],
)
def test_lr_label(lr: float, label: str) -> None:
    assert space.lr_label(lr) == label


@given(st.floats(1e-300, 1e300))
def test_labels_are_exact(lr: float) -> None:
    assert float(space.lr_label(lr)) == lr
