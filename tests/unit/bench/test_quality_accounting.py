"""The bench's one accounting: no method runs more than its budget, and what is in hand is what was seen."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.quality.cases import Case
from tests.bench.quality.ledger import Ledger, OverBudget, Trajectory
from tests.bench.quality.methods import METHODS, run
from tests.bench.quality.slots import simulate
from tests.bench.quality.synthetic import SyntheticTask
from tests.unit.bench.searches import Listed, at_random, final_regret

TASK = SyntheticTask(0, epochs=9)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 8), st.integers(0, 12), st.integers(1, 9))
def test_a_search_never_runs_more_than_its_budget_nor_more_at_once_than_its_slots(
    budget: int, slots: int, count: int, length: int
) -> None:
    ledger, search = Ledger(TASK, budget), Listed(TASK, at_random(TASK, 0, count), length)
    simulate(search, ledger, slots)
    assert ledger.consumed == min(budget, count * length)
    assert search.most_at_once <= slots


def test_what_is_not_there_cannot_be_spent() -> None:
    ledger = Ledger(TASK, 3)
    ledger.charge(2)
    with pytest.raises(OverBudget, match="2 epochs asked of 1 left"):
        ledger.charge(2)
    assert ledger.consumed == 2


@pytest.mark.parametrize("slots", [1, 8])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_keeps_to_its_budget(method: str, slots: int) -> None:
    found = run(Case(method, TASK.name, 4, slots, "good", 1), TASK)
    assert 0 < found.consumed <= 4 * TASK.epochs
    assert list(found.epochs) == sorted(set(found.epochs))
    assert found.epochs[-1] <= found.consumed


@pytest.mark.parametrize("method", ["random", "tpe", "cma-es+defaults", "asha", "tpe-hyperband+defaults"])
def test_a_method_that_plans_with_no_budget_begins_a_longer_search_as_a_shorter_one(method: str) -> None:
    short, long = (run(Case(method, TASK.name, budget, 4, "random", 2), TASK) for budget in (3, 8))
    assert [long.at(epochs) for epochs in range(1, 27)] == [short.at(epochs) for epochs in range(1, 27)]


@pytest.mark.parametrize("method", ["guide", "guided_search", "tpe+defaults"])
def test_a_search_replayed_comes_to_the_same(method: str) -> None:
    case = Case(method, TASK.name, 5, 3, "good", 4)
    assert run(case, TASK) == run(case, SyntheticTask(0, epochs=9))


def test_a_perfect_oracle_has_no_regret() -> None:
    assert final_regret(TASK, [TASK.optimum()]) == pytest.approx(0.0, abs=2e-3)


def test_one_random_sample_has_a_regret_of_about_one() -> None:
    regrets = [final_regret(TASK, [params]) for params in at_random(TASK, seed=1, count=1_000)]
    assert median(regrets) == pytest.approx(1.0, abs=0.1)


def test_what_is_in_hand_is_the_run_with_the_best_dev_metric_so_far() -> None:
    ledger = Ledger(TASK, 100)
    good, bad = TASK.optimum(), {**TASK.optimum(), "lr": 1e-4}
    for epochs, params, dev in ((1, bad, 0.2), (2, good, 0.9), (3, bad, 0.8)):
        ledger.charge()
        ledger.observe(params, 0, epochs, dev)
    found = ledger.trajectory()
    assert found.epochs == (1, 2)
    assert found.results == (TASK.result(bad, 1, 0), TASK.result(good, 2, 0))


def test_what_the_method_recommends_in_the_end_counts_instead() -> None:
    ledger = Ledger(TASK, 100)
    ledger.charge(5)
    ledger.observe(TASK.optimum(), 0, 5, 0.9)
    ledger.recommend({**TASK.optimum(), "lr": 1e-4}, 0, 9)
    assert ledger.trajectory().epochs == (5,)
    assert ledger.trajectory().results == (TASK.result({**TASK.optimum(), "lr": 1e-4}, 9, 0),)


def test_a_trajectory_holds_what_it_had_until_it_has_better() -> None:
    found = Trajectory((2, 5), (0.3, 0.7), 9)
    assert [found.at(epochs) for epochs in (1, 2, 4.9, 5, 100)] == [None, 0.3, 0.3, 0.7, 0.7]


def test_slots_share_the_budget_and_quick_runs_free_theirs_first() -> None:
    ledger, search = Ledger(TASK, 6), Listed(TASK, at_random(TASK, 0, 5), length=2)
    simulate(search, ledger, slots=2)
    assert (search.started, ledger.consumed) == (4, 6)
    assert np.isfinite(ledger.trajectory().results).all()
