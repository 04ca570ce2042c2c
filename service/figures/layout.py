"""The frame that all figures share: quiet axes, no chart junk, a ground that lets the page through."""

from __future__ import annotations

from typing import Any, Literal

from service.figures.palette import Palette

FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Liberation Sans", sans-serif'
AxisType = Literal["linear", "log", "category", "-"]
"""``-`` is an axis whose numbers only count places, which have names: it can have no other scale."""


def layout(palette: Palette, **more: Any) -> dict[str, Any]:
    """Return a layout in `palette`; `more` adds to it or replaces parts of it.

    ``uirevision`` is constant, so that zoom and hidden traces survive a redraw.
    """
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": palette.muted},
        "margin": {"l": 56, "r": 20, "t": 34 if more.get("showlegend") else 14, "b": 48},
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": palette.paper,
            "bordercolor": palette.grid,
            "font": {"color": palette.ink, "size": 12},
            "align": "left",
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)",
        },
        "showlegend": False,
        "uirevision": "keep",
        **more,
    }


def axis(palette: Palette, title: str, kind: AxisType = "linear", **more: Any) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 8},
        "type": kind,
        "gridcolor": palette.grid,
        "linecolor": palette.grid,
        "zeroline": False,
        "showline": True,
        "ticks": "",
        "automargin": True,
        **({"dtick": "D2", "exponentformat": "e"} if kind == "log" else {}),
        **more,
    }


def value_range(low: float, high: float) -> list[float]:
    """Return a range with a margin around `low` to `high`; one of values above zero stays there, for a log axis."""
    margin = 0.04 * (high - low) or 1.0
    return [low - margin if low <= 0 else max(low - margin, 0.9 * low), high + margin]


def vertical_mark(palette: Palette, x: float, text: str, *, side: Literal["left", "right"] = "right") -> Marks:
    """Return a dashed line at `x` over the whole height, with its name at the top."""
    line = {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "line": {"color": palette.ink, "width": 1, "dash": "dot"},
    }
    note = {
        "xref": "x",
        "yref": "paper",
        "x": x,
        "y": 1,
        "text": text,
        "showarrow": False,
        "xanchor": "left" if side == "right" else "right",
        "yanchor": "top",
        "xshift": 5 if side == "right" else -5,
        "font": {"color": palette.ink, "size": 11.5},
    }
    return [line], [note]


Marks = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""Shapes and annotations of a layout."""
