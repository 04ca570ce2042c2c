"""Stage 2 as a heat map: the score of every pair of batch size and momentum at its best rate, which is on hover.

A configuration with repeats stands with the mean of its seeds, and before any single run: the luckiest of many single
runs is no better for its luck, and the decision is taken on the same means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.figures.drawing import Drawing, Table
from service.figures.evidence import chosen_trial
from service.figures.labels import escape, trial_label
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.format import count, number, words
from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView

Cell = tuple[int, float | None]
"""Batch size and momentum; the momentum is None where the optimiser is not tuned for it."""


@dataclass(frozen=True)
class HeatCell:
    """The best configuration of a pair.

    Attributes:
        score: mean over its seeds; None while nothing has been evaluated, or where all diverged.
        best: its best trial.
        seeds: trials behind the score.
        trials: trials of the pair, whatever their rate.
    """

    batch_size: int
    momentum: float | None
    score: float | None
    best: TrialView
    seeds: int
    trials: int
    chosen: bool


@dataclass(frozen=True)
class HeatData:
    metric: Metric
    cells: tuple[HeatCell, ...]

    @property
    def batch_sizes(self) -> list[int]:
        return sorted({cell.batch_size for cell in self.cells})

    @property
    def momenta(self) -> list[float | None]:
        return sorted({cell.momentum for cell in self.cells}, key=lambda m: -1.0 if m is None else m)


def batch_momentum_data(trials: Sequence[TrialView], metric: Metric, decision: Decision | None) -> HeatData:
    """Return the cells that `trials` fill, each with its best score by the study's metric and direction."""
    groups: dict[Cell, list[TrialView]] = {}
    for trial in trials:
        if "batch_size" in trial.params:
            groups.setdefault(_cell_of(trial), []).append(trial)
    chosen = chosen_trial(decision)
    cells = [_heat_cell(cell, group, metric, chosen) for cell, group in groups.items()]
    return HeatData(metric, tuple(sorted(cells, key=lambda c: (c.batch_size, c.momentum or 0.0))))


def _cell_of(trial: TrialView) -> Cell:
    momentum = trial.params.get("momentum")
    return int(trial.params["batch_size"]), None if momentum is None else float(momentum)


def _heat_cell(cell: Cell, group: Sequence[TrialView], metric: Metric, chosen: str | None) -> HeatCell:
    rates: dict[object, list[TrialView]] = {}
    for trial in group:
        rates.setdefault((trial.params.get("lr"), trial.num_steps), []).append(trial)
    seeds = max(rates.values(), key=lambda trials: _standing(trials, metric))
    best = max(seeds, key=lambda trial: _rank(trial_score(trial, metric), metric))
    found = _scores(seeds, metric)
    score = sum(found) / len(found) if found else None
    return HeatCell(*cell, score, best, len(found), len(group), any(trial.id == chosen for trial in group))


def _standing(seeds: Sequence[TrialView], metric: Metric) -> tuple[int, float]:
    """Return what orders configurations: those with more seeds first, then the better mean."""
    found = _scores(seeds, metric)
    return (len(found), _rank(sum(found) / len(found), metric)) if found else (0, float("-inf"))


def _scores(trials: Sequence[TrialView], metric: Metric) -> list[float]:
    return [score for trial in trials if (score := trial_score(trial, metric)) is not None]


def _rank(score: float | None, metric: Metric) -> float:
    if score is None:
        return float("-inf")
    return score if metric.direction == "maximize" else -score


def trial_score(trial: TrialView, metric: Metric) -> float | None:
    """Return the best value of the study's metric; None without one, and for trials that diverged."""
    summary = trial.metrics.get(metric.name)
    if summary is None or trial.state is TrialState.DIVERGED:
        return None
    best = summary.maximum if metric.direction == "maximize" else summary.minimum
    return best if abs(best) != float("inf") and best == best else None  # noqa: PLR0124 - NaN


