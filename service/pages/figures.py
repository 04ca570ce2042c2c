"""Figures as JSON: the drawing of a study's or a trial's data as it stands now."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from service.dependencies import StoreDep, StudyId, TrialId
from service.figures.axes import EPOCH, Axis, Ruler, ruler
from service.figures.drawing import Drawing
from service.figures.drawn import EVERY_POINT, NOTHING_KNOWN, CurveLook
from service.figures.live import BEST_SHOWN, FEW, MOST_HIGHLIGHTED, live_data, live_drawing
from service.figures.palette import Palette, Theme, palette_of
from service.figures.trial import trial_curve_data, trial_curve_drawing
from service.pages.drawings import as_csv, as_json
from service.pages.parameter_figures import PARAMETER_FIGURES
from service.pages.stage_figures import STAGE_FIGURES
from service.pages.stills import StillDep
from service.pages.study_data import StudyData, read_study
from service.selection import Numbers, Selection
from studies.contract.views import TrialView
from studies.contract.worker_protocol import MetricName
from studies.core.snapshot import LOSS, Curve
from studies.errors import NotFound
from studies.storage.port import StudyStore

router = APIRouter()

MOST_BEHIND = 300
"""Most trials behind those that are told apart: more lines only make the grey denser."""


def get_palette(theme: Theme = "light") -> Palette:
    return palette_of(theme)


def get_look(
    *,
    metric: MetricName = LOSS,
    smooth: Annotated[int, Query(ge=0, le=100)] = 0,
    axis: Axis = "step",
    start: Annotated[float | None, Query(alias="from", allow_inf_nan=False)] = None,
    end: Annotated[float | None, Query(alias="to", allow_inf_nan=False)] = None,
    select: Selection,
) -> CurveLook:
    return CurveLook(metric, smooth, axis, start, end, select)


PaletteDep = Annotated[Palette, Depends(get_palette)]
LookDep = Annotated[CurveLook, Depends(get_look)]


def _live(data: StudyData, palette: Palette, look: CurveLook) -> Drawing:
    """Draw whole curves of the few that are told apart, and thinned ones of an even choice of the others."""
    asked = data.study.progress.trials
    shown = _told_apart(data, asked, look.select)
    thinned = data.store.thinned_curves(data.study.id, look.metric, MOST_BEHIND) if look.axis == "step" else ()
    found = live_data(
        shown,
        data.curves(look.metric, shown),
        thinned,
        data.metric,
        look,
        asked=asked if asked > MOST_BEHIND else None,
        rulers=_rulers(data, shown, look),
    )
    return live_drawing(found, palette)


def _told_apart(data: StudyData, asked: int, selected: Numbers) -> list[TrialView]:
    """Return every trial where there are few; the best few, the selected and those that run where there are many."""
    if asked <= FEW:
        return list(data.store.list_trials(data.study.id, None, FEW).trials)
    best = data.store.best_trials(data.study.id, BEST_SHOWN)
    chosen = data.store.trials_numbered(data.study.id, selected) if selected else ()
    first = {trial.id: trial for trial in [*chosen, *best]}
    room = max(0, MOST_HIGHLIGHTED - len(first))
    running = data.store.running_trials(data.study.id, room) if room else ()
    return list((first | {trial.id: trial for trial in running}).values())[:MOST_HIGHLIGHTED]


def _rulers(data: StudyData, shown: Sequence[TrialView], look: CurveLook) -> Mapping[str, Ruler]:
    """Return what the steps of these trials are measured by; nothing needs to be known of them to count them."""
    if look.axis == "step":
        return {}
    epochs = data.curves(EPOCH, shown) if look.axis == "epoch" else {}
    return {trial.id: _ruler(data, trial, look.axis, epochs.get(trial.id)) for trial in shown}


def _ruler(data: StudyData, trial: TrialView, axis: Axis, epochs: Curve | None) -> Ruler:
    attempts = data.store.get_trial(trial.id).attempts if axis == "time" else ()
    return replace(ruler(trial, attempts, data.study.spec, time.time()), epochs=epochs)


_FIGURES = {**STAGE_FIGURES, **PARAMETER_FIGURES, "live": _live}


@router.get("/studies/{study_id}/figures/{name}.json", name="study_figure")
def study_figure(
    store: StoreDep, study_id: StudyId, name: str, palette: PaletteDep, look: LookDep, *, still: StillDep
) -> Response:
    """Answer with a `Drawing` as JSON."""
    return as_json(study_drawing(read_study(store, study_id), name, palette, look), store, still)


@router.get("/studies/{study_id}/figures/{name}.csv", name="study_figure_csv")
def study_figure_csv(store: StoreDep, study_id: StudyId, name: str, look: LookDep) -> Response:
    """Answer with what the figure is drawn from, in full precision."""
    data = read_study(store, study_id)
    drawing = study_drawing(data, name, palette_of("light"), replace(look, points=EVERY_POINT))
    return as_csv(drawing, store, f"{data.study.name}-{name}")


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
def trial_figure(store: StoreDep, trial_id: TrialId, palette: PaletteDep, look: LookDep, still: StillDep) -> Response:
    return as_json(_trial_curve(store, trial_id, palette, look), store, still)


@router.get("/trials/{trial_id}/figures/curve.csv", name="trial_figure_csv")
def trial_figure_csv(store: StoreDep, trial_id: TrialId, look: LookDep) -> Response:
    drawing = _trial_curve(store, trial_id, palette_of("light"), replace(look, points=EVERY_POINT))
    return as_csv(drawing, store, f"{trial_id}-{look.metric}")


def _trial_curve(store: StudyStore, trial_id: str, palette: Palette, look: CurveLook) -> Drawing:
    trial = store.get_trial(trial_id)
    curve, by = store.curve(trial_id, look.metric), NOTHING_KNOWN
    if look.axis != "step":
        epochs = store.curve(trial_id, EPOCH) if look.axis == "epoch" else None
        spec = store.get_study(trial.study_id).spec
        by = replace(ruler(trial, trial.attempts, spec, time.time()), epochs=epochs)
    return trial_curve_drawing(trial_curve_data(trial, curve, look, by), palette)
