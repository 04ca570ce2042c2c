"""The finalists of a guided search: every seed of each, their mean, and what two standard errors leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.figures.drawing import Drawing, Table
from service.figures.evidence import chosen_trial
from service.figures.labels import escape, trial_label
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.readings import dev_score, rank
from service.format import count, number, params, words
from studies.contract.decision import Decision
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from studies.core.schedules import describe
from studies.core.snapshot import Curve
from studies.core.stats import Z


@dataclass(frozen=True)
class FinalistRow:
    """A configuration with its runs and what each came to.

    Attributes:
        what: what sets it apart from the other finalists.
        spread: two standard errors of the mean; None for a single run.
    """

    what: str
    runs: tuple[TrialView, ...]
    scores: tuple[float, ...]
    mean: float
    spread: float | None
    chosen: bool


@dataclass(frozen=True)
class FinalistData:
    """The finalists, best first by their means."""

    metric: Metric
    rows: tuple[FinalistRow, ...]


def finalist_data(
    trials: Sequence[TrialView], dev: Mapping[str, Curve], metric: Metric, decision: Decision | None
) -> FinalistData:
    """Return the configurations that were run again, with their earlier runs.

    `trials` are the stage's repeats and whatever else may be a finalist; where nothing was repeated, the chosen alone
    and the one behind it are shown.
    """
    groups: dict[object, list[TrialView]] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        groups.setdefault((tuple(sorted(trial.params.items())), trial.schedule), []).append(trial)
    repeated = [group for group in groups.values() if any(trial.stage == "confirm" for trial in group)]
    found = [(group, scores) for group in repeated or groups.values() if (scores := _scores(group, dev, metric))]
    found.sort(key=lambda each: -rank(float(np.mean(list(each[1].values()))), metric))
    shown = found if repeated else found[:2]
    first = [group[0] for group, _ in shown]
    rows = tuple(_row(group, scores, first, chosen_trial(decision)) for group, scores in shown)
    return FinalistData(metric, rows)


def _scores(group: Sequence[TrialView], dev: Mapping[str, Curve], metric: Metric) -> dict[str, float]:
    scores = {trial.id: dev_score(trial, dev.get(trial.id), metric) for trial in group}
    return {trial_id: score for trial_id, score in scores.items() if score is not None}


def _row(
    group: Sequence[TrialView], scores: Mapping[str, float], finalists: Sequence[TrialView], chosen: str | None
) -> FinalistRow:
    runs = tuple(trial for trial in group if trial.id in scores)
    values = tuple(scores[trial.id] for trial in runs)
    several = len(values) > 1
    return FinalistRow(
        what=_what(group[0], finalists),
        runs=runs,
        scores=values,
        mean=float(np.mean(values)),
        spread=Z * float(np.std(values, ddof=1)) / len(values) ** 0.5 if several else None,
        chosen=any(trial.id == chosen for trial in group),
    )


def _what(trial: TrialView, finalists: Sequence[TrialView]) -> str:
    """Name a finalist by the values in which the finalists differ."""
    names = [name for name in trial.params if len({str(other.params.get(name)) for other in finalists}) > 1]
    form = [describe(trial.schedule)] if len({other.schedule for other in finalists}) > 1 else []
    own = params({name: trial.params[name] for name in names})
    return " · ".join(filter(None, (own, *form))) or params(trial.params)


def finalists_drawing(data: FinalistData, palette: Palette) -> Drawing:
    """Return a line a finalist: a dot a seed, a diamond at the mean with two standard errors."""
    if not data.rows:
        return Drawing("No finalist has been evaluated yet.")
    rows = list(reversed(data.rows))
    figure = {
        "data": [_seeds(rows, palette), *(_mean(place, row, palette) for place, row in enumerate(rows))],
        "layout": layout(
            palette,
            xaxis=axis(palette, escape(words(data.metric.name))),
            yaxis=axis(
                palette,
                "",
                "-",
                tickvals=list(range(len(rows))),
                ticktext=[_wrapped(row.what) for row in rows],
                range=[-0.6, len(rows) - 0.4],
            ),
        ),
    }
    return Drawing(_sentence(data), figure, _table(data), rows=_rows(data))


def _wrapped(what: str) -> str:
    return "<br>".join(escape(part) for part in what.split(" · "))


def _seeds(rows: Sequence[FinalistRow], palette: Palette) -> dict[str, Any]:
    dots = [
        (place, run, score) for place, row in enumerate(rows) for run, score in zip(row.runs, row.scores, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [score for _, _, score in dots],
        "y": [place - 0.14 for place, _, _ in dots],
        "text": [f"{escape(trial_label(run))}: {number(score)}" for _, run, score in dots],
        "customdata": [run.id for _, run, _ in dots],
        "marker": {"color": palette.muted, "size": 9, "opacity": 0.75},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _mean(place: int, row: FinalistRow, palette: Palette) -> dict[str, Any]:
    color = palette.winner if row.chosen else palette.ink
    spread = "" if row.spread is None else f" ± {number(row.spread, 2)}"
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row.mean],
        "y": [place + 0.14],
        "error_x": {"type": "data", "array": [row.spread or 0.0], "color": color, "thickness": 2},
        "text": [f"mean of {count(len(row.runs), 'seed')}: {number(row.mean)}{spread}"],
        "marker": {"symbol": "diamond", "color": color, "size": 13 if row.chosen else 11},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _sentence(data: FinalistData) -> str:
    best, *others = data.rows
    said = f"{best.what} has the best mean, {number(best.mean)} over {count(len(best.runs), 'seed')}"
    if not others:
        return f"{said}; nothing else was run again."
    return f"{said}; {others[0].what} follows with {number(others[0].mean)}."


def _table(data: FinalistData) -> Table:
    rows = tuple(
        (row.what, str(len(row.runs)), number(row.mean), number(row.spread, 2), ", ".join(map(number, row.scores)))
        for row in data.rows
    )
    return Table(("finalist", "seeds", f"mean {words(data.metric.name)}", "two standard errors", "each seed"), rows)


def _rows(data: FinalistData) -> tuple[tuple[object, ...], ...]:
    seeds = ((row, run, score) for row in data.rows for run, score in zip(row.runs, row.scores, strict=True))
    header = ("trial", "finalist", "seed", data.metric.name)
    return (header, *((run.number, row.what, run.seed, score) for row, run, score in seeds))
