"""Worlds to train in: small models of learning whose truth is known, and nasty ones."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.core.schedules import factors
from studies.core.snapshot import LOSS, Curve
from tests.simulation.simulator import Run, World

CURVATURES = np.geomspace(0.3, 3.0, 4)
EVALUATE_EVERY = 5


def curve(values: np.ndarray, every: int = 1) -> Curve:
    """Return values as a curve with a point every so many steps, the first after the first such stretch."""
    steps = np.arange(every, every * len(values) + 1, every, dtype=np.int64)
    return Curve(steps, np.asarray(values, np.float64))


def run_of(loss: np.ndarray, dev: np.ndarray | None = None, *, every: int = EVALUATE_EVERY, error: str = "") -> Run:
    curves = {LOSS: curve(loss)}
    if dev is not None:
        curves["dev_accuracy"] = curve(dev[every - 1 :: every], every)
    return Run(curves, error)


def quadratic(*, noise: float = 0.02, dev_noise: float = 0.004, gradient_noise: float = 0.05) -> World:
    """Noisy gradient descent on a quadratic bowl, in expectation: fast needs a large rate, deep a small one.

    The rate that counts is lr / (1 - momentum), noise falls with the batch size, and decay lets the loss settle: the
    behaviour that the guide's three stages are made for.
    """

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        random = np.random.default_rng([seed, int(1e9 * float(params["lr"])) % 2**31, int(params["batch_size"])])
        rate = float(params["lr"]) / (1.0 - float(params.get("momentum", 0.0)))
        loss = _expected_loss(rate, int(params["batch_size"]), schedule, num_steps, gradient_noise)
        # One stream a quantity: a longer run begins as the shorter one did.
        loss_scatter, dev_scatter = (np.random.default_rng(random.integers(2**31)) for _ in range(2))
        seen = loss * np.exp(noise * loss_scatter.standard_normal(num_steps))
        dev = 1.0 / (1.0 + loss) + dev_noise * dev_scatter.standard_normal(num_steps)
        return run_of(seen, dev)

    return world


@lru_cache(maxsize=4096)
def _expected_loss(rate: float, batch: int, schedule: Schedule, num_steps: int, gradient_noise: float) -> np.ndarray:
    energy = np.ones_like(CURVATURES)
    losses = np.empty(num_steps)
    with np.errstate(over="ignore", invalid="ignore"):
        for step, lr in enumerate(rate * factors(schedule, range(num_steps))):
            losses[step] = 0.5 * float(CURVATURES @ energy) + 0.01
            energy = (1.0 - lr * CURVATURES) ** 2 * energy + lr**2 * gradient_noise * 64 / batch
    return losses


def best_rate(num_steps: int, momentum: float = 0.9, gradient_noise: float = 0.05) -> float:
    """Return the rate that ends deepest in the quadratic world, on a fine grid."""
    grid = np.geomspace(1e-4, 1.0, 400)
    ends = [np.mean(_expected_loss(lr / (1 - momentum), 64, Schedule(), num_steps, gradient_noise)[-8:]) for lr in grid]
    return float(grid[int(np.nanargmin(np.where(np.isfinite(ends), ends, math.inf)))])


def flat(*, noise: float = 0.0) -> World:
    """No hyperparameter makes a difference: the same falling curve for all, but for the seed's noise."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        random = np.random.default_rng([seed, zlib.crc32(repr(sorted(params.items())).encode())])
        loss = 0.2 + np.exp(-np.arange(num_steps) / 8.0) + noise * random.standard_normal(num_steps)
        dev = 0.9 - 0.3 * np.exp(-np.arange(num_steps) / 8.0) + noise * random.standard_normal(num_steps)
        return run_of(loss, dev)

    return world


def diverging(above: float, inside: World) -> World:
    """Every rate of `above` or more gives NaN after a few steps."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        if float(params["lr"]) < above:
            return inside(params, schedule, num_steps, seed)
        loss = np.full(num_steps, math.nan)
        loss[:2] = 1.0
        return run_of(loss)

    return world


def failing(fails: Callable[[Params, int], bool], inside: World) -> World:
    """Some trials end with an error."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = inside(params, schedule, num_steps, seed)
        return Run(run.curves, "ValueError: no such file" if fails(params, seed) else "")

    return world


def without(name: str, inside: World) -> World:
    """The objective never reports the curve of that name."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = inside(params, schedule, num_steps, seed)
        return Run({key: value for key, value in run.curves.items() if key != name}, run.error)

    return world


def all_nan(name: str, inside: World) -> World:
    """The objective reports that curve as NaN throughout."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = inside(params, schedule, num_steps, seed)
        known = run.curves[name]
        return Run({**run.curves, name: Curve(known.steps, np.full(len(known), math.nan))}, run.error)

    return world
