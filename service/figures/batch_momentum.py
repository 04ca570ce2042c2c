"""Stage 2 as a grid of pairs: what each came to at each rate of its bracket, and how soon it was as good as before.

A configuration with repeats stands with the mean of its seeds, and before any single run: the luckiest of many single
runs is no better for its luck, and the decision is taken on the same means.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.conclusions import evidence_number
from service.figures.evidence import chosen_trial
from service.figures.readings import dev_score, rank
from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from studies.core.curves import first_reached
from studies.core.snapshot import Curve

Pair = tuple[int, float | None]
"""Batch size and momentum; the momentum is None where the optimiser is not tuned for it."""


@dataclass(frozen=True)
class RateRow:
    """A rate that was tried at a pair, with its seeds.

    Attributes:
        factor: the rate as a multiple of the middle of the pair's bracket.
        score: mean over its seeds; None while nothing has been evaluated, or where all diverged.
        best: its best trial.
        seeds: trials behind the score.
        samples: training examples until the target was first reached; None where that never was, or is not known.
    """

    lr: float
    factor: float
    score: float | None
    best: TrialView
    seeds: int
    samples: int | None
    diverged: bool


@dataclass(frozen=True)
class HeatCell:
    """A pair: its rates, rising, and which of them stands for it."""

    batch_size: int
    momentum: float | None
    rates: tuple[RateRow, ...]
    best: RateRow
    trials: int
    chosen: bool

    @property
    def score(self) -> float | None:
        return self.best.score


@dataclass(frozen=True)
class HeatData:
    """``target`` is the score that the stage began with, None where nobody knows it."""

    metric: Metric
    cells: tuple[HeatCell, ...]
    target: float | None = None

    @property
    def batch_sizes(self) -> list[int]:
        return sorted({cell.batch_size for cell in self.cells})

    @property
    def momenta(self) -> list[float | None]:
        return sorted({cell.momentum for cell in self.cells}, key=lambda m: -1.0 if m is None else m)

    def place(self, cell: HeatCell) -> tuple[int, int]:
        """Return the column and the row of a cell."""
        return self.batch_sizes.index(cell.batch_size), self.momenta.index(cell.momentum)

    @property
    def scored(self) -> list[HeatCell]:
        return [cell for cell in self.cells if cell.score is not None]


def batch_momentum_data(
    trials: Sequence[TrialView],
    metric: Metric,
    decision: Decision | None,
    dev: Mapping[str, Curve] | None = None,
    target: float | None = None,
) -> HeatData:
    """Return the cells that `trials` fill, by the study's metric and direction.

    Args:
        trials: those of the stage, and what came in.
        metric: the study's own.
        decision: the stage's, which knows the target itself.
        dev: the metric's curves by trial id; without them the best reported values count.
        target: what the stage before came to.
    """
    goal = evidence_number(decision, "dev_before") if decision else target
    groups: dict[Pair, list[TrialView]] = {}
    for trial in trials:
        if "batch_size" in trial.params and "lr" in trial.params:
            groups.setdefault(_pair_of(trial), []).append(trial)
    reader = _Reader(metric, dev or {}, goal)
    chosen = chosen_trial(decision)
    cells = [_cell(pair, group, reader, chosen) for pair, group in groups.items()]
    return HeatData(metric, tuple(sorted(cells, key=lambda c: (c.batch_size, c.momentum or 0.0))), goal)


@dataclass(frozen=True)
class _Reader:
    metric: Metric
    dev: Mapping[str, Curve]
    target: float | None

    def scores(self, trials: Sequence[TrialView]) -> list[float]:
        found = (dev_score(trial, self.dev.get(trial.id), self.metric) for trial in trials)
        return [score for score in found if score is not None]

    def samples(self, trial: TrialView) -> int | None:
        """Return the examples until a run was as good as the target, as T wants batch sizes compared."""
        if self.target is None or trial.id not in self.dev or trial.state is TrialState.DIVERGED:
            return None
        maximize = self.metric.direction == "maximize"
        step = first_reached(self.dev[trial.id], self.target, maximize=maximize)
        return None if step is None else step * int(trial.params["batch_size"])


def _pair_of(trial: TrialView) -> Pair:
    momentum = trial.params.get("momentum")
    return int(trial.params["batch_size"]), None if momentum is None else float(momentum)


def _cell(pair: Pair, group: Sequence[TrialView], reader: _Reader, chosen: str | None) -> HeatCell:
    by_rate: dict[tuple[float, int], list[TrialView]] = {}
    for trial in group:
        by_rate.setdefault((float(trial.params["lr"]), trial.num_steps), []).append(trial)
    middle = math.sqrt(min(by_rate)[0] * max(by_rate)[0])
    rates = [_rate(lr, lr / middle, seeds, reader) for (lr, _), seeds in sorted(by_rate.items())]
    best = max(rates, key=lambda rate: (rate.seeds, rank(rate.score, reader.metric)))
    return HeatCell(*pair, tuple(rates), best, len(group), any(trial.id == chosen for trial in group))


def _rate(lr: float, factor: float, seeds: Sequence[TrialView], reader: _Reader) -> RateRow:
    found = reader.scores(seeds)
    best = max(seeds, key=lambda trial: rank(next(iter(reader.scores([trial])), None), reader.metric))
    return RateRow(
        lr=lr,
        factor=factor,
        score=sum(found) / len(found) if found else None,
        best=best,
        seeds=len(found),
        samples=reader.samples(seeds[0]),
        diverged=any(trial.state is TrialState.DIVERGED for trial in seeds),
    )
