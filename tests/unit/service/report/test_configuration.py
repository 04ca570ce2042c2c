"""The best configuration as data: read back by a script, and by the next study."""

from __future__ import annotations

import json
import math

import pytest
import yaml

from service.conclusions import Chosen
from service.report.configuration import as_json, as_yaml, next_study
from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.study_document import parse_yaml
from studies.contract.study_file import StudySpec, default_stages
from studies.contract.views import BestTrial
from tests.builders import spec
from tests.unit.service.cli.test_report import BEST, CHOSEN, SWEPT, study


@pytest.mark.parametrize(("write", "read"), [(as_yaml, yaml.safe_load), (as_json, json.loads)])
def test_the_choice_reads_back_beside_the_best_run(write, read) -> None:
    document = read(write(study(SWEPT, best=BEST)))
    assert (document["trial"], document["params"], document["num_steps"]) == ("tr_1", CHOSEN, 450)
    assert document["optimizer"] == "sgd"
    assert Schedule.model_validate(document["schedule"]) == Schedule()
    assert (document["metrics"], document["seeds"]) == ({"dev_accuracy": 0.95}, 3)
    assert document["best_run"] == {"trial": "tr_9", "params": BEST.params, "metrics": BEST.metrics}


def test_before_a_decision_the_best_run_stands_alone() -> None:
    document = yaml.safe_load(as_yaml(study(best=BEST)))
    assert (document["trial"], document["params"]) == ("tr_9", BEST.params)
    assert yaml.safe_load(as_yaml(study())) == {"study": "digits-cnn"}


def test_json_has_null_for_what_is_not_finite() -> None:
    best = BestTrial(trial_id="tr_9", params={}, metrics={"dev_accuracy": 0.9, "loss": math.nan, "other": math.inf})
    document = json.loads(as_json(study(best=best)), parse_constant=pytest.fail)
    assert document["metrics"] == {"dev_accuracy": 0.9, "loss": None, "other": None}


def chosen(params: Params) -> Chosen:
    return Chosen("tr_1", params, 450, Schedule(), 0.95, 3)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(spec(), id="the guide"),
        pytest.param(spec(precision="bfloat16", optimizer="adamw", budget={"steps": 10, "trials": 3}), id="small"),
        pytest.param(spec("n" * 100), id="a long name"),
    ],
)
def test_the_next_study_is_one_that_begins_with_the_choice(before: StudySpec) -> None:
    params: Params = {"lr": 0.03, "batch_size": 32, "momentum": 0.95, "weight_decay": 1e-4}
    found = parse_yaml(next_study(before, chosen(params)))
    assert found.defaults.model_dump() == params
    assert (found.strategy, found.stages) == ("guided_search", default_stages())
    kept = ("objective", "metric", "optimizer", "precision", "budget", "seed", "evaluate_every")
    assert [getattr(found, name) for name in kept] == [getattr(before, name) for name in kept]
    assert found.name.endswith("-next")


def test_ranges_of_the_next_study_begin_with_the_choice_too() -> None:
    space = {
        "lr": {"kind": "float", "low": 1e-4, "high": 1},
        "width": {"kind": "int", "low": 4, "high": 64},
        "form": {"kind": "choice", "values": ["plain", "residual"]},
        "unused": {"kind": "float", "low": 0, "high": 1, "default": 0.5},
    }
    before = spec(strategy="guided_search", space=space)
    found = parse_yaml(next_study(before, chosen({"lr": 0.03, "width": 16, "form": "residual"})))
    assert {name: part.default for name, part in found.space.items()} == {
        "lr": None,
        "width": 16,
        "form": "residual",
        "unused": 0.5,
    }
    assert (found.defaults.lr, found.defaults.momentum) == (0.03, 0.9)
