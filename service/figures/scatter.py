"""Each hyperparameter against the metric, side by side: where the good values are, and which are still untried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.figures.drawing import Drawing
from service.figures.labels import LONGEST_NAME, LONGEST_TICK, clipped, escape
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.parallel import BEST_SHOWN, ParallelData, parallel_drawing, raw_rows
from service.figures.parameters import ParameterAxis
from service.format import count, number, words
from studies.core.search.dimensions import Categorical
from studies.storage.port import TrialResult

COLUMNS = 3
MOST = 6
"""Most hyperparameters that are shown, the most important first where that is known."""

_MOST_TICKS = 3
_GAP = 0.07


def scatter_drawing(data: ParallelData, palette: Palette, importance: Mapping[str, float]) -> Drawing:
    """Return a small plot a hyperparameter on one scale of the metric; the best trials stand out."""
    if not data.axes or not any(row.result.score is not None for row in data.rows):
        return Drawing("No two trials with different hyperparameters have come to a result yet.")
    shown = sorted(data.axes, key=lambda each: -importance.get(each.name, 0.0))[:MOST]
    figure = {
        "data": [trace for place, each in enumerate(shown) for trace in _dots(data, each, place, palette)],
        "layout": layout(palette, **_frames(data, shown, palette)),
    }
    more = len(data.axes) + data.left_out - len(shown)
    rest = f"; {count(more, 'more hyperparameter')} not shown" if more else ""
    said = f"{words(data.metric.name).capitalize()} against {', '.join(each.title for each in shown)}{rest}"
    table = parallel_drawing(data, palette).table
    return Drawing(f"{said}; the best {BEST_SHOWN} are marked.", figure, table, rows=raw_rows(data))


def _frames(data: ParallelData, shown: Sequence[ParameterAxis], palette: Palette) -> dict[str, Any]:
    rows = -(-len(shown) // COLUMNS)
    margin = 0.05 * (data.high - data.low) or 0.01
    frames: dict[str, Any] = {}
    for place, each in enumerate(shown):
        row, column = divmod(place, COLUMNS)
        across = _domain(column, min(COLUMNS, len(shown)))
        down = _domain(rows - 1 - row, rows, gap=0.2)
        name = _suffix(place)
        ticks = _ticks(each)
        frames[f"xaxis{name}"] = axis(
            palette,
            escape(clipped(each.title, LONGEST_NAME)),
            "-",
            domain=across,
            anchor=f"y{name}",
            range=[-0.06, 1.06],
            **ticks,
        )
        title = escape(clipped(words(data.metric.name), LONGEST_NAME)) if not column else ""
        frames[f"yaxis{name}"] = axis(
            palette, title, domain=down, anchor=f"x{name}", range=[data.low - margin, data.high + margin]
        )
    return frames


def _ticks(each: ParameterAxis) -> dict[str, Any]:
    """Return the ticks of a small axis: both ends and one between them, all categories."""
    ticks = each.ticks
    if len(ticks) > _MOST_TICKS and not isinstance(each.dimension, Categorical):
        ticks = (ticks[0], ticks[len(ticks) // 2], ticks[-1])
    texts = [escape(clipped(text, LONGEST_TICK)) for _, text in ticks]
    flat = {} if isinstance(each.dimension, Categorical) else {"tickangle": 0}
    return {"tickvals": [at for at, _ in ticks], "ticktext": texts, **flat}


def _domain(place: int, of: int, gap: float = _GAP) -> list[float]:
    size = (1 - gap * (of - 1)) / of
    return [place * (size + gap), min(1.0, place * (size + gap) + size)]


def _suffix(place: int) -> str:
    return "" if place == 0 else str(place + 1)


def _dots(data: ParallelData, each: ParameterAxis, place: int, palette: Palette) -> list[dict[str, Any]]:
    scored = [row.result for row in data.rows if row.result.score is not None]
    name = _suffix(place)
    looks = (
        (scored[:-BEST_SHOWN], palette.muted, "circle", 6, 0.5),
        (scored[-BEST_SHOWN:], palette.winner, "star", 12, 1.0),
    )
    return [
        {
            **_marks(data, each, results),
            "xaxis": f"x{name}",
            "yaxis": f"y{name}",
            "marker": {"color": color, "symbol": symbol, "size": size, "opacity": opacity},
        }
        for results, color, symbol, size, opacity in looks
        if results
    ]


def _marks(data: ParallelData, each: ParameterAxis, results: Sequence[TrialResult]) -> dict[str, Any]:
    heights = [min(max(result.score or 0.0, data.low), data.high) for result in results]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [round(each.place(result), 4) for result in results],
        "y": heights,
        "text": [f"#{result.number} · {number(result.score)}" for result in results],
        "customdata": [result.id for result in results],
        "hovertemplate": "%{text}<extra></extra>",
    }
