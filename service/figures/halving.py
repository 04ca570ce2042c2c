"""Successive halving: the curves of all rates as far as they came, and who went on at which rung and who did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.figures.drawing import Drawing, Table
from service.figures.evidence import chosen_trial
from service.figures.labels import escape, trial_label
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.points import SYMBOLS, Role, role_colors, role_of, why
from service.figures.series import Series, points_each, series
from service.figures.traces import line
from service.format import count, number, words
from service.usage import steps_done
from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from studies.core.snapshot import Curve


@dataclass(frozen=True)
class RungRow:
    """A rate: the step it came to, what it said there, and why it went no further."""

    trial: TrialView
    lr: float
    role: Role
    steps: int
    dev: Series
    score: float | None


@dataclass(frozen=True)
class RungData:
    """Rates from low to high; ``rungs`` are the steps at which they were compared, rising, the top included."""

    metric: Metric
    rows: tuple[RungRow, ...]
    rungs: tuple[int, ...]
    asked: int | None = None

    def at(self, rung: int) -> list[RungRow]:
        """Return the rates that were left behind at a rung, or ended between it and the one above."""
        later = [step for step in self.rungs if step > rung]
        return [row for row in self.rows if rung <= row.steps < (later[0] if later else float("inf"))]


def rung_data(
    trials: Sequence[TrialView],
    dev: Mapping[str, Curve],
    metric: Metric,
    decision: Decision | None,
    *,
    rungs: Sequence[int],
    asked: int | None = None,
) -> RungData:
    """Return the rates that have reported anything.

    Args:
        trials: those of the stage.
        dev: curves of the study's metric by trial id.
        metric: the study's own.
        decision: the stage's, if it has closed.
        rungs: as the stage's rule has them.
        asked: how many rates there are, where `trials` are only a choice of them.
    """
    drawn = sorted((trial for trial in trials if steps_done(trial)), key=lambda trial: float(trial.params["lr"]))
    points = points_each(len(drawn))
    rows = tuple(_row(trial, dev.get(trial.id, Curve.empty()), metric, decision, points) for trial in drawn)
    return RungData(metric, rows, tuple(sorted(rungs)), asked)


def _row(trial: TrialView, dev: Curve, metric: Metric, decision: Decision | None, points: int) -> RungRow:
    return RungRow(
        trial=trial,
        lr=float(trial.params["lr"]),
        role=role_of(trial, chosen_trial(decision)),
        steps=steps_done(trial),
        dev=series(dev, points),
        score=trial.metrics[metric.name].last if metric.name in trial.metrics else None,
    )


# --- drawings ----------------------------------------------------------------------------------------------------


def rung_curves_drawing(data: RungData, palette: Palette) -> Drawing:
    """Return the dev curves of all rates on one axis: each ends where the rate was left behind."""
    drawn = [row for row in data.rows if row.dev.finite]
    if not drawn:
        return Drawing("No rate has been evaluated yet.")
    name = words(data.metric.name)
    figure = {
        "data": [trace for row in drawn for trace in _curve(row, data, palette)],
        "layout": layout(
            palette,
            xaxis=axis(palette, "step", rangemode="tozero"),
            yaxis=axis(palette, escape(name)),
            shapes=[_rung_line(rung, palette, upright=True) for rung in data.rungs],
        ),
    }
    said = f"{name.capitalize()} of {count(len(drawn), 'rate')}, each as far as it came"
    return Drawing(f"{said}; the rungs are at step {', '.join(map(number, data.rungs))}.", figure, _table(data))


def _curve(row: RungRow, data: RungData, palette: Palette) -> list[dict[str, Any]]:
    color = palette.winner if row.role == "chosen" else palette.context
    width = 3 if row.role == "chosen" else 1.5
    label, name = trial_label(row.trial), words(data.metric.name)
    curve = line(row.dev, label, color, trial_id=row.trial.id, metric=name, width=width)
    last = next(index for index in reversed(range(len(row.dev))) if row.dev.values[index] is not None)
    end = {
        "type": "scatter",
        "mode": "markers",
        "x": [row.dev.steps[last]],
        "y": [row.dev.values[last]],
        "text": [f"{escape(label)}: {number(row.dev.values[last])}{why(row.trial)}"],
        "customdata": [row.trial.id],
        "marker": _marker([row], palette),
        "hovertemplate": "%{text}<extra></extra>",
    }
    return [curve, end]


def _marker(rows: Sequence[RungRow], palette: Palette) -> dict[str, Any]:
    colors = [role_colors(palette)[row.role] for row in rows]
    return {
        "symbol": [SYMBOLS[row.role] for row in rows],
        "color": colors,
        "opacity": 1,
        "size": [14 if row.role == "chosen" else 9 for row in rows],
        "line": {"color": colors, "width": 1.8},
    }


def _rung_line(rung: int, palette: Palette, *, upright: bool) -> dict[str, Any]:
    along, across = ("x", "y") if upright else ("y", "x")
    place = {f"{along}ref": along, f"{across}ref": "paper", f"{along}0": rung, f"{along}1": rung}
    look = {"line": {"color": palette.muted, "width": 1, "dash": "dot"}, "layer": "below"}
    return {"type": "line", **place, f"{across}0": 0, f"{across}1": 1, **look}


def rungs_drawing(data: RungData, palette: Palette) -> Drawing:
    """Return a ladder a rate: how high it climbed, by shape whether it arrived or was left behind, and why on hover."""
    if not data.rows:
        return Drawing("No rate has been evaluated yet.")
    top = max(row.steps for row in data.rows)
    figure = {
        "data": [_ladders(data, palette), _ends(data, palette)],
        "layout": layout(
            palette,
            xaxis=axis(palette, "learning rate", "log", dtick=1),
            yaxis=axis(palette, "step", range=[0, 1.08 * top], tickvals=[0, *data.rungs]),
            shapes=[_rung_line(rung, palette, upright=False) for rung in data.rungs],
        ),
    }
    return Drawing(_ladder_sentence(data), figure, _table(data))


def _ladders(data: RungData, palette: Palette) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [x for row in data.rows for x in (row.lr, row.lr, None)],
        "y": [y for row in data.rows for y in (0, row.steps, None)],
        "line": {"color": palette.context, "width": 3},
        "hoverinfo": "skip",
    }


def _ends(data: RungData, palette: Palette) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row.lr for row in data.rows],
        "y": [row.steps for row in data.rows],
        "text": [f"{escape(trial_label(row.trial))}: {number(row.score)}{why(row.trial)}" for row in data.rows],
        "customdata": [row.trial.id for row in data.rows],
        "marker": _marker(data.rows, palette),
        "hovertemplate": "%{text}<br>climbed to step %{y:,}<extra></extra>",
    }


def _ladder_sentence(data: RungData) -> str:
    """Say how many ended at each rung: ``Of 8 rates 5 stayed at step 15, 2 at step 45, and 1 climbed to step 135.``."""
    some = count(len(data.rows), "rate") if data.asked is None else f"{len(data.rows)} of {count(data.asked, 'rate')}"
    if any(row.role == "under way" for row in data.rows):
        return f"{some} so far, each as high as it has climbed."
    diverged = sum(row.trial.state is TrialState.DIVERGED for row in data.rows)
    *lower, top = data.rungs or (0,)
    stayed = [f"{len(data.at(rung))} at step {number(rung)}" for rung in lower if data.at(rung)]
    early = f"left behind: {', '.join(stayed)}; " if stayed else ""
    said = f"{some}; {early}{len(data.at(top))} climbed to the top at step {number(top)}"
    return f"{said}; {diverged} diverged." if diverged else f"{said}."


def _table(data: RungData) -> Table:
    rows = tuple(
        (f"#{row.trial.number}", number(row.lr), f"{row.steps:,}", number(row.score), row.role, row.trial.ended_because)
        for row in data.rows
    )
    return Table(("trial", "learning rate", "steps", f"last {words(data.metric.name)}", "part", "why it ended"), rows)
