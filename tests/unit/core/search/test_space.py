"""The space of a study file: ranges, starting values, points and features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from studies.contract.schedule import Schedule
from studies.contract.study_file import StudySpec
from studies.core.schedules import cosine
from studies.core.search.lengths import full_length, rungs
from studies.core.search.space import SearchSpace, space_of, starting_params, within
from tests.simulation.study import study

JOINT = {"kind": "joint_search"}
DECAY = {"kind": "decay_probes", "starts": [0.0, 0.5, 0.9]}
FIXED = {name: {"kind": "choice", "values": [value]} for name, value in (("batch_size", 64), ("momentum", 0.9))}


def searched(*stages: dict[str, Any], **fields: Any) -> StudySpec:
    return study(*(stages or (JOINT,)), strategy="guided_search", **fields)


def space(*stages: dict[str, Any], **fields: Any) -> SearchSpace:
    return space_of(searched(*stages, **fields))


def names(found: SearchSpace) -> list[str]:
    return [dimension.name for dimension in found.dimensions]


def test_the_standard_hyperparameters_move_by_themselves() -> None:
    assert names(space()) == ["lr", "batch_size", "momentum", "weight_decay"]


def test_the_schedule_moves_where_decays_are_probed() -> None:
    assert names(space(DECAY, JOINT))[-2:] == ["decay_start", "decay_form"]


def test_momentum_stays_out_for_adam() -> None:
    assert "momentum" not in names(space(optimizer="adam"))
    assert "momentum" not in starting_params(searched(optimizer="adam"))


def test_further_hyperparameters_move_and_single_values_do_not() -> None:
    found = space(space={**FIXED, "dropout": {"kind": "float", "low": 0.0, "high": 0.5}})
    assert names(found) == ["lr", "weight_decay", "dropout"]
    assert found.configuration(np.array([0.6, 0.0, 0.5])).params == {
        "lr": 0.01,
        "batch_size": 64,
        "momentum": 0.9,
        "weight_decay": 0.0,
        "dropout": 0.25,
    }


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ({"kind": "float", "low": 0.0, "high": 0.5}, 0.25),
        ({"kind": "float", "low": 0.0, "high": 0.5, "default": 0.123456}, 0.123456),
        ({"kind": "int", "low": 1, "high": 100, "log": True}, 10),
        ({"kind": "choice", "values": ["relu", "gelu"]}, "relu"),
        ({"kind": "choice", "values": ["relu", "gelu"], "default": "gelu"}, "gelu"),
        ({"kind": "choice", "values": [4, 8]}, 4),
    ],
)
def test_a_further_hyperparameter_starts_at_its_default_or_midway(given: dict[str, Any], start: object) -> None:
    assert starting_params(searched(space={"extra": given}))["extra"] == start


def test_a_default_outside_its_range_is_moved_into_it() -> None:
    ranges = {"lr": {"kind": "float", "low": 1e-4, "high": 1e-3}, "batch_size": {"kind": "choice", "values": [16, 128]}}
    start = starting_params(searched(space=ranges))
    assert (start["lr"], start["batch_size"]) == (1e-3, 128)
    assert within(searched(space=ranges), "lr", 5e-4) == 5e-4


def test_a_configuration_comes_back_from_its_point() -> None:
    found = space(DECAY, JOINT)
    configuration = found.configuration(found.snapped(np.full((1, len(found)), 0.4))[0])
    assert configuration.schedule == cosine(120, 60) or configuration.schedule.kind == "linear"
    point = found.point(configuration.params, configuration.schedule, configuration.num_steps)
    assert found.configuration(point) == configuration


def test_no_decay_is_a_decay_that_starts_at_the_end_and_has_no_form() -> None:
    found = space(DECAY, JOINT)
    constant = found.point(starting_params(found.spec), Schedule(), 120)
    assert found.configuration(constant).schedule == Schedule()
    other = constant.copy()
    other[-1] = 0.9
    assert np.array_equal(found.features(constant[None]), found.features(other[None]))


def test_the_rate_that_counts_is_a_feature_of_its_own() -> None:
    found = space()
    start = starting_params(found.spec)
    alike = [start, {**start, "lr": 0.02, "batch_size": 128}, {**start, "lr": 0.005, "momentum": 0.95}]
    points = np.array([found.point(params, Schedule(), 120) for params in alike])
    effective = found.features(points)[:, -1]
    assert effective == pytest.approx(effective[0])
    assert space(space=FIXED).features(np.array([[0.5, 0.5]])).shape == (1, 2)


def test_epochs_are_held_over_batch_sizes_as_far_as_the_budget_goes() -> None:
    spec = searched(steps=120)
    assert [full_length(spec, {"batch_size": batch}) for batch in (32, 64, 128, 256)] == [120, 120, 60, 30]
    assert full_length(searched(steps=120, hold="steps"), {"batch_size": 256}) == 120


def test_rungs_are_whole_evaluations() -> None:
    assert rungs(searched(steps=120), 120) == (15, 40, 120)
    assert rungs(searched(steps=52, evaluate_every=1), 52) == (6, 18, 52)
    assert rungs(searched(steps=3, evaluate_every=3), 3) == (3,)
