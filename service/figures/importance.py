"""Which hyperparameters set the best trials apart, from which trials that is known, and where it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.figures.drawing import Drawing, Table
from service.figures.labels import LONGEST_NAME, clipped, escape
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.parameters import ParameterAxis, axes, strongest, values_of
from service.format import count, stage_title
from studies.contract.study_file import StageKind, StudySpec
from studies.core.search.dimensions import Categorical
from studies.storage.optuna_bridge.importance import FEWEST, Question
from studies.storage.port import TrialResult

Asked = Callable[[Question], Mapping[str, float]]
"""Answers with the share of each hyperparameter: `studies.storage.optuna_bridge.importance.importances`."""


@dataclass(frozen=True)
class ImportanceRow:
    """A hyperparameter and its share in what sets the best trials apart; the shares sum to one."""

    name: str
    title: str
    share: float


@dataclass(frozen=True)
class ImportanceData:
    """Hyperparameters, the most important first.

    Attributes:
        rows: none where there are too few trials.
        stage: the one whose trials were asked: points of one stage were chosen in one way, and start alike.
        trials: how many of it came to a score.
    """

    rows: tuple[ImportanceRow, ...]
    stage: StageKind | None
    trials: int


def importance_data(results: Mapping[StageKind, Sequence[TrialResult]], spec: StudySpec, ask: Asked) -> ImportanceData:
    """Return the importances in the stage that has most finished trials in which two hyperparameters or more vary.

    Trials of several stages together would mislead: a later stage starts from what an earlier one chose, so whatever
    changed between them would seem to make all the difference.
    """
    scored = {kind: [result for result in found if result.score is not None] for kind, found in results.items()}
    varied = {kind: axes(found, spec) for kind, found in scored.items()}
    stages = [kind for kind in scored if len(varied[kind]) > 1]
    stage = max(stages, key=lambda kind: len(scored[kind]), default=None)
    if stage is None:
        return ImportanceData((), None, max(map(len, scored.values()), default=0))
    shown = strongest(varied[stage], scored[stage])
    found = ask(_question(shown, scored[stage], maximize=spec.metric.direction == "maximize"))
    titles = {each.name: each.title for each in shown}
    ranked = sorted(found.items(), key=lambda item: -item[1])
    return ImportanceData(
        tuple(ImportanceRow(name, titles[name], share) for name, share in ranked), stage, len(scored[stage])
    )


def _question(shown: Sequence[ParameterAxis], results: Sequence[TrialResult], *, maximize: bool) -> Question:
    return Question(
        names=tuple(each.name for each in shown),
        kinds=tuple("category" if isinstance(each.dimension, Categorical) else "number" for each in shown),
        points=tuple(tuple(_value(each, result) for each in shown) for result in results),
        scores=tuple(result.score for result in results if result.score is not None),
        maximize=maximize,
    )


def _value(each: ParameterAxis, result: TrialResult) -> float | str:
    if isinstance(each.dimension, Categorical):
        return str(values_of(result)[each.name])
    return each.place(result)


def importance_drawing(data: ImportanceData, palette: Palette) -> Drawing:
    """Return a bar a hyperparameter, the most important on top."""
    if not data.rows:
        return Drawing(_why_not(data))
    bars = list(reversed(data.rows))
    figure = {
        "data": [_bars(bars, palette)],
        "layout": layout(
            palette,
            xaxis=axis(palette, "share", tickformat=".0%", rangemode="tozero"),
            yaxis=axis(
                palette,
                "",
                "-",
                showgrid=False,
                tickvals=list(range(len(bars))),
                ticktext=[escape(clipped(row.title, LONGEST_NAME)) for row in bars],
            ),
        ),
    }
    rows = (("hyperparameter", "share"), *((row.name, row.share) for row in data.rows))
    return Drawing(_sentence(data), figure, _table(data), rows=rows)


def _bars(rows: Sequence[ImportanceRow], palette: Palette) -> dict[str, Any]:
    top = len(rows) - 1
    return {
        "type": "bar",
        "orientation": "h",
        "x": [row.share for row in rows],
        "y": list(range(len(rows))),
        "text": [f"{row.share:.0%}" for row in rows],
        "textposition": "auto",
        "cliponaxis": False,
        "marker": {"color": [palette.winner if place == top else palette.context for place in range(len(rows))]},
        "hoverinfo": "skip",
    }


def _why_not(data: ImportanceData) -> str:
    if data.stage is None:
        return "Importances need a stage in which two hyperparameters or more vary; there is none with a result yet."
    stage = f"“{stage_title(data.stage)}” has {data.trials}"
    if data.trials >= FEWEST:
        return (
            f"All {data.trials} finished trials of “{stage_title(data.stage)}” came out equal: nothing sets any apart."
        )
    return f"Importances take at least {FEWEST} finished trials of one stage; {stage} so far."


def _sentence(data: ImportanceData) -> str:
    first, *_ = data.rows
    where = f"{count(data.trials, 'finished trial')} of “{stage_title(data.stage)}”" if data.stage else ""
    return (
        f"Of what sets the best of {where} apart, {first.title} accounts for {first.share:.0%} (PED-ANOVA). "
        "It ranks hyperparameters within the values tried; what was not tried it cannot know."
    )


def _table(data: ImportanceData) -> Table:
    return Table(("hyperparameter", "share"), tuple((row.title, f"{row.share:.1%}") for row in data.rows))
