"""Sharing the budget: arithmetic that holds for every budget and every demand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.states import TrialState
from studies.core.plan import Demand, shares, sweep_steps, trial_limit
from studies.core.schedules import constant
from studies.core.snapshot import Trial
from tests.simulation.simulator import queued
from tests.simulation.study import study


@st.composite
def demand_lists(draw: st.DrawFn) -> tuple[Demand, ...]:
    wanted = draw(st.lists(st.integers(1, 60), min_size=1, max_size=4))
    return tuple(Demand(min(draw(st.integers(1, 5)), each), each) for each in wanted)


budgets = st.integers(0, 300)


@given(budgets, demand_lists())
def test_shares_never_exceed_the_budget_nor_the_demand(budget: int, demands: tuple[Demand, ...]) -> None:
    given_out = shares(budget, demands)
    assert sum(given_out) == min(budget, sum(demand.wanted for demand in demands))
    assert all(0 <= share <= demand.wanted for share, demand in zip(given_out, demands, strict=True))


@given(budgets, demand_lists())
def test_a_larger_budget_takes_nothing_from_any_stage(budget: int, demands: tuple[Demand, ...]) -> None:
    less, more = shares(budget, demands), shares(budget + 1, demands)
    assert all(before <= after for before, after in zip(less, more, strict=True))


@given(st.integers(20, 300), demand_lists())
def test_every_stage_can_say_something_where_the_budget_allows(budget: int, demands: tuple[Demand, ...]) -> None:
    assert all(share >= demand.minimum for share, demand in zip(shares(budget, demands), demands, strict=True))


DEMANDS = (Demand(3, 15), Demand(2, 31), Demand(2, 12))


@pytest.mark.parametrize(
    ("budget", "expected"),
    [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (7, (3, 2, 2)), (29, (8, 15, 6)), (60, (15, 31, 12))],
)
def test_small_budgets_reach_the_last_stage_and_large_ones_go_by_demand(budget: int, expected: tuple[int, ...]) -> None:
    assert shares(budget, DEMANDS) == expected


def test_what_an_earlier_stage_did_not_use_is_common() -> None:
    snapshot = queued(study(trials=60))
    assert trial_limit(snapshot, "lr_sweep", DEMANDS) == 60 - 31 - 12
    ran = tuple(
        Trial(f"tr_{i}", i, f"lr={i}", "lr_sweep", {}, constant(), 80, 0, TrialState.COMPLETED) for i in range(10)
    )
    after = replace(snapshot, trials=ran)
    assert trial_limit(after, "batch_momentum", DEMANDS) == 60 - 10 - 12
    assert trial_limit(after, "decay_schedule", DEMANDS) == 60 - 10


def test_a_limit_is_never_negative() -> None:
    snapshot = queued(study(trials=1))
    ran = Trial("tr_0", 0, "lr=0.01", "lr_sweep", {}, constant(), 80, 0, TrialState.COMPLETED)
    assert trial_limit(replace(snapshot, trials=(ran,)), "batch_momentum", DEMANDS) == 0


@pytest.mark.parametrize(
    ("steps", "every", "expected"), [(6000, 100, 4000), (600, 50, 400), (100, 50, 100), (10, 10, 10), (1, 1, 1)]
)
def test_a_sweep_leaves_room_for_one_and_a_half_times_its_convergence(steps: int, every: int, expected: int) -> None:
    assert sweep_steps(study(steps=steps, evaluate_every=every)) == expected


@given(st.integers(1, 10_000), st.integers(1, 500))
def test_a_sweep_never_exceeds_the_budget_and_ends_on_an_evaluation(steps: int, every: int) -> None:
    every = min(every, steps)
    chosen = sweep_steps(study(steps=steps, evaluate_every=every))
    assert 1 <= chosen <= steps
    assert chosen == steps or chosen % every == 0
    assert 3 * chosen >= 2 * steps
