"""Tables of real training: every configuration of a grid, trained with some seeds (letter, digits).

A run is looked up at the nearest point of the grid. Where the table has fewer seeds than are asked for, they come
round again; so on letter, which mostly has one seed, a repeat gives the same curve.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from tests.bench.quality.axes import Axis, Categorical, Numeric, Ordinal, clip
from tests.bench.quality.task import SCHEDULE, Scale, Training, peak_epoch

GOOD_DEFAULTS: Params = {"lr": 0.01, "batch_size": 64, "momentum": 0.9, "weight_decay": 0.0, SCHEDULE: "none"}
"""The guide's (section 0): no decay and no regulariser before it is known that they help."""

KINDS = {"constant": "none", "linear": "linear", "exponential": "exp", "cosine": "cosine", "piecewise": "piecewise"}
"""The table's names of the forms of a `Schedule`."""


class TableTask:
    """A full factorial grid of learning rate, batch size, momentum, weight decay and schedule."""

    forms = tuple(form for form in KINDS if form != "constant")
    good_defaults = GOOD_DEFAULTS

    def __init__(self, file: Path) -> None:
        with np.load(file) as archive:
            self._arrays: dict[str, NDArray[Any]] = {name: archive[name] for name in archive.files}
        self._meta: dict[str, Any] = json.loads(str(self._arrays.pop("meta")))
        self.name = self.family = str(self._meta["name"])
        self.epochs = int(self._meta["E"])
        self._schedules = {_label(*entry): index for index, entry in enumerate(self._meta["SCH"])}
        self.starts = tuple(sorted({start for kind, start in self._meta["SCH"] if kind != "none"}))
        self.axes = _axes(self._meta, tuple(self._schedules))

    @cached_property
    def scale(self) -> Scale:
        batches = [self._results(batch) for batch in self._meta["BS"]]
        return Scale(float(np.max(batches)), float(np.median(batches)))

    def training(self, params: Params, seed: int) -> Training:
        batch, row = self._place(params)
        seeds = self._seeds(batch)
        key = f"{seeds[seed % len(seeds)]}_{batch}"
        dev = self._arrays[f"val_{key}"][row] / self._meta["nval"]
        return Training(dev, self._arrays[f"loss_{key}"][row].astype(np.float64))

    def result(self, params: Params, epochs: int, seed: int) -> float:
        """Return the test accuracy at the dev peak, the mean over the table's seeds: luck of one seed earns nothing."""
        batch, row = self._place(params)
        return float(np.mean([self._tested(batch, known, row, epochs) for known in self._seeds(batch)]))

    def schedule_label(self, schedule: Schedule, num_epochs: int) -> str:
        kind = KINDS[schedule.kind]
        starts = {label: self._meta["SCH"][index] for label, index in self._schedules.items()}
        same = {label: start for label, (form, start) in starts.items() if form == kind}
        return min(same, key=lambda label: abs(same[label] - schedule.start / num_epochs))

    def _tested(self, batch: int, seed: int, row: int, epochs: int) -> float:
        key = f"{seed}_{batch}"
        kept = peak_epoch(self._arrays[f"val_{key}"][row], epochs)
        return float(self._arrays[f"test_{key}"][row][kept - 1]) / float(self._meta["ntest"])

    def _results(self, batch: int) -> NDArray[np.float64]:
        """Return the result of every row at full length."""
        rows = range(len(self._arrays[f"val_0_{batch}"]))
        tested = [[self._tested(batch, seed, row, self.epochs) for row in rows] for seed in self._seeds(batch)]
        return np.asarray(np.mean(tested, axis=0))

    def _seeds(self, batch: int) -> list[int]:
        return [seed for seed in self._meta["seeds"] if f"val_{seed}_{batch}" in self._arrays]

    def _place(self, params: Params) -> tuple[int, int]:
        """Return the batch size and the row of the grid point nearest to a configuration."""
        values = {axis.name: clip(axis, params[axis.name]) for axis in self.axes}
        rates = np.log(self._meta["LR"])
        row = int(np.argmin(np.abs(rates - np.log(float(values["lr"])))))
        for name, key in (("momentum", "MOM"), (SCHEDULE, "SCH"), ("weight_decay", "WD")):
            value = values[name]
            index = self._schedules[str(value)] if name == SCHEDULE else self._meta[key].index(value)
            row = row * len(self._meta[key]) + index
        return int(values["batch_size"]), row


def _axes(meta: dict[str, Any], schedules: tuple[str, ...]) -> tuple[Axis, ...]:
    return (
        Numeric("lr", meta["LR"][0], meta["LR"][-1], log=True),
        Ordinal("batch_size", tuple(meta["BS"])),
        Ordinal("momentum", tuple(meta["MOM"])),
        Ordinal("weight_decay", tuple(meta["WD"])),
        Categorical(SCHEDULE, schedules),
    )


def _label(kind: str, start: float) -> str:
    return kind if kind == "none" else f"{kind}/{start:g}"
