"""Probes of one hyperparameter at a time: what each step to a side did to the metric, with its noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.figures.drawing import Drawing, Table
from service.figures.labels import escape, trial_label
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.points import why
from service.figures.readings import read_dev
from service.format import count, number, scalar, words
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from studies.core.snapshot import Curve
from studies.core.stats import Z

Side = Literal["better", "within noise", "worse"]

MOST_ROWS = 30
"""Most probes that a figure shows: those with the greatest effects."""


@dataclass(frozen=True)
class ProbeRow:
    """A probe against the run that it varies.

    Attributes:
        name, before, after: the hyperparameter, and its value in that run and in the probe.
        effect: change of the metric, in its own direction.
        noise: two standard errors of the effect, None where nobody knows it.
        step: where the two were compared, if the probe was stopped there; None for whole runs.
    """

    trial: TrialView
    name: str
    before: str
    after: str
    effect: float
    noise: float | None
    step: int | None
    side: Side


@dataclass(frozen=True)
class ProbeData:
    """Probes by hyperparameter, in the order in which they were asked for; ``known`` counts all that could be read."""

    metric: Metric
    rows: tuple[ProbeRow, ...]
    known: int


def probe_data(
    trials: Sequence[TrialView], parents: Mapping[str, TrialView], dev: Mapping[str, Curve], metric: Metric
) -> ProbeData:
    """Return the probes that can be compared with the run that they vary.

    Args:
        trials: those of the stage.
        parents: runs by id; those that the probes vary must be among them.
        dev: curves of the study's metric by trial id.
        metric: the study's own.
    """
    found = [
        row
        for trial in sorted(trials, key=lambda trial: trial.number)
        if (parent := parents.get(trial.parent_id or "")) and (row := _row(trial, parent, dev, metric))
    ]
    strongest = sorted(found, key=lambda row: -abs(row.effect))[:MOST_ROWS]
    return ProbeData(metric, tuple(row for row in found if row in strongest), len(found))


def _row(trial: TrialView, parent: TrialView, dev: Mapping[str, Curve], metric: Metric) -> ProbeRow | None:
    name = trial.key.split("/", maxsplit=1)[0]
    summary = trial.metrics.get(metric.name)
    if name not in trial.params or summary is None or trial.state is TrialState.DIVERGED:
        return None
    step = None if trial.state is TrialState.COMPLETED else summary.last_step
    mine = read_dev(dev.get(trial.id, Curve.empty()), metric)
    theirs = read_dev(dev.get(parent.id, Curve.empty()), metric, step)
    if mine is None or theirs is None:
        return None
    known = mine.error is not None and theirs.error is not None
    noise = Z * math.hypot(mine.error or 0.0, theirs.error or 0.0) if known else None
    effect = mine.value - theirs.value
    return ProbeRow(
        trial=trial,
        name=name,
        before=scalar(parent.params.get(name)),
        after=scalar(trial.params[name]),
        effect=effect,
        noise=noise,
        step=step,
        side=_side(effect, noise, metric),
    )


def _side(effect: float, noise: float | None, metric: Metric) -> Side:
    if abs(effect) <= (noise or 0.0):
        return "within noise"
    return "better" if (effect > 0) == (metric.direction == "maximize") else "worse"


# --- drawing -----------------------------------------------------------------------------------------------------


def parameter_probes_drawing(data: ProbeData, palette: Palette) -> Drawing:
    """Return a line a probe: a dot at its effect, whiskers of two standard errors; right of zero is more."""
    if not data.rows:
        return Drawing("No probe can be compared with the run that it varies yet.")
    rows = list(reversed(data.rows))
    good = "→" if data.metric.direction == "maximize" else "←"
    dots = [_dots(rows, side, color, symbol) for side, (color, symbol) in _looks(palette).items()]
    figure = {
        "data": [trace for trace in dots if trace["x"]],
        "layout": layout(
            palette,
            xaxis=axis(palette, f"change of {escape(words(data.metric.name))}, better {good}"),
            yaxis=axis(palette, "", "-", tickvals=list(range(len(rows))), ticktext=[_label(row) for row in rows]),
            shapes=[_zero(palette)],
            showlegend=True,
        ),
    }
    return Drawing(_sentence(data), figure, _table(data), rows=_rows(data))


def _looks(palette: Palette) -> dict[Side, tuple[str, str]]:
    return {
        "better": (palette.winner, "circle"),
        "within noise": (palette.muted, "circle-open"),
        "worse": (palette.warning, "x"),
    }


def _dots(rows: Sequence[ProbeRow], side: Side, color: str, symbol: str) -> dict[str, Any]:
    own = [(place, row) for place, row in enumerate(rows) if row.side == side]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": side,
        "x": [row.effect for _, row in own],
        "y": [place for place, _ in own],
        "error_x": {"type": "data", "array": [row.noise or 0.0 for _, row in own], "color": color, "thickness": 1.5},
        "text": [_hover(row) for _, row in own],
        "customdata": [row.trial.id for _, row in own],
        "marker": {"color": color, "symbol": symbol, "size": 10, "line": {"color": color, "width": 1.5}},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _zero(palette: Palette) -> dict[str, Any]:
    place = {"xref": "x", "yref": "paper", "x0": 0, "x1": 0, "y0": 0, "y1": 1}
    return {"type": "line", **place, "line": {"color": palette.ink, "width": 1, "dash": "dot"}}


def _label(row: ProbeRow) -> str:
    return escape(f"{words(row.name)} {row.before} → {row.after}")


def _hover(row: ProbeRow) -> str:
    where = "" if row.step is None else f" at step {number(row.step)}"
    noise = "" if row.noise is None else f", noise {number(row.noise, 2)}"
    return f"{escape(trial_label(row.trial))}<br>{row.effect:+.2g}{where}{noise}{why(row.trial)}"


def _sentence(data: ProbeData) -> str:
    some = count(data.known, "probe") if data.known == len(data.rows) else f"{len(data.rows)} of {data.known} probes"
    found = [row for row in data.rows if row.side == "better"]
    if not found:
        return f"{some}: none does better beyond the noise; the whiskers are two standard errors."
    best = max(found, key=lambda row: abs(row.effect))
    move = f"{words(best.name)} {best.before} → {best.after}"
    return f"{some}: {move} helps most, by {number(abs(best.effect), 2)}; the whiskers are two standard errors."


def _table(data: ProbeData) -> Table:
    rows = tuple(
        (
            f"#{row.trial.number}",
            words(row.name),
            row.before,
            row.after,
            f"{row.effect:+.2g}",
            number(row.noise, 2),
            "the end" if row.step is None else f"step {number(row.step)}",
            row.side,
        )
        for row in data.rows
    )
    columns = ("trial", "hyperparameter", "before", "after", f"change of {words(data.metric.name)}", "noise")
    return Table((*columns, "compared at", "verdict"), rows)


def _rows(data: ProbeData) -> tuple[tuple[object, ...], ...]:
    header = (
        "trial",
        "hyperparameter",
        "before",
        "after",
        f"change of {data.metric.name}",
        "noise",
        "compared at step",
    )
    probes = ((r.trial.number, r.name, r.before, r.after, r.effect, r.noise, r.step) for r in data.rows)
    return (header, *probes)
