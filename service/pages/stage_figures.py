"""The figures of the stages' cards by name: each reads what it shows, and draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from service.conclusions import evidence_number
from service.figures.batch_momentum import HeatData, batch_momentum_data
from service.figures.decay import decay_data, decay_drawing
from service.figures.drawing import Drawing
from service.figures.drawn import CurveLook
from service.figures.evidence import chosen_trial
from service.figures.finalists import finalist_data, finalists_drawing
from service.figures.halving import RungData, rung_curves_drawing, rung_data, rungs_drawing
from service.figures.heat_map import batch_momentum_drawing, time_to_target_drawing
from service.figures.lr_curves import lr_curves_drawing
from service.figures.lr_loss import lr_loss_drawing
from service.figures.lr_sweep import SweepData, lr_sweep_data
from service.figures.palette import Palette
from service.figures.points import PointData, point_data
from service.figures.predicted import predicted_data, predicted_drawing
from service.figures.probes import parameter_probes_drawing, probe_data
from service.figures.search import search_drawing
from service.figures.stops import stop_data, stops_drawing
from service.pages import study_data
from service.pages.study_data import StudyData
from studies.contract.study_file import StageKind
from studies.core.search.lengths import full_length, rungs
from studies.core.search.space import starting_params
from studies.core.snapshot import LOSS

Draw = Callable[[StudyData, Palette, CurveLook], Drawing]


def _sweep(data: StudyData) -> SweepData:
    trials = data.of("lr_sweep")
    return lr_sweep_data(trials, data.curves(LOSS, trials), data.decision("lr_sweep"))


def _lr_curves(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return lr_curves_drawing(_sweep(data), palette)


def _lr_loss(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return lr_loss_drawing(_sweep(data), palette)


def _pairs(data: StudyData) -> HeatData:
    trials = data.of("batch_momentum")
    dev = data.curves(data.metric.name, trials)
    before = data.score_before("batch_momentum")
    return batch_momentum_data(trials, data.metric, data.decision("batch_momentum"), dev, before)


def _batch_momentum(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return batch_momentum_drawing(_pairs(data), palette)


def _time_to_target(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return time_to_target_drawing(_pairs(data), palette)


def _schedules(kind: StageKind) -> Draw:
    def draw(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
        trials = {trial.id: trial for trial in [*data.start_of(kind), *data.of(kind)]}
        curves = data.curves(data.metric.name, trials.values())
        return decay_drawing(decay_data(list(trials.values()), curves, data.metric, data.decision(kind)), palette)

    return draw


def _climbs(data: StudyData) -> RungData:
    spec, asked = data.study.spec, data.asked("lr_halving")
    trials = data.points("lr_halving")
    return rung_data(
        trials,
        data.curves(data.metric.name, trials),
        data.metric,
        data.decision("lr_halving"),
        rungs=rungs(spec, full_length(spec, starting_params(spec))),
        asked=asked if asked > len(trials) else None,
    )


def _rung_curves(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return rung_curves_drawing(_climbs(data), palette)


def _rungs(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    return rungs_drawing(_climbs(data), palette)


def _parameter_probes(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    trials = data.points("parameter_probes")
    parents = {trial.id: trial for trial in data.known({trial.parent_id for trial in trials if trial.parent_id})}
    curves = data.curves(data.metric.name, [*trials, *parents.values()])
    return parameter_probes_drawing(probe_data(trials, parents, curves, data.metric), palette)


def _points(data: StudyData, kind: StageKind) -> PointData:
    decision, asked = data.decision(kind), data.asked(kind)
    before = evidence_number(decision, "dev_before") if decision else data.score_before(kind)
    sampled = asked if asked > study_data.MOST_POINTS else None
    return point_data(data.points(kind), data.metric, decision, before, sampled)


def _searched(kind: StageKind) -> Draw:
    return lambda data, palette, _look: search_drawing(_points(data, kind), palette)


def _stops(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    found = _points(data, "search")
    return stops_drawing(stop_data(found, data.curves(data.metric.name, [row.trial for row in found.rows])), palette)


def _predicted(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    kinds = [stage.kind for stage in data.study.stages if stage.trials_ended and stage.kind != "confirm"]
    trials = [trial for kind in kinds for trial in data.points(kind)]
    chosen = chosen_trial(data.decision("joint_search"))
    return predicted_drawing(predicted_data(trials, data.study.spec, chosen), palette)


def _confirm(data: StudyData, palette: Palette, _look: CurveLook) -> Drawing:
    trials = {trial.id: trial for trial in [*data.carried_to("confirm"), *data.of("confirm")]}
    curves = data.curves(data.metric.name, trials.values())
    return finalists_drawing(
        finalist_data(list(trials.values()), curves, data.metric, data.decision("confirm")), palette
    )


STAGE_FIGURES: Final[Mapping[str, Draw]] = {
    "lr-curves": _lr_curves,
    "lr-loss": _lr_loss,
    "batch-momentum": _batch_momentum,
    "time-to-target": _time_to_target,
    "decay": _schedules("decay_schedule"),
    "rung-curves": _rung_curves,
    "rungs": _rungs,
    "decay-probes": _schedules("decay_probes"),
    "parameter-probes": _parameter_probes,
    "search": _searched("search"),
    "stops": _stops,
    "joint-search": _searched("joint_search"),
    "predicted": _predicted,
    "confirm": _confirm,
}
