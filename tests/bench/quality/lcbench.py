"""LCBench through its YAHPO surrogate: 34 classification tasks, networks trained by SGD with cosine annealing.

The surrogate is deterministic: every seed gives the same curve. Its schedule is part of the benchmark and cannot be
chosen, so methods that would tune it have nothing to tune here.
"""

from __future__ import annotations

import csv
import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from tests.bench.quality.axes import Axis, Numeric, clip
from tests.bench.quality.optimum import best_and_median
from tests.bench.quality.task import Scale, Training, peak_epoch

EPOCHS = 52
NAMES = {"learning_rate": "lr"}
COLUMNS = ("batch_size", "lr", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
TIME, ACCURACY, CROSS_ENTROPY = 0, 1, 2

MEMORY = 1_000
"""Configurations of a task whose curves are kept: methods come back to them."""

GOOD_DEFAULTS: Params = {
    "lr": 0.01,
    "batch_size": 64,
    "momentum": 0.9,
    "weight_decay": 1e-5,
    "num_layers": 3,
    "max_units": 256,
    "max_dropout": 0.0,
}
"""The guide's where it has any (section 0; regularisers off), the middle of the range for the network's shape."""


class Surrogate:
    """The network that stands for all tasks, loaded once a process."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options)
        self._codes = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"]

    def __call__(self, task: str, configurations: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return time, accuracy in percent, cross entropy of configurations [n, 7] after each epoch: [n, 52, 3]."""
        epochs = np.tile(np.arange(1, EPOCHS + 1, dtype=np.float32), len(configurations))
        rows = np.column_stack([epochs, np.repeat(configurations, EPOCHS, axis=0)])
        codes = np.full((len(rows), 1), self._codes[task], np.int32)
        (out,) = self._session.run(None, {"x_cat": codes, "x_cont": rows})
        return np.asarray(out[:, : CROSS_ENTROPY + 1], np.float64).reshape(len(configurations), EPOCHS, -1)


class LcbenchTask:
    """One task of LCBench."""

    family = "lcbench"
    epochs = EPOCHS
    good_defaults = GOOD_DEFAULTS
    forms: tuple[str, ...] = ()
    starts: tuple[float, ...] = ()

    def __init__(self, task: str, axes: tuple[Axis, ...], surrogate: Surrogate, best_published: float) -> None:
        self.name = f"lcbench-{task}"
        self.axes = axes
        self._task = task
        self._surrogate = surrogate
        self._best_published = best_published
        self._rows = lru_cache(MEMORY)(self._asked)

    @cached_property
    def scale(self) -> Scale:
        found = best_and_median(self.axes, self._peaks)
        return Scale(max(found.best, self._best_published), found.median)

    def training(self, params: Params, seed: int) -> Training:
        rows = self._rows(self._row(params))
        accuracy, loss = np.clip(rows[:, ACCURACY] / 100, 0.0, 1.0), rows[:, CROSS_ENTROPY]
        return Training(accuracy, loss, max(1e-6, float(rows[-1, TIME]) / EPOCHS))

    def result(self, params: Params, epochs: int, seed: int) -> float:
        dev = self.training(params, seed).dev
        return float(dev[peak_epoch(dev, epochs) - 1])

    def schedule_label(self, schedule: Schedule, num_epochs: int) -> str:
        raise NotImplementedError("LCBench's schedule is not an axis")

    def _peaks(self, points: list[Params]) -> NDArray[np.float64]:
        accuracy = self._surrogate(self._task, self._matrix(points))[:, :, ACCURACY]
        return np.asarray(np.clip(accuracy.max(axis=1) / 100, 0.0, 1.0))

    def _matrix(self, points: list[Params]) -> NDArray[np.float32]:
        return np.array([self._row(point) for point in points], np.float32)

    def _row(self, point: Params) -> tuple[float, ...]:
        axes = {axis.name: axis for axis in self.axes}
        return tuple(float(clip(axes[name], point[name])) for name in COLUMNS)

    def _asked(self, row: tuple[float, ...]) -> NDArray[np.float64]:
        """Return time, accuracy and cross entropy of one configuration, [52, 3]."""
        return np.asarray(self._surrogate(self._task, np.array([row], np.float32))[0])


def task_names(folder: Path) -> tuple[str, ...]:
    """Return the names of all tasks, sorted as texts."""
    return tuple(sorted(_axis(folder, "OpenML_task_id")["choices"]))


def lcbench_tasks(folder: Path, names: tuple[str, ...]) -> tuple[LcbenchTask, ...]:
    """Return tasks that share one surrogate, which lies in `folder` with its encoding, space and best values."""
    surrogate, axes, best = Surrogate(folder), space(folder), _best_published(folder)
    return tuple(LcbenchTask(name, axes, surrogate, best[name]) for name in names)


def space(folder: Path) -> tuple[Axis, ...]:
    """Return the benchmark's own search space, but for the epochs: they are the fidelity."""
    known = {NAMES.get(entry["name"], entry["name"]): entry for entry in _space(folder)}
    return tuple(_numeric(name, known[name]) for name in COLUMNS)


def _numeric(name: str, entry: dict[str, Any]) -> Numeric:
    return Numeric(name, entry["lower"], entry["upper"], entry["log"], integer=entry["type"] == "uniform_int")


def _space(folder: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((folder / "config_space.json").read_text())["hyperparameters"]
    return entries


def _axis(folder: Path, name: str) -> dict[str, Any]:
    return next(entry for entry in _space(folder) if entry["name"] == name)


def _best_published(folder: Path) -> dict[str, float]:
    with (folder / "lcbench_min_max.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["metric"], row["statistic"]) == ("val_accuracy", "max")]
    return {row["instance"]: float(row["value"]) / 100 for row in rows}
