"""The few kinds of Plotly trace that the figures are made of."""

from __future__ import annotations

from typing import Any

from service.figures.labels import escape
from service.figures.palette import Palette
from service.figures.series import Series


def line(
    points: Series,
    label: str,
    color: str,
    *,
    trial_id: str = "",
    metric: str = "",
    over: str = "step",
    width: float = 2,
    dash: str = "solid",
    opacity: float = 1.0,
) -> dict[str, Any]:
    """Return a curve that says its label on hover; it stands for a trial. `over` is what its steps are, in words.

    A lone point is drawn as a dot: a line through one point would be invisible.
    """
    return {
        "type": "scatter",
        "mode": "lines" if len(points.finite) > 1 else "markers",
        "x": list(points.steps),
        "y": list(points.values),
        "name": escape(label),
        "meta": {"label": escape(label), "trial": trial_id},
        "line": {"color": color, "width": width, "dash": dash},
        "marker": {"color": color, "size": 7},
        "opacity": opacity,
        "connectgaps": False,
        "hovertemplate": f"%{{meta.label}}<br>{over} %{{x:,.6~g}} · {escape(metric)} %{{y:.4~g}}<extra></extra>",
    }


def context(points: Series, palette: Palette) -> list[dict[str, Any]]:
    """Return all background curves as one silent trace; none where there are no points."""
    if not len(points):
        return []
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": list(points.steps),
            "y": list(points.values),
            "name": "other trials",
            "line": {"color": palette.context, "width": 1},
            "connectgaps": False,
            "hoverinfo": "skip",
        }
    ]


def faint(points: Series, color: str, label: str = "", *, trial_id: str = "") -> dict[str, Any]:
    """Return the raw curve behind a smoothed one; a click does not find it."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(points.steps),
        "y": list(points.values),
        "meta": {"label": escape(f"{label} (raw)".strip()), "behind": trial_id},
        "line": {"color": color, "width": 1},
        "opacity": 0.22,
        "connectgaps": False,
        "hoverinfo": "skip",
        "showlegend": False,
    }
