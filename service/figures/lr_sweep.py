"""Stage 1 in two figures: the loss curves of every learning rate, and where each of them ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.conclusions import evidence_number
from service.figures.drawing import Drawing, Table
from service.figures.evidence import chosen_trial, weighed_trials
from service.figures.labels import escape, trial_label
from service.figures.layout import Marks, axis, layout, vertical_mark
from service.figures.palette import Palette
from service.figures.series import Series, by_number, final_value, points_each, series, smoothed
from service.figures.traces import faint, line
from service.format import count, number
from studies.contract.decision import Decision
from studies.contract.states import TrialState
from studies.contract.views import TrialView
from studies.core.snapshot import Curve

Role = Literal["chosen", "weighed", "diverged", "other"]
_SMOOTHING = 8
_LOSS_TITLE = "training loss, smoothed"


@dataclass(frozen=True)
class SweepRow:
    """A trial of the sweep: its rate, its loss curve raw and smoothed, and what part it plays."""

    trial: TrialView
    lr: float
    role: Role
    raw: Series
    smooth: Series
    final_loss: float | None


@dataclass(frozen=True)
class SweepData:
    """The sweep's rows by number; the others are steps, None before the decision (or where nobody can tell).

    ``plateau`` is where the dev metric stopped gaining, where that is later than ``converged``.
    """

    rows: tuple[SweepRow, ...]
    converged: float | None
    plateau: float | None
    num_steps: float | None

    @property
    def chosen(self) -> SweepRow | None:
        return next((row for row in self.rows if row.role == "chosen"), None)

    def in_role(self, role: Role) -> list[SweepRow]:
        return [row for row in self.rows if row.role == role]


def lr_sweep_data(trials: Sequence[TrialView], losses: Mapping[str, Curve], decision: Decision | None) -> SweepData:
    """Return what the sweep knows. `losses` holds the whole loss curves by trial id; trials without one are left out.

    `trials` are those of the stage, plus any other that the decision is about.
    """
    drawn = [trial for trial in by_number(trials) if trial.id in losses and "lr" in trial.params]
    points = points_each(2 * len(drawn))
    rows = tuple(_row(trial, losses[trial.id], decision, points) for trial in drawn)
    steps = decision.choice.get("num_steps") if decision else None
    converged, plateau = (evidence_number(decision, name) for name in ("convergence_step", "dev_plateau_step"))
    return SweepData(
        rows=rows,
        converged=converged,
        plateau=plateau if plateau and converged and plateau > converged else None,
        num_steps=float(steps) if isinstance(steps, int | float) else None,
    )


def _row(trial: TrialView, loss: Curve, decision: Decision | None, points: int) -> SweepRow:
    return SweepRow(
        trial=trial,
        lr=float(trial.params["lr"]),
        role=_role(trial, decision),
        raw=series(loss, points),
        smooth=smoothed(loss, _SMOOTHING, points),
        final_loss=final_value(loss),
    )


def _role(trial: TrialView, decision: Decision | None) -> Role:
    if trial.state is TrialState.DIVERGED:
        return "diverged"
    if trial.id == chosen_trial(decision):
        return "chosen"
    return "weighed" if trial.id in weighed_trials(decision)[:2] else "other"


def lr_curves_drawing(data: SweepData, palette: Palette) -> Drawing:
    """Return all loss curves: the winner coloured, its convergence step and 1.5x mark on it (guide, stage 1)."""
    if not any(row.raw.finite for row in data.rows):
        return Drawing("No trial of the sweep has reported a loss yet; the curves appear here as they come in.")
    shapes, notes = _step_marks(data, palette)
    figure = {
        "data": _curve_traces(data, palette),
        "layout": layout(
            palette,
            xaxis=axis(palette, "step", rangemode="tozero"),
            yaxis=_loss_axis(data, palette),
            shapes=shapes,
            annotations=notes,
            showlegend=True,
        ),
    }
    return Drawing(_curves_sentence(data), figure, _table(data))


def _curve_traces(data: SweepData, palette: Palette) -> list[dict[str, Any]]:
    looks: dict[Role, tuple[str, float, str]] = {
        "other": (palette.context, 1.4, "solid"),
        "diverged": (palette.warning, 1.6, "dot"),
        "weighed": (palette.series[2], 1.8, "solid"),
        "chosen": (palette.winner, 3, "solid"),
    }
    names: dict[Role, str] = {"other": "other rates", "diverged": "diverged", "weighed": "close behind"}
    traces = []
    for role, (color, width, dash) in looks.items():
        for index, row in enumerate(data.in_role(role)):
            curve = row.raw if role == "diverged" else row.smooth
            trace = line(
                curve, trial_label(row.trial), color, trial_id=row.trial.id, metric="loss", width=width, dash=dash
            )
            trace["name"] = names.get(role, f"chosen, lr {number(row.lr)}")
            traces.append({**trace, "legendgroup": role, "showlegend": index == 0})
            if role == "chosen":
                traces.append({**faint(row.raw, color), "legendgroup": role})
    return traces


def _loss_axis(data: SweepData, palette: Palette) -> dict[str, Any]:
    """Return a log axis (linear where a loss is not positive) that no diverging curve can stretch."""
    sound = [value for row in data.rows if row.role != "diverged" for value in row.smooth.finite]
    values = sound or [row.raw.finite[0] for row in data.rows if row.raw.finite]
    if min(values) <= 0:
        return axis(palette, _LOSS_TITLE)
    low, high = math.log10(min(values) * 0.85), math.log10(max(values) * 1.4)
    return axis(palette, _LOSS_TITLE, "log", range=[low, high])


def _step_marks(data: SweepData, palette: Palette) -> Marks:
    """Return the marks at the convergence step and at ``num_steps``, their names on the side that has room."""
    marks = [("loss converged", data.converged), ("dev flat", data.plateau), ("num_steps", data.num_steps)]
    named = marks if data.converged is not None else []
    longest = max(row.raw.steps[-1] for row in data.rows if len(row.raw))
    lines: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for name, step in named:
        if step is not None:
            side: Literal["left", "right"] = "right" if step < longest / 2 else "left"
            line_there, note = vertical_mark(palette, step, f"{name} {number(step)}", side=side)
            lines += line_there
            notes.append({**note[0], "yshift": -16 * len(notes)})
    return lines, notes


def _curves_sentence(data: SweepData) -> str:
    diverged = len(data.in_role("diverged"))
    said = f"Training loss of {count(len(data.rows), 'trial')} over steps"
    if data.chosen:
        said += f"; the chosen learning rate {number(data.chosen.lr)} ends at {number(data.chosen.final_loss)}"
    return said + (f"; {diverged} diverged." if diverged else ".")


def _table(data: SweepData) -> Table:
    rows = tuple(
        (f"#{r.trial.number}", number(r.lr), str(r.trial.seed), r.trial.state.value, number(r.final_loss))
        for r in sorted(data.rows, key=lambda row: row.lr)
    )
    return Table(("trial", "learning rate", "seed", "state", "final loss, smoothed"), rows)


def lr_loss_drawing(data: SweepData, palette: Palette) -> Drawing:
    """Return final loss against learning rate on log axes, with diverged rates marked and their region shaded."""
    ended = [row for row in data.rows if row.final_loss is not None or row.role == "diverged"]
    sound = [row for row in ended if row.role != "diverged"]
    if not ended:
        return Drawing("No learning rate has a loss to compare yet.")
    positive = all(row.final_loss is not None and row.final_loss > 0 for row in sound)
    figure = {
        "data": [*_loss_points(sound, palette), *_diverged_points(data, sound, palette)],
        "layout": layout(
            palette,
            xaxis=axis(palette, "learning rate", "log", dtick=1),
            yaxis=axis(palette, "final loss, smoothed", "log" if positive and sound else "linear"),
            shapes=_diverged_region(data, palette),
            showlegend=True,
        ),
    }
    return Drawing(_loss_sentence(sound, data), figure, _table(data))


def _loss_points(sound: list[SweepRow], palette: Palette) -> list[dict[str, Any]]:
    rows = sorted(sound, key=lambda row: row.lr)
    return [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "final loss",
            "showlegend": False,
            "x": [row.lr for row in rows],
            "y": [row.final_loss for row in rows],
            "text": [escape(trial_label(row.trial)) for row in rows],
            "customdata": [row.trial.id for row in rows],
            "line": {"color": palette.context, "width": 1.5},
            "marker": {
                "opacity": 1,
                "size": [15 if row.role == "chosen" else 9 for row in rows],
                "color": [palette.winner if row.role == "chosen" else palette.muted for row in rows],
                "line": {"color": palette.paper, "width": 1.5},
            },
            "hovertemplate": "%{text}<br>final loss %{y:.4~g}<extra></extra>",
        }
    ]


def _diverged_points(data: SweepData, sound: list[SweepRow], palette: Palette) -> list[dict[str, Any]]:
    rows = data.in_role("diverged")
    if not rows:
        return []
    level = max((row.final_loss for row in sound if row.final_loss is not None), default=1.0)
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "diverged",
            "x": [row.lr for row in rows],
            "y": [level] * len(rows),
            "text": [escape(trial_label(row.trial)) for row in rows],
            "customdata": [row.trial.id for row in rows],
            "marker": {"symbol": "x", "size": 11, "color": palette.warning},
            "hovertemplate": "%{text}<br>diverged<extra></extra>",
        }
    ]


def _diverged_region(data: SweepData, palette: Palette) -> list[dict[str, Any]]:
    if not _diverged_above(data):
        return []
    rates = [row.lr for row in data.in_role("diverged")]
    edges = {"x0": min(rates) * 0.8, "x1": max(rates) * 1.6, "y0": 0, "y1": 1}
    place = {"type": "rect", "xref": "x", "yref": "paper", "layer": "below"}
    return [{**place, **edges, "fillcolor": palette.band, "line": {"width": 0}}]


def _diverged_above(data: SweepData) -> bool:
    """Return whether the diverged rates are a region of their own, above every sound one."""
    diverged = [row.lr for row in data.in_role("diverged")]
    sound = [row.lr for row in data.rows if row.role != "diverged"]
    return bool(diverged) and min(diverged) > max(sound, default=0.0)


def _loss_sentence(sound: list[SweepRow], data: SweepData) -> str:
    diverged = [row.lr for row in data.in_role("diverged")]
    if not sound:
        return f"Every learning rate tried so far diverged, the smallest at {number(min(diverged))}."
    best = min(sound, key=lambda row: row.final_loss if row.final_loss is not None else float("inf"))
    said = f"Lowest final loss {number(best.final_loss)} at learning rate {number(best.lr)}"
    if not diverged:
        return f"{said}."
    if _diverged_above(data):
        return f"{said}; rates from {number(min(diverged))} up diverged."
    return f"{said}; diverged: {', '.join(number(lr) for lr in sorted(set(diverged)))}."
