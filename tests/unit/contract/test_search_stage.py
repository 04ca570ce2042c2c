"""The stage `search` of a study file: its defaults, and every fault by its path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studies.contract.pruners import HyperbandPruner, MedianPruner, PatiencePruner, ThresholdPruner
from studies.contract.study_document import parse_json, parse_yaml, to_yaml
from studies.contract.study_file import SamplerSearch
from studies.errors import InvalidStudy

LISTS = {"lr": {"kind": "choice", "values": [0.1, 0.01]}, "momentum": {"kind": "choice", "values": [0.0, 0.9]}}


def document(stage: dict[str, Any], **fields: Any) -> str:
    study = {"name": "digits", "objective": {"kind": "function", "target": "train.py:train"}}
    return json.dumps({**study, "stages": [{"kind": "search", **stage}], **fields})


def searched(**stage: Any) -> SamplerSearch:
    (found,) = parse_json(document(stage)).stages
    assert isinstance(found, SamplerSearch)
    return found


def test_a_search_needs_nothing_but_its_kind() -> None:
    found = searched()
    assert (found.sampler, found.trials, found.seeds, found.parameters, found.pruner) == ("tpe", None, 1, None, None)
    assert parse_json(document({})).strategy == "guided_search"


def test_pruners_have_defaults_and_survive_being_written_out() -> None:
    assert searched(pruner={"kind": "median"}).pruner == MedianPruner(kind="median", startup_trials=5)
    assert searched(pruner={"kind": "hyperband"}).pruner == HyperbandPruner(kind="hyperband", reduction_factor=3)
    assert searched(pruner={"kind": "patience"}).pruner == PatiencePruner(kind="patience", patience=10, min_delta=0.0)
    found = parse_json(document({"pruner": {"kind": "threshold", "upper": 2.5}, "parameters": ["lr"], "trials": 9}))
    assert parse_yaml(to_yaml(found)) == found
    assert found.stages[0].pruner == ThresholdPruner(kind="threshold", upper=2.5)  # type: ignore[union-attr]


def test_it_may_stand_alone_or_between_the_probes_and_the_joint_search() -> None:
    around = [{"kind": kind} for kind in ("lr_halving", "search", "joint_search", "confirm")]
    assert len(parse_json(document({}, stages=around)).stages) == 4


FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown sampler": (
        {"sampler": "tpee"},
        {},
        'stages[0].sampler: must be one of random, qmc, tpe, gp, cma-es, grid, not "tpee"',
    ),
    "unknown pruner": (
        {"pruner": {"kind": "mean"}},
        {},
        'stages[0].pruner.kind: must be one of median, successive_halving, hyperband, patience, threshold, not "mean"',
    ),
    "pruner without a kind": (
        {"pruner": {}},
        {},
        "stages[0].pruner.kind: is required, must be one of median, successive_halving, hyperband, patience, threshold",
    ),
    "unknown setting": (
        {"pruner": {"kind": "median", "startup_trails": 3}},
        {},
        "stages[0].pruner.startup_trails: unknown key, did you mean startup_trials?",
    ),
    "setting of the wrong kind": (
        {"pruner": {"kind": "successive_halving", "reduction_factor": 1}},
        {},
        "stages[0].pruner.reduction_factor: must be at least 2, not 1",
    ),
    "threshold without a bound": (
        {"pruner": {"kind": "threshold"}},
        {},
        "stages[0].pruner: needs a bound beyond which a run is stopped: give lower, upper or both",
    ),
    "threshold upside down": (
        {"pruner": {"kind": "threshold", "lower": 2, "upper": 1}},
        {},
        "stages[0].pruner: lower (2) must be less than upper (1)",
    ),
    "hyperband that is never reached": (
        {"pruner": {"kind": "hyperband", "min_resource": 900}},
        {},
        "stages[0].pruner.min_resource: is never reached by a run of 600 steps (budget.steps): "
        "use less than 600, not 900",
    ),
    "warmup that never ends": (
        {"pruner": {"kind": "median", "warmup_steps": 600}},
        {},
        "stages[0].pruner.warmup_steps: is never reached by a run of 600 steps (budget.steps): "
        "use less than 600, not 600",
    ),
    "unknown hyperparameter": (
        {"parameters": ["lr", "depth"]},
        {"space": {"width": {"kind": "int", "low": 1, "high": 9}}},
        "stages[0].parameters[1]: names no hyperparameter of this study, which has lr, batch_size, momentum, "
        "weight_decay, width",
    ),
    "momentum of adam": (
        {"parameters": ["momentum"]},
        {"optimizer": "adam"},
        "stages[0].parameters[0]: names no hyperparameter of this study, which has lr, batch_size, weight_decay",
    ),
    "hyperparameter twice": (
        {"parameters": ["lr", "lr"]},
        {},
        "stages[0].parameters: must not repeat a value: lr given more than once",
    ),
    "grid of a range": (
        {"sampler": "grid"},
        {"space": LISTS},
        "stages[0].sampler: grid needs lists, and weight_decay has a range: give space.weight_decay as "
        "{kind: choice, values: [...]}, or leave it out of parameters",
    ),
    "grid too large": (
        {"sampler": "grid", "parameters": ["a", "b"]},
        {"space": {name: {"kind": "choice", "values": list(range(200))} for name in ("a", "b")}},
        "stages[0].sampler: makes a grid of 40000 points, more than 10000: shorten the lists",
    ),
    "before the sweep": (
        {},
        {"stages": [{"kind": "search"}, {"kind": "lr_halving"}]},
        "stages: must keep the order of strategy: guided_search: lr_halving, decay_probes, parameter_probes, search, "
        "joint_search, confirm",
    ),
    "in the guide": (
        {},
        {"stages": [{"kind": "lr_sweep"}, {"kind": "search"}]},
        "stages: search is a stage of strategy: guided_search, those of strategy: guide are lr_sweep, batch_momentum, "
        "decay_schedule",
    ),
}


@pytest.mark.parametrize(("stage", "fields", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_by_its_path(stage: dict[str, Any], fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidStudy) as refused:
        parse_json(document(stage, **fields))
    assert refused.value.faults == (fault,)


def test_a_space_with_a_fault_is_told_alone() -> None:
    with pytest.raises(InvalidStudy) as refused:
        parse_json(document({"parameters": ["depth"]}, space={"depth": {"kind": "int", "low": 2, "high": 1}}))
    assert refused.value.faults == ("space.depth.high: must be more than low (2)",)
