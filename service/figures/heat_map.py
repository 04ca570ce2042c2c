"""The two heat maps of stage 2: how good each pair gets at its best rate, and how soon it is as good as before."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from service.figures.batch_momentum import HeatCell, HeatData, RateRow
from service.figures.drawing import Drawing, Table
from service.figures.labels import escape, trial_label
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.readings import rank
from service.format import TIMES, count, number, words
from studies.contract.study_file import Metric

_STRIP, _REACH = -0.3, 0.34
"""Where in a cell its bracket stands, and how far to either side: shares of the cell."""

_LEGIBLE = (12, 6)
"""Most columns and rows with room for a bracket in each cell."""


def batch_momentum_drawing(data: HeatData, palette: Palette) -> Drawing:
    """Return the scores; a darker (in dark: lighter) cell is always the better one, also when minimising."""
    if not data.cells:
        return Drawing("No pair of batch size and momentum has been tried yet.")
    grid = _heat_map(data, palette, lambda cell: cell.score, number, minimize=data.metric.direction == "minimize")
    grid["colorbar"]["title"]["text"] = escape(words(data.metric.name))
    figure = _figure(data, palette, [grid, *_brackets(data, palette)])
    return Drawing(_sentence(data), figure, _table(data), rows=_rows(data))


def time_to_target_drawing(data: HeatData, palette: Palette) -> Drawing:
    """Return the training examples that each pair took to be as good as what the stage began with (T)."""
    name = escape(words(data.metric.name))
    if data.target is None:
        return Drawing(f"The stage before has no {words(data.metric.name)} to come up to, so there is no time to tell.")
    if not data.cells:
        return Drawing("No pair of batch size and momentum has been tried yet.")
    reached = [cell for cell in data.cells if cell.best.samples is not None]
    if not reached:
        return Drawing(f"No pair has come to the {words(data.metric.name)} of {number(data.target)} from before yet.")
    grid = _heat_map(data, palette, lambda cell: cell.best.samples, _samples, minimize=True)
    grid["colorbar"]["title"]["text"] = f"examples until {name} {number(data.target)}"
    figure = _figure(data, palette, [grid])
    return Drawing(_time_sentence(data, reached), figure, _table(data), rows=_rows(data))


def _figure(data: HeatData, palette: Palette, traces: list[dict[str, Any]]) -> dict[str, Any]:
    columns = [str(batch) for batch in data.batch_sizes]
    rows = [_name(momentum) for momentum in data.momenta]
    quiet: dict[str, Any] = {"showgrid": False, "showline": False}
    frame = layout(
        palette,
        xaxis=axis(palette, "batch size", "-", **quiet, **_ticks(columns)),
        yaxis=axis(palette, "" if data.momenta == [None] else "momentum", "-", **quiet, **_ticks(rows)),
        shapes=_chosen_frame(data, palette),
    )
    return {"data": traces, "layout": frame}


def _ticks(names: list[str]) -> dict[str, Any]:
    return {"tickvals": list(range(len(names))), "ticktext": names, "range": [-0.5, len(names) - 0.5]}


def _name(momentum: float | None) -> str:
    return "not tuned" if momentum is None else number(momentum)


def _heat_map(
    data: HeatData,
    palette: Palette,
    value: Callable[[HeatCell], float | None],
    text: Callable[[float | None], str],
    *,
    minimize: bool,
) -> dict[str, Any]:
    at = {data.place(cell): cell for cell in data.cells}
    grid = [[at.get((x, y)) for x in range(len(data.batch_sizes))] for y in range(len(data.momenta))]
    return {
        "type": "heatmap",
        "x": list(range(len(data.batch_sizes))),
        "y": list(range(len(data.momenta))),
        "z": [[value(cell) if cell else None for cell in row] for row in grid],
        "text": [[text(value(cell)) if cell and value(cell) is not None else "" for cell in row] for row in grid],
        "hovertext": [[_hover(cell, data.metric) if cell else "" for cell in row] for row in grid],
        "customdata": [[cell.best.best.id if cell else "" for cell in row] for row in grid],
        "texttemplate": "%{text}",
        "textfont": {"size": 13},
        "hovertemplate": "%{hovertext}<extra></extra>",
        "hoverongaps": False,
        "xgap": 4,
        "ygap": 4,
        "colorscale": [[position, color] for position, color in palette.scale],
        "reversescale": minimize,
        "colorbar": {"thickness": 8, "outlinewidth": 0, "title": {"side": "right"}},
    }


def _hover(cell: HeatCell, metric: Metric) -> str:
    pair = f"{count(cell.trials, 'trial')} of this pair"
    lines = [_rate_words(rate, metric) for rate in cell.rates]
    return "<br>".join([f"<b>{escape(_place(cell))}</b>, {pair}", *lines])


def _rate_words(rate: RateRow, metric: Metric) -> str:
    label = escape(trial_label(rate.best))
    if rate.score is None:
        return f"{label}: {'diverged' if rate.diverged else 'nothing yet'}"
    seeds = f", mean of {rate.seeds} seeds" if rate.seeds > 1 else ""
    soon = f", after {_samples(rate.samples)} examples as good as before" if rate.samples is not None else ""
    return f"{label}: {escape(words(metric.name))} {number(rate.score)}{seeds}{soon}"


# --- the brackets ------------------------------------------------------------------------------------------------


def _brackets(data: HeatData, palette: Palette) -> list[dict[str, Any]]:
    """Return in every cell a mark a rate, from half to twice the middle one: filled the best, a cross for diverged."""
    if len(data.batch_sizes) > _LEGIBLE[0] or len(data.momenta) > _LEGIBLE[1]:
        return []
    marks = [(cell, rate) for cell in data.cells if len(cell.rates) > 1 for rate in cell.rates]
    if not marks:
        return []
    widest = max(abs(math.log(rate.factor)) for _, rate in marks) or 1.0
    places = [_mark(data, cell, math.log(rate.factor) / widest) for cell, rate in marks]
    best = [rate is cell.best and rate.score is not None for cell, rate in marks]
    return [_bracket_line(data, palette), _bracket_marks(data, palette, marks, places, best)]


def _mark(data: HeatData, cell: HeatCell, share: float) -> tuple[float, float]:
    x, y = data.place(cell)
    return x + _REACH * share, y + _STRIP


def _bracket_line(data: HeatData, palette: Palette) -> dict[str, Any]:
    ends = [_mark(data, cell, share) for cell in data.cells if len(cell.rates) > 1 for share in (-1.0, 1.0)]
    gapped = [point for pair in zip(ends[::2], ends[1::2], strict=True) for point in (*pair, (None, None))]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [x for x, _ in gapped],
        "y": [y for _, y in gapped],
        "line": {"color": palette.paper, "width": 2},
        "opacity": 0.6,
        "hoverinfo": "skip",
    }


def _bracket_marks(
    data: HeatData,
    palette: Palette,
    marks: Sequence[tuple[HeatCell, RateRow]],
    places: Sequence[tuple[float, float]],
    best: Sequence[bool],
) -> dict[str, Any]:
    rates = [rate for _, rate in marks]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x for x, _ in places],
        "y": [y for _, y in places],
        "text": [f"{TIMES}{number(rate.factor, 2)} · {_rate_words(rate, data.metric)}" for rate in rates],
        "customdata": [rate.best.id for rate in rates],
        "marker": {
            "symbol": ["x" if rate.diverged else "circle" for rate in rates],
            "size": [10 if chosen else 8 for chosen in best],
            "color": [palette.ink if chosen else palette.paper for chosen in best],
            "line": {"color": [palette.paper if chosen else palette.ink for chosen in best], "width": 1.5},
        },
        "hovertemplate": "%{text}<extra></extra>",
    }


def _chosen_frame(data: HeatData, palette: Palette) -> list[dict[str, Any]]:
    cell = next((cell for cell in data.cells if cell.chosen), None)
    if cell is None:
        return []
    x, y = data.place(cell)
    corners = {"x0": x - 0.48, "x1": x + 0.48, "y0": y - 0.48, "y1": y + 0.48}
    return [{"type": "rect", **corners, "line": {"color": palette.ink, "width": 2.5}, "fillcolor": "rgba(0,0,0,0)"}]


# --- words -------------------------------------------------------------------------------------------------------


def _samples(value: float | None) -> str:
    """Return a number of training examples as people say it: ``10,240``, ``1.2 M``."""
    if value is None:
        return "never"
    return f"{number(value / 1e6, 3)} M" if value >= 1e6 else number(value)  # noqa: PLR2004 - a million


def _sentence(data: HeatData) -> str:
    name = words(data.metric.name)
    if not data.scored:
        return f"{count(len(data.cells), 'pair')} of batch size and momentum asked for; no {name} reported yet."
    best = max(data.scored, key=lambda cell: rank(cell.score, data.metric))
    said = f"Best {name} {number(best.score)} at {_place(best)}"
    chosen = next((cell for cell in data.scored if cell.chosen and cell is not best), None)
    if chosen:
        said += f"; the choice, framed, is {_place(chosen)} with {number(chosen.score)}"
    dots = ". Dots in a cell are its learning rates from low to high, the filled one the best"
    return f"{said}{dots if any(len(cell.rates) > 1 for cell in data.cells) else ''}."


def _time_sentence(data: HeatData, reached: list[HeatCell]) -> str:
    soonest = min(reached, key=lambda cell: cell.best.samples or 0)
    goal = f"{words(data.metric.name)} {number(data.target)}"
    said = f"{_place(soonest)} is the first to come to the {goal} from before, after {_samples(soonest.best.samples)}"
    never = len(data.cells) - len(reached)
    rest = f"; {count(never, 'pair')} never {'does' if never == 1 else 'do'} or cannot tell" if never else ""
    return f"{said[0].upper()}{said[1:]} training examples{rest}."


def _place(cell: HeatCell) -> str:
    return f"batch size {cell.batch_size}" + ("" if cell.momentum is None else f", momentum {number(cell.momentum)}")


def _table(data: HeatData) -> Table:
    rows = tuple(
        (
            str(cell.batch_size),
            _name(cell.momentum),
            number(rate.lr),
            number(rate.score),
            str(rate.seeds),
            "" if data.target is None else _samples(rate.samples),
            f"#{rate.best.number}",
        )
        for cell in data.cells
        for rate in cell.rates
    )
    score, reached = words(data.metric.name), f"examples until {number(data.target)}"
    return Table(("batch size", "momentum", "learning rate", score, "seeds", reached, "trial"), rows)


def _rows(data: HeatData) -> tuple[tuple[object, ...], ...]:
    header = ("trial", "batch_size", "momentum", "lr", data.metric.name, "seeds", "examples_to_target")
    rates = ((cell, rate) for cell in data.cells for rate in cell.rates)
    return (
        header,
        *(
            (rate.best.number, cell.batch_size, cell.momentum, rate.lr, rate.score, rate.seeds, rate.samples)
            for cell, rate in rates
        ),
    )