def batch_momentum_drawing(data: HeatData, palette: Palette) -> Drawing:
    """Return the heat map; a darker (in dark: lighter) cell is always the better one, also when minimising."""
    if not data.cells:
        return Drawing("No pair of batch size and momentum has been tried yet.")
    figure = {
        "data": [_heat_map(data, palette)],
        "layout": layout(
            palette,
            xaxis=axis(palette, "batch size", "category", showgrid=False, showline=False),
            yaxis=axis(palette, _momentum_title(data), "category", showgrid=False, showline=False),
            shapes=_chosen_frame(data, palette),
        ),
    }
    return Drawing(_sentence(data), figure, _table(data))


def _momentum_title(data: HeatData) -> str:
    return "" if data.momenta == [None] else "momentum"


def _name(momentum: float | None) -> str:
    return "not tuned" if momentum is None else number(momentum)


def _heat_map(data: HeatData, palette: Palette) -> dict[str, Any]:
    at: Mapping[Cell, HeatCell] = {(cell.batch_size, cell.momentum): cell for cell in data.cells}
    grid = [[at.get((batch, momentum)) for batch in data.batch_sizes] for momentum in data.momenta]
    scale = [[position, color] for position, color in palette.scale]
    return {
        "type": "heatmap",
        "x": [str(batch) for batch in data.batch_sizes],
        "y": [_name(momentum) for momentum in data.momenta],
        "z": [[cell.score if cell else None for cell in row] for row in grid],
        "text": [[_cell_text(cell) for cell in row] for row in grid],
        "hovertext": [[_hover(cell, data.metric) for cell in row] for row in grid],
        "customdata": [[cell.best.id if cell else "" for cell in row] for row in grid],
        "texttemplate": "%{text}",
        "textfont": {"size": 13},
        "hovertemplate": "%{hovertext}<extra></extra>",
        "hoverongaps": False,
        "xgap": 4,
        "ygap": 4,
        "colorscale": scale,
        "reversescale": data.metric.direction == "minimize",
        "colorbar": {"thickness": 8, "outlinewidth": 0, "title": {"text": words(data.metric.name), "side": "right"}},
    }


def _cell_text(cell: HeatCell | None) -> str:
    return number(cell.score) if cell and cell.score is not None else ""


def _hover(cell: HeatCell | None, metric: Metric) -> str:
    if cell is None:
        return ""
    seeds = f", mean of {cell.seeds} seeds" if cell.seeds > 1 else ""
    score = f"{escape(words(metric.name))} {number(cell.score)}{seeds}; {count(cell.trials, 'trial')} of this pair"
    return f"{score}<br>{escape(trial_label(cell.best))}"


def _chosen_frame(data: HeatData, palette: Palette) -> list[dict[str, Any]]:
    cell = next((cell for cell in data.cells if cell.chosen), None)
    if cell is None:
        return []
    x, y = data.batch_sizes.index(cell.batch_size), data.momenta.index(cell.momentum)
    corners = {"x0": x - 0.48, "x1": x + 0.48, "y0": y - 0.48, "y1": y + 0.48}
    return [{"type": "rect", **corners, "line": {"color": palette.ink, "width": 2.5}, "fillcolor": "rgba(0,0,0,0)"}]


def _sentence(data: HeatData) -> str:
    name = words(data.metric.name)
    scored = [cell for cell in data.cells if cell.score is not None]
    if not scored:
        return f"{count(len(data.cells), 'pair')} of batch size and momentum asked for; no {name} reported yet."
    best = max(scored, key=lambda cell: _rank(cell.score, data.metric))
    said = f"Best {name} {number(best.score)} at {_place(best)}"
    chosen = next((cell for cell in scored if cell.chosen and cell is not best), None)
    return f"{said}; the choice, framed, is {_place(chosen)} with {number(chosen.score)}." if chosen else f"{said}."


def _place(cell: HeatCell) -> str:
    return f"batch size {cell.batch_size}" + ("" if cell.momentum is None else f", momentum {number(cell.momentum)}")


def _table(data: HeatData) -> Table:
    rows = tuple(
        (str(c.batch_size), _name(c.momentum), number(c.score), _lr(c.best), f"#{c.best.number}", str(c.trials))
        for c in data.cells
    )
    score = f"best {words(data.metric.name)}"
    return Table(("batch size", "momentum", score, "learning rate", "trial", "trials"), rows)


def _lr(trial: TrialView) -> str:
    lr = trial.params.get("lr")
    return number(float(lr)) if isinstance(lr, int | float) else ""
