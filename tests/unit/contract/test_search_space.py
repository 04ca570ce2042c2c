"""The study file of a guided search: strategies, stages and ranges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studies.contract.study_document import parse_json, parse_yaml, to_yaml
from studies.contract.study_file import STAGE_ORDERS, default_stages
from studies.errors import InvalidStudy

ORDER = "lr_halving, decay_probes, parameter_probes, search, joint_search, confirm"


def document(**fields: Any) -> dict[str, Any]:
    return {"name": "digits", "objective": {"kind": "function", "target": "train.py:train"}, **fields}


def faults_of(**fields: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidStudy) as refused:
        parse_json(json.dumps(document(**fields)))
    return refused.value.faults


@pytest.mark.parametrize(
    ("fields", "strategy"),
    [
        pytest.param({}, "guided_search", id="nothing said"),
        pytest.param({"strategy": "guide"}, "guide", id="the guide by name"),
        pytest.param({"stages": [{"kind": "decay_schedule"}]}, "guide", id="the guide by its stages"),
        pytest.param({"stages": [{"kind": "joint_search"}]}, "guided_search", id="the search by its stages"),
    ],
)
def test_the_strategy_is_the_one_named_or_that_of_the_stages(fields: dict[str, Any], strategy: str) -> None:
    spec = parse_json(json.dumps(document(**fields)))
    assert spec.strategy == strategy
    assert {stage.kind for stage in spec.stages} <= set(STAGE_ORDERS[spec.strategy])


def test_stages_left_out_are_all_of_the_strategy() -> None:
    for strategy in STAGE_ORDERS:
        assert parse_json(json.dumps(document(strategy=strategy))).stages == default_stages(strategy)


FLOAT = {"kind": "float", "low": 0.0, "high": 1.0}

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "mixed stages": (
        {"stages": [{"kind": "lr_sweep"}, {"kind": "joint_search"}]},
        "stages: joint_search is a stage of strategy: guided_search, those of strategy: guide are lr_sweep, "
        "batch_momentum, decay_schedule",
    ),
    "stages of the other strategy": (
        {"strategy": "guided_search", "stages": [{"kind": "lr_sweep"}]},
        f"stages: lr_sweep is a stage of strategy: guide, those of strategy: guided_search are {ORDER}",
    ),
    "out of order": (
        {"stages": [{"kind": "confirm"}, {"kind": "joint_search"}]},
        f"stages: must keep the order of strategy: guided_search: {ORDER}",
    ),
    "range upside down": ({"space": {"a": {**FLOAT, "high": -1.0}}}, "space.a.high: must be more than low (0)"),
    "whole numbers upside down": (
        {"space": {"a": {"kind": "int", "low": 3, "high": 3}}},
        "space.a.high: must be more than low (3)",
    ),
    "log of zero": (
        {"space": {"a": {**FLOAT, "log": True}}},
        "space.a.high: a log scale needs a range above zero, and low is 0",
    ),
    "default outside": (
        {"space": {"a": {**FLOAT, "default": 2.0}}},
        "space.a.default: must lie between low (0) and high (1)",
    ),
    "whole default outside": (
        {"space": {"a": {"kind": "int", "low": 1, "high": 5, "default": 9}}},
        "space.a.default: must lie between low (1) and high (5)",
    ),
    "default not listed": (
        {"space": {"a": {"kind": "choice", "values": ["relu"], "default": "gelu"}}},
        "space.a.default: must be one of the values: relu",
    ),
    "value twice": ({"space": {"a": {"kind": "choice", "values": [1, 1]}}}, "space.a.values: must not repeat a value"),
    "default of a standard one": (
        {"space": {"lr": {**FLOAT, "low": 0.1, "default": 0.5}}},
        "space: the starting value of lr stands in defaults.lr, leave out its default here",
    ),
    "a name that is none": (
        {"space": {"drop out": FLOAT}},
        "space: names of hyperparameters must be 1 to 64 letters, digits or '_', not starting with a digit",
    ),
    "condition on nobody": (
        {"space": {"a": {**FLOAT, "when": {"b": 1}}}},
        "space.a.when.b: a condition needs a hyperparameter of kind choice in this space: there is none yet",
    ),
    "condition on a range": (
        {"space": {"a": {**FLOAT, "when": {"lr": 0.1}}, "c": {"kind": "choice", "values": [1, 2]}}},
        "space.a.when.lr: a condition needs a hyperparameter of kind choice in this space: c",
    ),
    "condition on no value": (
        {"space": {"a": {**FLOAT, "when": {"c": [1, True]}}, "c": {"kind": "choice", "values": [1, 2]}}},
        "space.a.when.c: must name values of c: 1, 2, not True",
    ),
    "condition of what every run has": (
        {"space": {"lr": {**FLOAT, "low": 0.1, "when": {"c": 1}}, "c": {"kind": "choice", "values": [1, 2]}}},
        "space.lr.when.c: every run has lr, so it depends on no other: leave out its condition",
    ),
    "conditions in a circle": (
        {
            "space": {
                "a": {"kind": "choice", "values": [1, 2], "when": {"b": 1}},
                "b": {"kind": "choice", "values": [1, 2], "when": {"c": 1}},
                "c": {"kind": "choice", "values": [1, 2], "when": {"a": 1}},
            }
        },
        "space.a.when.b: a and b depend on each other: a condition must not lead back to where it began",
    ),
}


@pytest.mark.parametrize(("fields", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_by_its_path(fields: dict[str, Any], fault: str) -> None:
    assert faults_of(**fields) == (fault,)


def test_a_space_survives_the_way_to_yaml_and_back() -> None:
    ranges = {
        "lr": {"kind": "float", "low": 1e-4, "high": 0.1},
        "layers": {"kind": "int", "low": 1, "high": 5},
        "activation": {"kind": "choice", "values": ["relu", True, 2]},
    }
    spec = parse_json(json.dumps(document(space=ranges)))
    assert parse_yaml(to_yaml(spec)) == spec
