"""Stage 1: final loss against learning rate on log axes, with the region that diverged."""

from __future__ import annotations

from typing import Any

from service.figures.drawing import Drawing
from service.figures.labels import escape, trial_label
from service.figures.layout import axis, layout
from service.figures.lr_sweep import SweepData, SweepRow, sweep_table
from service.figures.palette import Palette
from service.format import number


def lr_loss_drawing(data: SweepData, palette: Palette) -> Drawing:
    """Return final loss against learning rate on log axes, with diverged rates marked and their region shaded."""
    ended = [row for row in data.rows if row.final_loss is not None or row.role == "diverged"]
    sound = [row for row in ended if row.role != "diverged"]
    if not ended:
        return Drawing("No learning rate has a loss to compare yet.")
    positive = all(row.final_loss is not None and row.final_loss > 0 for row in sound)
    figure = {
        "data": [_means(sound, palette), _loss_points(sound, palette), *_diverged_points(data, sound, palette)],
        "layout": layout(
            palette,
            xaxis=axis(palette, "learning rate", "log", dtick=1),
            yaxis=axis(palette, "final loss, smoothed", "log" if positive and sound else "linear"),
            shapes=_diverged_region(data, palette),
            showlegend=True,
        ),
    }
    return Drawing(_loss_sentence(sound, data), figure, sweep_table(data))


def _means(sound: list[SweepRow], palette: Palette) -> dict[str, Any]:
    """Return a line through the means of each rate's seeds."""
    losses: dict[float, list[float]] = {}
    for row in sound:
        if row.final_loss is not None:
            losses.setdefault(row.lr, []).append(row.final_loss)
    rates = sorted(losses)
    return {
        "type": "scatter",
        "mode": "lines",
        "showlegend": False,
        "x": rates,
        "y": [sum(losses[lr]) / len(losses[lr]) for lr in rates],
        "line": {"color": palette.context, "width": 1.5},
        "hoverinfo": "skip",
    }


def _loss_points(sound: list[SweepRow], palette: Palette) -> dict[str, Any]:
    rows = sorted(sound, key=lambda row: row.lr)
    winner = next((row.lr for row in rows if row.role == "chosen"), None)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "final loss",
        "showlegend": False,
        "x": [row.lr for row in rows],
        "y": [row.final_loss for row in rows],
        "text": [escape(trial_label(row.trial)) for row in rows],
        "customdata": [row.trial.id for row in rows],
        "marker": {
            "opacity": 1,
            "size": [15 if row.role == "chosen" else 10 for row in rows],
            "color": [palette.winner if row.lr == winner else palette.muted for row in rows],
            "line": {"color": palette.paper, "width": 1.5},
        },
        "hovertemplate": "%{text}<br>final loss %{y:.4~g}<extra></extra>",
    }


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
