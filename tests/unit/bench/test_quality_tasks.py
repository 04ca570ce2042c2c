"""The tasks of the bench: axes, a table of real training in small, and how a schedule finds its place in it."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.core import schedules
from tests.bench.quality.axes import Axis, Categorical, Numeric, Ordinal, clip, decode, draw
from tests.bench.quality.optimum import best_and_median
from tests.bench.quality.suite import FIRST, STRIDE, Suite
from tests.bench.quality.synthetic import SyntheticTask
from tests.bench.quality.tables import TableTask
from tests.bench.quality.task import defaults_of

META = {
    "name": "small",
    "LR": [0.01, 0.1, 1.0],
    "BS": [16, 64],
    "MOM": [0.0, 0.9],
    "WD": [0.0, 0.001],
    "SCH": [["none", 1.0], ["linear", 0.0], ["linear", 0.67], ["cosine", 0.33]],
    "E": 4,
    "nval": 100,
    "ntest": 200,
    "seeds": [0, 1],
}
ROWS = list(product(META["LR"], META["MOM"], range(4), META["WD"]))
AXES: list[Axis] = [
    Numeric("a", 1e-4, 0.1, log=True),
    Numeric("b", 16, 512, log=True, integer=True),
    Numeric("c", 1, 5, integer=True),
    Ordinal("d", (0.0, 0.5, 0.99)),
    Categorical("e", ("x", "y")),
]


@pytest.fixture
def table(tmp_path: Path) -> TableTask:
    """A table whose dev and test values name their row: the row's number, peaking in the third epoch."""
    shape = np.array([-2, -1, 0, -1])
    arrays = {}
    for seed, batch in ((0, 16), (0, 64), (1, 16)):
        dev = (np.arange(len(ROWS))[:, None] + shape + 2).astype(np.uint16)
        arrays |= {
            f"val_{seed}_{batch}": dev,
            f"test_{seed}_{batch}": dev * 2 + 10 * seed,
            f"loss_{seed}_{batch}": (1 / (1.0 + dev)).astype(np.float16),
        }
    file = tmp_path / "grid_small.npz"
    np.savez(file, meta=json.dumps(META), **arrays)
    return TableTask(file)


@given(st.floats(0, 1, exclude_max=True), st.sampled_from(AXES))
def test_a_drawn_value_lies_on_its_axis(unit: float, axis: Axis) -> None:
    value = decode(axis, unit)
    assert clip(axis, value) == pytest.approx(value) if not isinstance(axis, Categorical) else value in axis.choices


def test_equal_shares_of_the_unit_interval_are_equally_likely() -> None:
    assert [decode(AXES[2], unit) for unit in (0.0, 0.19, 0.21, 0.99)] == [1, 1, 2, 5]
    assert decode(AXES[0], 1 / 3) == pytest.approx(1e-3)


def test_a_run_is_looked_up_at_the_nearest_point_of_the_grid(table: TableTask) -> None:
    params = {"lr": 0.13, "batch_size": 60, "momentum": 0.8, "weight_decay": 0.0009, "schedule": "linear/0.67"}
    row = ROWS.index((0.1, 0.9, 2, 0.001))
    assert table.training(params, 0).dev == pytest.approx((row + np.array([0, 1, 2, 1])) / 100)


def test_a_result_is_the_test_metric_at_the_dev_peak_seen_over_all_seeds_there_are(table: TableTask) -> None:
    params = {"lr": 0.01, "batch_size": 16, "momentum": 0.0, "weight_decay": 0.0, "schedule": "none"}
    assert table.result(params, 4, 0) == pytest.approx((2 * 2 + 5) / 200)
    assert table.result(params, 1, 0) == pytest.approx((2 * 0 + 5) / 200)
    assert table.result({**params, "batch_size": 64}, 4, 0) == pytest.approx(2 * 2 / 200)


def test_the_scale_of_a_table_is_its_best_and_its_median_row(table: TableTask) -> None:
    assert table.scale.best == pytest.approx((2 * (len(ROWS) + 1) + 5) / 200)
    assert table.scale.regret(table.scale.median) == 1.0


@pytest.mark.parametrize(
    ("schedule", "label"),
    [
        (schedules.constant(), "none"),
        (schedules.linear_to_zero(40), "linear/0"),
        (schedules.linear_to_zero(40, start=25), "linear/0.67"),
        (schedules.cosine(40, start=39), "cosine/0.33"),
    ],
)
def test_a_schedule_takes_the_nearest_start_of_its_form(table: TableTask, schedule: object, label: str) -> None:
    assert table.schedule_label(schedule, 40) == label


def test_random_defaults_differ_by_seed_and_good_ones_do_not() -> None:
    task = SyntheticTask(0)
    assert defaults_of(task, "random", 1) != defaults_of(task, "random", 2)
    assert defaults_of(task, "random", 1) == defaults_of(task, "random", 1)
    assert defaults_of(task, "good", 1) == defaults_of(task, "good", 2) == task.good_defaults


def test_the_best_of_a_space_is_climbed_to() -> None:
    axes = [Numeric("x", 0.0, 1.0), Numeric("y", 0.0, 1.0)]
    found = best_and_median(
        axes, lambda points: np.array([1 - (float(p["x"]) - 0.3) ** 2 - (float(p["y"]) - 0.9) ** 2 for p in points])
    )
    assert found.best == pytest.approx(1.0, abs=1e-5)
    assert 0.5 < found.median < 0.9


def test_without_data_the_suite_says_how_to_get_it_and_runs_on_synthetic_curves(tmp_path: Path) -> None:
    suite = Suite(tmp_path)
    assert suite.missing is not None
    assert "yahpo_data" in suite.missing
    assert {task.family for task in suite.load().values()} == {"synthetic"}
    assert Suite(tmp_path, synthetic=True).missing is None


def test_a_table_alone_is_data_too(tmp_path: Path, table: TableTask) -> None:
    (tmp_path / "grid_small.npz").rename(tmp_path / "grid_letter.npz")
    assert [*Suite(tmp_path).load()] == ["small"]
    assert Suite(tmp_path).missing is None


def test_tasks_for_development_are_every_third() -> None:
    assert [*range(34)][FIRST::STRIDE][:3] == [2, 5, 8]


def test_points_of_a_draw_have_every_axis() -> None:
    assert draw(AXES, np.random.default_rng(0)).keys() == {"a", "b", "c", "d", "e"}
