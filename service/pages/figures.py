"""Figures as JSON: the drawing of a study's or a trial's data as it stands now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from service.conclusions import evidence_number
from service.dependencies import StoreDep, StudyId, TrialId
from service.figures.axes import EPOCH, Axis, Ruler, ruler
from service.figures.batch_momentum import batch_momentum_data, batch_momentum_drawing
from service.figures.decay import decay_data, decay_drawing
from service.figures.drawing import Drawing
from service.figures.drawn import EVERY_POINT, NOTHING_KNOWN, CurveLook
from service.figures.evidence import chosen_trial, weighed_trials
from service.figures.guided import PointData, point_data, probes_drawing, records, rungs_drawing, search_drawing
from service.figures.live import BEST_SHOWN, FEW, MOST_HIGHLIGHTED, live_data, live_drawing
from service.figures.lr_sweep import SweepData, lr_curves_drawing, lr_loss_drawing, lr_sweep_data
from service.figures.palette import Palette, Theme, palette_of
from service.figures.trial import trial_curve_data, trial_curve_drawing
from service.pages.drawings import as_csv, as_json
from service.selection import Numbers, Selection
from studies.contract.decision import Decision
from studies.contract.study_file import Metric, StageKind
from studies.contract.views import StudyView, TrialView
from studies.contract.worker_protocol import MetricName
from studies.core.snapshot import LOSS, Curve
from studies.errors import NotFound
from studies.storage.port import StudyStore

router = APIRouter()

MOST_BEHIND = 300
"""Most trials behind those that are told apart: more lines only make the grey denser."""

MOST_POINTS = 500
"""Most trials of a figure of points, the best of their time aside."""

MOST_TRIALS = 1_000
"""Most trials of the figures of stages that are small: a sweep, a grid, a set of schedules."""


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


@dataclass(frozen=True)
class StudyData:
    """A study, and a way to the trials and curves that a figure shows: never all of them."""

    store: StudyStore
    study: StudyView

    @property
    def metric(self) -> Metric:
        return self.study.spec.metric

    def decision(self, kind: StageKind) -> Decision | None:
        return next((stage.decision for stage in self.study.stages if stage.kind == kind), None)

    def asked(self, kind: StageKind) -> int:
        """Return how many trials a stage has asked for."""
        return next((stage.trials for stage in self.study.stages if stage.kind == kind), 0)

    def of(self, kind: StageKind) -> list[TrialView]:
        """Return a stage's trials (at most `MOST_TRIALS`) and those of other stages that its decision is about."""
        decision = self.decision(kind)
        concerned = [trial_id for trial_id in (chosen_trial(decision), *weighed_trials(decision)) if trial_id]
        return self._with(self.store.sample_trials(self.study.id, kind, MOST_TRIALS), concerned)

    def start_of(self, kind: StageKind) -> list[TrialView]:
        """Return the trial that the stage before `kind` chose, which its own are compared with."""
        kinds = [stage.kind for stage in self.study.stages]
        earlier = [self.decision(before) for before in kinds[: kinds.index(kind)]]
        chosen = chosen_trial(next((found for found in reversed(earlier) if found), None))
        return self._with((), [chosen] if chosen else [])

    def score_before(self, kind: StageKind) -> float | None:
        """Return the score of what the stage before `kind` chose, None before the first decision."""
        kinds = [stage.kind for stage in self.study.stages]
        earlier = [decision for before in kinds[: kinds.index(kind)] if (decision := self.decision(before))]
        return evidence_number(earlier[-1], "dev_after") if earlier else None

    def points(self, kind: StageKind) -> list[TrialView]:
        """Return a stage's trials for a figure of points: an even choice, with every one that was the best of its time.

        Those make the line of the best so far, which thereby is the line of all.
        """
        own = self.store.sample_trials(self.study.id, kind, MOST_POINTS)
        if self.asked(kind) <= MOST_POINTS:
            return list(own)
        numbers = records(self.store.scores(self.study.id, kind), self.metric)
        leaders = self.store.trials_numbered(self.study.id, numbers)
        chosen = chosen_trial(self.decision(kind))
        return [trial for trial in self._with([*own, *leaders], [chosen] if chosen else []) if trial.stage == kind]

    def curves(self, name: str, trials: Iterable[TrialView]) -> Mapping[str, Curve]:
        return self.store.curves(self.study.id, name, [trial.id for trial in trials])

    def _with(self, trials: Iterable[TrialView], others: Iterable[str]) -> list[TrialView]:
        """Return `trials`, and those of `others` that are not among them, each once."""
        known = {trial.id: trial for trial in trials}
        lacking = self.store.trial_numbers([trial_id for trial_id in others if trial_id not in known])
        found = self.store.trials_numbered(self.study.id, list(lacking.values()))
        return list((known | {trial.id: trial for trial in found}).values())


