"""Stage 1: loss curves, and final loss against learning rate."""

from __future__ import annotations

import math

import plotly.graph_objects as go
import pytest

from service.figures.drawing import to_json
from service.figures.lr_curves import lr_curves_drawing
from service.figures.lr_loss import lr_loss_drawing
from service.figures.lr_sweep import SweepData, lr_sweep_data
from service.figures.palette import DARK, LIGHT, Palette
from studies.contract.decision import Candidate
from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.core.snapshot import Curve
from tests.builders import decision
from tests.unit.service.figures.samples import curve, falling, trial

EXPLODING = curve(*[2.3 * 2.0**step for step in range(60)], math.nan)


def sweep(*, decided: bool = True, exploding: bool = True) -> SweepData:
    rates = [0.001, 0.01, 0.1] + [1.0] * exploding
    states = [TrialState.COMPLETED] * 3 + [TrialState.DIVERGED]
    trials = [
        trial(i, state, params={"lr": lr, "batch_size": 64})
        for i, (lr, state) in enumerate(zip(rates, states, strict=False))
    ]
    losses = {"tr_0": falling(0.9), "tr_1": falling(0.05), "tr_2": falling(0.2), "tr_3": EXPLODING}
    return lr_sweep_data(trials, losses, _decision() if decided else None)


def _decision(**evidence: float):
    def candidate(number: int) -> Candidate:
        return Candidate(trial_id=f"tr_{number}", params={}, schedule=Schedule(), num_steps=60)

    return decision(
        choice={"lr": 0.01, "num_steps": 90},
        evidence={"convergence_step": 60, **evidence},
        candidates=(candidate(1), candidate(2)),
        runners_up=(candidate(2),),
    )


def test_each_trial_plays_its_part() -> None:
    assert [row.role for row in sweep().rows] == ["other", "chosen", "weighed", "diverged"]


def test_before_the_decision_nothing_is_chosen() -> None:
    data = sweep(decided=False)
    assert data.chosen is None
    assert data.converged is None


def test_the_steps_of_the_decision_are_marked() -> None:
    figure = lr_curves_drawing(sweep(), LIGHT).figure
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [60, 90]
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["loss flat at 60", "1.5\u00d7 is 90"]


def test_the_steps_stand_as_dots_on_the_winners_own_curve() -> None:
    data = sweep()
    *_, dots = lr_curves_drawing(data, LIGHT).figure["data"]
    assert dots["x"] == [60, 90]
    assert dots["y"] == [data.chosen.smooth.values[59], data.chosen.smooth.values[89]]


@pytest.mark.parametrize(("plateau", "marks"), [(80, [60, 80, 90]), (40, [60, 90])])
def test_the_plateau_of_the_dev_metric_is_marked_where_it_decided(plateau: float, marks: list[float]) -> None:
    data = lr_sweep_data([trial(0)], {"tr_0": falling(0.9)}, _decision(dev_plateau_step=plateau))
    assert [shape["x0"] for shape in lr_curves_drawing(data, LIGHT).figure["layout"]["shapes"]] == marks


def test_a_diverging_curve_does_not_stretch_the_axis() -> None:
    low, high = lr_curves_drawing(sweep(), LIGHT).figure["layout"]["yaxis"]["range"]
    assert 10**high < 5
    assert 10**low < 0.06


def test_a_loss_below_zero_gets_a_linear_axis() -> None:
    data = lr_sweep_data([trial(0)], {"tr_0": curve(1.0, -1.0, -2.0)}, None)
    assert lr_curves_drawing(data, LIGHT).figure["layout"]["yaxis"]["type"] == "linear"


def test_the_chosen_curve_alone_has_the_winners_colour() -> None:
    traces = lr_curves_drawing(sweep(), LIGHT).figure["data"]
    coloured = [trace for trace in traces if trace.get("line", {}).get("color") == LIGHT.winner]
    assert {trace["legendgroup"] for trace in coloured} == {"chosen"}
    assert sum(trace["name"] == "chosen, lr 0.01" for trace in traces if "name" in trace) == 1


def test_final_losses_stand_at_their_rates() -> None:
    _, points, diverged = lr_loss_drawing(sweep(), LIGHT).figure["data"]
    assert points["x"] == [0.001, 0.01, 0.1]
    assert points["y"] == pytest.approx([0.9, 0.05, 0.2], abs=0.02)
    assert points["customdata"] == ["tr_0", "tr_1", "tr_2"]
    assert diverged["x"] == [1.0]


def test_the_line_goes_through_the_means_of_a_rates_seeds() -> None:
    trials = [trial(n, params={"lr": lr}, seed=n) for n, lr in enumerate([0.1, 0.1, 0.2])]
    losses = {"tr_0": falling(0.1), "tr_1": falling(0.3), "tr_2": falling(0.5)}
    means, points = lr_loss_drawing(lr_sweep_data(trials, losses, None), LIGHT).figure["data"]
    assert means["x"] == [0.1, 0.2]
    assert means["y"][0] == pytest.approx((points["y"][0] + points["y"][1]) / 2)


def test_the_diverged_region_is_shaded_where_it_is_one() -> None:
    (region,) = lr_loss_drawing(sweep(), LIGHT).figure["layout"]["shapes"]
    assert 0.1 < region["x0"] < 1.0 < region["x1"]
    assert "rates from 1 up diverged" in lr_loss_drawing(sweep(), LIGHT).sentence


def test_a_diverged_rate_between_sound_ones_is_named_instead() -> None:
    trials = [
        trial(0, TrialState.DIVERGED, params={"lr": 0.01}),
        trial(1, params={"lr": 0.1}),
    ]
    drawing = lr_loss_drawing(lr_sweep_data(trials, {"tr_0": EXPLODING, "tr_1": falling(0.1)}, None), LIGHT)
    assert drawing.figure["layout"]["shapes"] == []
    assert "diverged: 0.01" in drawing.sentence


def test_when_all_diverged_it_says_so() -> None:
    data = lr_sweep_data([trial(0, TrialState.DIVERGED)], {"tr_0": EXPLODING}, None)
    assert lr_loss_drawing(data, LIGHT).sentence == "Every learning rate tried so far diverged, the smallest at 0.1."
    assert lr_curves_drawing(data, LIGHT).figure is not None


@pytest.mark.parametrize("losses", [{}, {"tr_0": Curve.empty()}, {"tr_0": curve(math.nan, math.nan)}])
def test_without_a_loss_there_is_a_sentence_and_no_figure(losses: dict[str, Curve]) -> None:
    data = lr_sweep_data([trial(0)], losses, None)
    for drawing in (lr_curves_drawing(data, LIGHT), lr_loss_drawing(data, LIGHT)):
        assert drawing.figure is None
        assert drawing.sentence


def test_the_table_tells_what_the_figure_shows() -> None:
    table = lr_curves_drawing(sweep(), LIGHT).table
    assert [row[1] for row in table.rows] == ["0.001", "0.01", "0.1", "1"]
    assert all(len(row) == len(table.columns) for row in table.rows)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("decided", [True, False])
@pytest.mark.parametrize("exploding", [True, False])
def test_plotly_accepts_every_property(palette: Palette, decided: bool, exploding: bool) -> None:
    data = sweep(decided=decided, exploding=exploding)
    for drawing in (lr_curves_drawing(data, palette), lr_loss_drawing(data, palette)):
        go.Figure(drawing.figure)
        to_json(drawing)
