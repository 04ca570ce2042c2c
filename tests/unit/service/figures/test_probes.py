"""What each probe did against the run that it varies."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from service.figures.drawing import to_json
from service.figures.palette import DARK, LIGHT
from service.figures.probes import MOST_ROWS, ProbeData, parameter_probes_drawing, probe_data
from service.figures.rows import figure_rows
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from tests.unit.service.figures.samples import HOSTILE, curve, scored, trial

STEADY = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
PARENT = scored(0, 0.9, params={"lr": 0.1, "batch_size": 64, "dropout": 0.0})


def probe(number: int, key: str, state: TrialState = TrialState.COMPLETED, **params) -> TrialView:
    fields = {"params": {**PARENT.params, **params}, "parent_id": "tr_0"}
    return scored(number, 0.9, state=state, **fields).model_copy(update={"key": key})


def probes(metric: Metric | None = None, **curves) -> ProbeData:
    trials = [
        probe(1, "batch_size/up", batch_size=128),
        probe(2, "batch_size/down", batch_size=32),
        probe(3, "dropout/up", dropout=0.1),
    ]
    values = {"tr_0": STEADY, "tr_1": [v + 0.05 for v in STEADY], "tr_2": [v - 0.05 for v in STEADY], "tr_3": STEADY}
    dev = {name: curve(*points) for name, points in {**values, **curves}.items()}
    return probe_data(trials, {"tr_0": PARENT}, dev, metric or Metric())


def test_a_probe_is_a_change_of_one_value_and_of_the_metric() -> None:
    up, down, dropout = probes().rows
    assert (up.name, up.before, up.after, up.effect) == ("batch_size", "64", "128", pytest.approx(0.05))
    assert [up.side, down.side, dropout.side] == ["better", "worse", "within noise"]
    assert up.step is None


def test_when_minimising_less_is_better() -> None:
    assert [row.side for row in probes(Metric(direction="minimize")).rows] == ["worse", "better", "within noise"]


def test_noise_is_two_standard_errors_of_the_difference_and_may_be_unknown() -> None:
    ragged = probes(tr_1=(0.5, 0.9, 0.7, 0.95, 0.8, 0.96)).rows[0]
    assert ragged.noise > abs(ragged.effect) > 0
    assert ragged.side == "within noise"
    assert probes(tr_1=(0.5, 0.6)).rows[0].noise is None


def test_a_stopped_probe_is_compared_where_it_stopped() -> None:
    stopped = probe(1, "dropout/up", TrialState.PRUNED, dropout=0.1)
    summary = stopped.metrics["dev_accuracy"].model_copy(update={"last_step": 2})
    stopped = stopped.model_copy(update={"metrics": {"dev_accuracy": summary}})
    dev = {"tr_0": curve(*STEADY), "tr_1": curve(0.3, 0.35)}
    (row,) = probe_data([stopped], {"tr_0": PARENT}, dev, Metric()).rows
    assert (row.step, row.effect) == (2, pytest.approx(0.35 - 0.5))


@pytest.mark.parametrize(
    "odd",
    [
        trial(1),
        probe(1, "batch_size/up", TrialState.DIVERGED, batch_size=128),
        probe(1, "unknown/up"),
        probe(1, "batch_size/up").model_copy(update={"parent_id": "tr_gone"}),
    ],
)
def test_what_cannot_be_compared_is_left_out(odd: TrialView) -> None:
    data = probe_data([odd], {"tr_0": PARENT}, {"tr_0": curve(*STEADY), "tr_1": curve(*STEADY)}, Metric())
    assert data.rows == ()
    assert parameter_probes_drawing(data, LIGHT).figure is None


def test_of_many_probes_the_strongest_are_shown() -> None:
    trials = [probe(n, "batch_size/up", batch_size=n) for n in range(1, 60)]
    dev = {"tr_0": curve(*STEADY)} | {f"tr_{n}": curve(*[v + n / 1000 for v in STEADY]) for n in range(1, 60)}
    data = probe_data(trials, {"tr_0": PARENT}, dev, Metric())
    assert [row.trial.number for row in data.rows] == list(range(30, 60))
    assert parameter_probes_drawing(data, LIGHT).sentence.startswith(f"{MOST_ROWS} of 59 probes: batch size 64 → 59")


def test_the_sentence_names_what_helps() -> None:
    said = parameter_probes_drawing(probes(), LIGHT).sentence
    assert said.startswith("3 probes: batch size 64 → 128 helps most, by 0.05;")
    none = parameter_probes_drawing(probes(tr_1=STEADY), LIGHT).sentence
    assert none.startswith("3 probes: none does better beyond the noise;")


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_plotly_accepts_every_property_and_sees_no_markup(palette) -> None:
    hostile = probe(1, "activation/x", activation=HOSTILE)
    dev = {"tr_0": curve(*STEADY), "tr_1": curve(*STEADY)}
    drawing = parameter_probes_drawing(probe_data([hostile], {"tr_0": PARENT}, dev, Metric()), palette)
    go.Figure(drawing.figure)
    to_json(drawing)
    assert "<a" not in str(drawing.figure)
    assert len(drawing.table.rows[0]) == len(drawing.table.columns)


def test_a_spreadsheet_gets_the_effects_in_full() -> None:
    header, first, *_ = figure_rows(parameter_probes_drawing(probes(), LIGHT), {})
    assert header[:5] == ("trial", "hyperparameter", "before", "after", "change of dev_accuracy")
    assert first[:4] == (1, "batch_size", "64", "128")
    assert first[4] == probes().rows[0].effect