def read_study(store: StudyStore, study_id: str) -> StudyData:
    return StudyData(store, store.get_study(study_id))


def _sweep(data: StudyData) -> SweepData:
    trials = data.of("lr_sweep")
    return lr_sweep_data(trials, data.curves(LOSS, trials), data.decision("lr_sweep"))


def _lr_curves(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return lr_curves_drawing(_sweep(data), palette)


def _lr_loss(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return lr_loss_drawing(_sweep(data), palette)


def _batch_momentum(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    decision = data.decision("batch_momentum")
    return batch_momentum_drawing(batch_momentum_data(data.of("batch_momentum"), data.metric, decision), palette)


def _decay(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    trials = {trial.id: trial for trial in [*data.start_of("decay_schedule"), *data.of("decay_schedule")]}
    curves = data.curves(data.metric.name, trials.values())
    decision = data.decision("decay_schedule")
    return decay_drawing(decay_data(list(trials.values()), curves, data.metric, decision), palette)


def _points(data: StudyData, kind: StageKind) -> PointData:
    """Return a stage's own trials as points, and the score that it began with."""
    decision = data.decision(kind)
    before = evidence_number(decision, "dev_before") if decision else data.score_before(kind)
    asked = data.asked(kind)
    return point_data(data.points(kind), data.metric, decision, before, asked if asked > MOST_POINTS else None)


def _rungs(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return rungs_drawing(_points(data, "lr_halving"), palette)


def _decay_probes(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return probes_drawing(_points(data, "decay_probes"), palette)


def _parameter_probes(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return probes_drawing(_points(data, "parameter_probes"), palette)


def _joint_search(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return search_drawing(_points(data, "joint_search"), palette)


def _confirm(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return probes_drawing(_points(data, "confirm"), palette)


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


_FIGURES = {
    "lr-curves": _lr_curves,
    "lr-loss": _lr_loss,
    "batch-momentum": _batch_momentum,
    "decay": _decay,
    "rungs": _rungs,
    "decay-probes": _decay_probes,
    "parameter-probes": _parameter_probes,
    "joint-search": _joint_search,
    "confirm": _confirm,
    "live": _live,
}


StudyFigure = Callable[[StudyData, Palette, CurveLook], Drawing]


def _named(name: str) -> StudyFigure:
    draw = _FIGURES.get(name)
    if draw is None:
        raise NotFound(f"There is no figure of this name: take one of {', '.join(_FIGURES)}.")
    return draw


@router.get("/studies/{study_id}/figures/{name}.json", name="study_figure")
def study_figure(store: StoreDep, study_id: StudyId, name: str, palette: PaletteDep, look: LookDep) -> Response:
    """Answer with a `Drawing` as JSON."""
    return as_json(_named(name)(read_study(store, study_id), palette, look), store)


@router.get("/studies/{study_id}/figures/{name}.csv", name="study_figure_csv")
def study_figure_csv(store: StoreDep, study_id: StudyId, name: str, look: LookDep) -> Response:
    """Answer with what the figure is drawn from, in full precision."""
    data = read_study(store, study_id)
    drawing = _named(name)(data, palette_of("light"), replace(look, points=EVERY_POINT))
    return as_csv(drawing, store, f"{data.study.name}-{name}")


@router.get("/trials/{trial_id}/figures/curve.json", name="trial_figure")
def trial_figure(store: StoreDep, trial_id: TrialId, palette: PaletteDep, look: LookDep) -> Response:
    return as_json(_trial_curve(store, trial_id, palette, look), store)


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
