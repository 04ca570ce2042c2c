"""How results become a report: standings, statistics, the cache, and the whole bench in small."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import stats

from tests.bench.quality.__main__ import main
from tests.bench.quality.cache import Cache
from tests.bench.quality.cases import Case, Conditions, Grid, Traits
from tests.bench.quality.ledger import Trajectory
from tests.bench.quality.report import table
from tests.bench.quality.significance import holm, interval, signed_rank
from tests.bench.quality.standings import GRAIN, Results, Yardstick, mean_ranks, share_to_match
from tests.bench.quality.task import Scale
from tests.bench.quality.versions import meaning

WHERE = Conditions(10, 1, "good")
TRAITS = {
    "guided_search": Traits(uses_defaults=True, knows_budget=True),
    "tpe": Traits(uses_defaults=False, knows_budget=False),
    "gp": Traits(uses_defaults=False, knows_budget=False),
}
GRID = Grid(TRAITS, ("a", "b"), (10, 20), (1, 8), ("good", "random"), seeds=2)
YARDSTICKS = {name: Yardstick(name.upper(), 10, Scale(best=1.0, median=0.5)) for name in GRID.tasks}


def trajectory(final: float, at: int = 50) -> Trajectory:
    """Half of the way to `final` at once, all of it after `at` epochs."""
    return Trajectory((1, at), (0.5 + (final - 0.5) / 2, final), 100)


def results(**finals: float) -> Results:
    found = {
        GRID.case(method, task, WHERE, seed): trajectory(final + 0.01 * seed)
        for method, final in finals.items()
        for task in GRID.tasks
        for seed in range(2)
    }
    return Results(found, YARDSTICKS)


def test_a_search_is_run_once_for_all_conditions_that_are_alike_to_it() -> None:
    cases = GRID.cases()
    assert len([case for case in cases if case.method == "guided_search"]) == 2 * 2 * 2 * 2 * 2
    assert {(case.budget, case.defaults) for case in cases if case.method == "tpe"} == {(20, "good")}
    assert len([case for case in cases if case.method == "tpe"]) == 2 * 2 * 2
    assert [case.seed for case in cases] == sorted(case.seed for case in cases)


def test_regret_is_read_at_shares_of_the_budget() -> None:
    regrets = results(tpe=0.9).regrets(GRID, "tpe", WHERE)
    assert regrets is not None
    assert regrets["a"][0] == pytest.approx(np.where(GRAIN < 0.5, 0.6, 0.2))


def test_before_the_first_epoch_has_ended_nothing_is_known() -> None:
    late = Results({GRID.case("tpe", task, WHERE, 0): Trajectory((30,), (1.0,), 40) for task in "ab"}, YARDSTICKS)
    regrets = late.regrets(GRID, "tpe", WHERE)
    assert regrets is not None
    assert regrets["a"][0] == pytest.approx(np.where(GRAIN < 0.3, 1.0, 0.0))


def test_a_method_that_misses_a_task_is_named_and_left_out() -> None:
    found = table(results(guided_search=0.95, tpe=0.9), GRID, WHERE)
    assert [row.method for row in found.rows] == ["guided_search", "tpe"]
    assert found.missing == ("gp",)


def test_a_search_with_less_budget_does_not_stand_for_one_with_more() -> None:
    short = {Case("tpe", task, 10, 1, "good", seed): trajectory(0.9) for task in GRID.tasks for seed in range(2)}
    assert Results(short, YARDSTICKS).regrets(GRID, "tpe", Conditions(10, 1, "good")) is not None
    assert Results(short, YARDSTICKS).regrets(GRID, "tpe", Conditions(20, 1, "good")) is None


def test_a_table_says_who_is_best_and_when_its_peer_is_matched() -> None:
    found = table(results(guided_search=0.95, tpe=0.9, gp=0.8), GRID, WHERE)
    own, best, _ = found.rows
    assert (found.proved, found.best_peer) == ("guided_search", "tpe")
    assert found.matched_at == 0.5
    assert own.regret["all"] == pytest.approx((0.545, 0.09, 0.09))
    assert own.regret["A"] == own.regret["B"] == own.regret["all"]
    assert own.rank == (1.0, 1.0, 1.0)
    assert own.p is None
    assert best.p is not None
    assert own.interval[0] <= own.regret["all"][-1] <= own.interval[1]


def test_a_target_that_is_lost_again_is_not_matched() -> None:
    assert share_to_match(np.concatenate([np.full(40, 0.1), np.full(60, 0.3)]), 0.2) is None
    assert share_to_match(np.concatenate([np.full(40, 0.3), np.full(60, 0.1)]), 0.2) == pytest.approx(0.41)
    assert share_to_match(np.full(100, 0.1), 0.2) == pytest.approx(0.01)


def test_ranks_are_by_task_and_ties_share_theirs() -> None:
    curves = {name: np.full((2, 100), value) for name, value in (("x", 0.1), ("y", 0.3), ("z", 0.3))}
    curves["x"][1] = 0.5
    assert mean_ranks(curves) == {"x": (2.0, 2.0, 2.0), "y": (2.0, 2.0, 2.0), "z": (2.0, 2.0, 2.0)}


def test_holm_multiplies_the_smallest_by_their_number_and_never_falls() -> None:
    assert holm({"a": 0.03, "b": 0.01, "c": 0.025}) == pytest.approx({"b": 0.03, "c": 0.05, "a": 0.05})
    assert holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}


def test_the_signed_rank_test_is_exact_for_few_tasks() -> None:
    a, b = np.arange(8.0), np.arange(8.0) + np.linspace(0.1, 0.8, 8)
    assert signed_rank(a, b) == pytest.approx(2 / 2**8)
    assert signed_rank(a, a) == 1.0


def test_the_bootstrap_interval_of_one_task_is_that_of_scipy() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.1, 40)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", random_state=0).confidence_interval
    assert interval([values]) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_the_cache_gives_back_what_it_was_given_and_forgets_a_line_cut_off(tmp_path: Path) -> None:
    cache, case = Cache(tmp_path), Case("tpe", "a", 10, 1, "good", 0)
    cache.add(case, "v1", trajectory(0.9))
    with (tmp_path / "tpe-v1.jsonl").open("a") as file:
        file.write('{"case": {"meth')
    assert cache.read("tpe", "v1") == {case: trajectory(0.9)}
    assert cache.read("tpe", "v2") == {}


def test_what_a_program_means_does_not_depend_on_its_comments() -> None:
    assert meaning('"""Doc."""\nx = 1  # why\n') == meaning("x = 1")
    assert meaning("x = 1") != meaning("x = 2")
    assert meaning('def f():\n    """Doc."""\n    return 1') == meaning("def f(): return 1")


def test_the_whole_bench_in_small_and_again_from_its_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--quick", "--out", str(tmp_path), "--methods", "random", "asha+defaults", "guide", "guided_search"]
    main(words)
    first = capsys.readouterr().out
    assert "| guided_search |" in first
    kept = {file: file.read_bytes() for file in (tmp_path / "cache").iterdir()}
    main(words)
    assert {file: file.read_bytes() for file in (tmp_path / "cache").iterdir()} == kept
    tables = json.loads((tmp_path / "report.json").read_text())
    assert [found["conditions"]["slots"] for found in tables] == [1, 4]
    ElementTree.fromstring((tmp_path / "report.svg").read_text())
