"""Curves by formula, for where no data is at hand, and for the tests of the bench itself."""

from __future__ import annotations

import math
import zlib
from functools import cached_property

import numpy as np

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from tests.bench.quality.axes import Axis, Numeric, clip, draw
from tests.bench.quality.task import Scale, Training, peak_epoch

AXES: tuple[Axis, ...] = (
    Numeric("lr", 1e-4, 1.0, log=True),
    Numeric("batch_size", 16, 512, log=True, integer=True),
    Numeric("momentum", 0.0, 0.99),
    Numeric("weight_decay", 1e-6, 1e-1, log=True),
)

GOOD_DEFAULTS: Params = {"lr": 0.01, "batch_size": 64, "momentum": 0.9, "weight_decay": 1e-6}

BEST, DEPTH, NOISE = 0.95, 0.9, 0.002
"""Accuracy at the optimum, how far it falls away from it, and the deviation of one dev evaluation."""

FASTEST = 9.0
"""Time constants that fit into a full training at the optimum."""

RANDOM_POINTS = 2_000


class SyntheticTask:
    """One valley: an effective rate lr / batch / (1 - momentum) that suits, a weight decay that suits; slow far off."""

    family = "synthetic"
    axes = AXES
    good_defaults = GOOD_DEFAULTS
    forms: tuple[str, ...] = ()
    starts: tuple[float, ...] = ()

    def __init__(self, index: int, epochs: int = 27) -> None:
        random = np.random.default_rng([index, 0x5E7])
        self.name = f"synthetic-{index}"
        self.epochs = epochs
        self._rate = float(random.uniform(-4.0, -2.0))
        self._batch = float(random.uniform(4.5, 8.0))
        self._decay = float(random.uniform(-5.0, -2.0))

    @cached_property
    def scale(self) -> Scale:
        random = np.random.default_rng(0)
        results = [self.result(draw(self.axes, random), self.epochs, 0) for _ in range(RANDOM_POINTS)]
        return Scale(BEST, float(np.median(results)))

    def training(self, params: Params, seed: int) -> Training:
        dev = self._accuracy(params)
        stream = np.random.default_rng([seed, zlib.crc32(repr(sorted(params.items())).encode())])
        seen = np.clip(dev + NOISE * stream.standard_normal(self.epochs), 0.0, 1.0)
        return Training(seen, -np.log(np.maximum(dev, 1e-3)))

    def result(self, params: Params, epochs: int, seed: int) -> float:
        """Return the accuracy without its noise at the epoch of the dev peak."""
        kept = peak_epoch(self.training(params, seed).dev, epochs)
        return float(self._accuracy(params)[kept - 1])

    def schedule_label(self, schedule: Schedule, num_epochs: int) -> str:
        raise NotImplementedError("synthetic tasks have no schedule to choose")

    def optimum(self) -> Params:
        """Return a configuration that has the best accuracy."""
        batch, momentum = round(2**self._batch), 0.9
        lr = 10**self._rate * math.sqrt(batch) * (1 - momentum) * 10
        return {"lr": lr, "batch_size": batch, "momentum": momentum, "weight_decay": 10**self._decay}

    def _accuracy(self, params: Params) -> np.ndarray:
        point = {axis.name: float(clip(axis, params[axis.name])) for axis in self.axes}
        rate = math.log10(point["lr"] / math.sqrt(point["batch_size"]) / (1 - point["momentum"]) / 10) - self._rate
        away = rate**2 + 0.05 * (math.log2(point["batch_size"]) - self._batch) ** 2
        away += 0.1 * (math.log10(point["weight_decay"]) - self._decay) ** 2
        height = BEST - DEPTH * (1 - math.exp(-away / 2))
        speed = FASTEST / (1.0 + away)
        rise = 1 - np.exp(-speed * np.arange(1, self.epochs + 1) / self.epochs)
        return np.asarray(height * rise / (1 - math.exp(-FASTEST)))
