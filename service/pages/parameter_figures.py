"""The figures of a study's hyperparameters by name: parallel coordinates, importances, each against the metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.figures.drawing import Drawing
from service.figures.drawn import CurveLook
from service.figures.importance import ImportanceData, importance_data, importance_drawing
from service.figures.palette import Palette
from service.figures.parallel import ParallelData, parallel_data, parallel_drawing
from service.figures.scatter import scatter_drawing
from service.pages.stage_figures import Draw
from service.pages.study_data import StudyData
from service.selection import Numbers
from studies.storage.optuna_bridge.importance import importances

MOST_LINES = 500
"""Most trials that are shown, evenly chosen: more lines only make the picture denser."""

MOST_WEIGHED = 300
"""Most trials that importances are taken from: the best tenth of so many is enough to tell where it stands."""


def _trials(data: StudyData, selected: Numbers) -> ParallelData:
    """Return an even choice of the trials, with the best and those that the reader has selected."""
    asked = data.study.progress.trials
    found = data.store.results(data.study.id, MOST_LINES)
    others = [] if asked <= MOST_LINES else data.leading_results(selected)
    return parallel_data(
        list({result.id: result for result in [*found, *others]}.values()),
        data.study.spec,
        asked if asked > MOST_LINES else None,
    )


def _weighed(data: StudyData) -> ImportanceData:
    kinds = [stage.kind for stage in data.study.stages if stage.trials_ended]
    results = {kind: data.store.results(data.study.id, MOST_WEIGHED, kind) for kind in kinds}
    return importance_data(results, data.study.spec, importances)


def _parallel(data: StudyData, palette: Palette, look: CurveLook) -> Drawing:
    return parallel_drawing(_trials(data, look.select), palette, look.select)


def _importance(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return importance_drawing(_weighed(data), palette)


def _scatter(data: StudyData, palette: Palette, look: CurveLook) -> Drawing:
    importance = {row.name: row.share for row in _weighed(data).rows}
    return scatter_drawing(_trials(data, look.select), palette, importance)


PARAMETER_FIGURES: Final[Mapping[str, Draw]] = {
    "parallel": _parallel,
    "importance": _importance,
    "scatter": _scatter,
}
