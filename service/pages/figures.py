"""Figures as JSON: the drawing of a study's or a trial's data as it stands now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from service.dependencies import StoreDep, StudyId, TrialId
from service.figures.drawing import Drawing, to_json, trials_of
from service.figures.live import BEST_SHOWN, FEW, MOST_HIGHLIGHTED, CurveLook, live_data, live_drawing
from service.figures.palette import Palette, Theme, palette_of
from service.figures.trial import trial_curve_data, trial_curve_drawing
from service.pages.parameter_figures import PARAMETER_FIGURES
from service.pages.stage_figures import STAGE_FIGURES
from service.pages.study_data import StudyData, read_study
from studies.contract.views import TrialView
from studies.contract.worker_protocol import MetricName
from studies.core.snapshot import LOSS
from studies.errors import NotFound
from studies.storage.port import StudyStore

router = APIRouter()

MOST_BEHIND = 500
"""Most trials behind those that are told apart: more lines only make the grey denser."""


def get_palette(theme: Theme = "light") -> Palette:
    return palette_of(theme)


def get_look(
    *,
    metric: MetricName = LOSS,
    smooth: Annotated[int, Query(ge=0, le=100)] = 0,
    logx: bool = False,
    logy: bool = False,
) -> CurveLook:
    return CurveLook(metric, smooth, logx, logy)


PaletteDep = Annotated[Palette, Depends(get_palette)]
LookDep = Annotated[CurveLook, Depends(get_look)]


def _live(data: StudyData, palette: Palette, look: CurveLook) -> Drawing:
    """Draw whole curves of the few that are told apart, and thinned ones of an even choice of the others."""
    asked = data.study.progress.trials
    shown = _told_apart(data, asked)
    thinned = data.store.thinned_curves(data.study.id, look.metric, MOST_BEHIND)
    curves = data.curves(look.metric, shown)
    found = live_data(shown, curves, thinned, data.metric, look, asked=asked if asked > MOST_BEHIND else None)
    return live_drawing(found, palette)


def _told_apart(data: StudyData, asked: int) -> list[TrialView]:
    """Return every trial where there are few; the best few and those that run where there are many."""
    if asked <= FEW:
        return list(data.store.list_trials(data.study.id, None, FEW).trials)
    best = data.store.best_trials(data.study.id, BEST_SHOWN)
    running = data.store.running_trials(data.study.id, MOST_HIGHLIGHTED - len(best))
    return [*best, *running]


_FIGURES = {**STAGE_FIGURES, **PARAMETER_FIGURES, "live": _live}


@router.get("/studies/{study_id}/figures/{name}.json", name="study_figure")
def study_figure(store: StoreDep, study_id: StudyId, name: str, palette: PaletteDep, look: LookDep) -> Response:
    """Answer with a `Drawing` as JSON."""
    return _answer(study_drawing(read_study(store, study_id), name, palette, look), store)


def study_drawing(data: StudyData, name: str, palette: Palette, look: CurveLook | None = None) -> Drawing:
    """Return a study's figure of that name; without a `look` live curves are those of the study's own metric.

    Raises:
        NotFound: there is no such figure.
    """
    draw = _FIGURES.get(name)
    if draw is None:
        raise NotFound(f"There is no figure of this name: take one of {', '.join(_FIGURES)}.")
    return draw(data, palette, look or CurveLook(data.metric.name))


@router.get("/trials/{trial_id}/figures/curve.json", name="trial_figure")
def trial_figure(store: StoreDep, trial_id: TrialId, palette: PaletteDep, look: LookDep) -> Response:
    trial = store.get_trial(trial_id)
    curve = store.curve(trial_id, look.metric)
    return _answer(trial_curve_drawing(trial_curve_data(trial, curve, look), palette), store)


def _answer(drawing: Drawing, store: StudyStore) -> Response:
    numbers = store.trial_numbers(trials_of(drawing))
    return Response(to_json(drawing, numbers), media_type="application/json", headers={"Cache-Control": "no-store"})
