"""Conditional hyperparameters: a run has them only where their condition holds, whoever suggests it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studies.contract.base import Params
from studies.contract.search_space import includes
from studies.contract.study_document import parse_yaml, to_yaml
from studies.contract.study_file import StudySpec
from studies.core.sampling import Condition, SearchRequest
from studies.core.schedules import constant
from studies.core.search.candidates import around, fresh, quasi_random
from studies.core.search.space import completed, space_of, starting_params
from studies.storage.optuna_bridge import OptunaPruner, OptunaSampler
from tests.simulation.simulator import Simulation, World
from tests.simulation.study import study
from tests.simulation.worlds import quadratic

SPACE: dict[str, Any] = {
    "lookahead": {"kind": "float", "low": 0.0, "high": 1.0, "default": 0.25, "when": {"method": ["slow", "fast"]}},
    "method": {"kind": "choice", "values": ["plain", "slow", "fast"]},
    "fine": {"kind": "choice", "values": [True, False, 1], "when": {"method": "fast"}},
    "depth": {"kind": "int", "low": 1, "high": 8, "when": {"fine": True, "batch_size": [64, 128]}},
}
GUIDED = [{"kind": kind} for kind in ("lr_halving", "decay_probes", "parameter_probes", "joint_search", "confirm")]


def spec(*stages: dict[str, Any], **fields: Any) -> StudySpec:
    return study(*stages or GUIDED, **{"space": SPACE, "trials": 14, **fields})


def holds(given: StudySpec, params: Params) -> bool:
    """Whether a configuration has what counts under it, and nothing else."""
    for name, each in given.space.items():
        conditions = (each.when or {}).items()
        counts = all(parent in params and includes(values, params[parent]) for parent, values in conditions)
        if counts != (name in params):
            return False
    return True


def test_the_defaults_lack_what_does_not_count() -> None:
    assert starting_params(spec()).keys() == {"lr", "batch_size", "momentum", "weight_decay", "method"}
    fast = completed(spec(), {"method": "fast"})
    assert (fast["lookahead"], fast["fine"], fast["depth"]) == (0.25, True, 4)
    assert "depth" not in completed(spec(), {"method": "fast", "fine": 1})


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_every_point_is_a_fixed_point_and_a_configuration_one_point(seed: int, near: bool) -> None:
    space, random = space_of(spec()), np.random.default_rng(seed)
    raw = quasi_random(40, len(space), random)
    points = space.snapped(around(raw[:3], 40, random) if near else raw)
    assert np.allclose(space.snapped(points.copy()), points, atol=1e-9)
    for point in points:
        wanted = space.configuration(point)
        assert holds(space.spec, wanted.params)
        again = space.point(wanted.params, wanted.schedule, wanted.num_steps)
        assert space.configuration(again).params == wanted.params
    same: dict[str, Any] = {}
    for point in fresh(points, np.empty((0, len(space)))):
        wanted = space.configuration(point)
        at = space.point(wanted.params, constant(), wanted.num_steps)
        assert same.setdefault(str(wanted.params), at.tolist()) == at.tolist()


def test_one_that_cannot_move_counts_like_any_other_and_passes_its_condition_on() -> None:
    """``fixed`` has one value: no coordinate, but ``inner`` rests on it."""
    fixed = {"kind": "choice", "values": ["only"], "when": {"method": "fast"}}
    inner = {"kind": "int", "low": 1, "high": 8, "when": {"fixed": "only"}}
    given = spec(space={"method": SPACE["method"], "fixed": fixed, "inner": inner})
    space = space_of(given)
    points = space.snapped(quasi_random(40, len(space), np.random.default_rng(0)))
    found = [space.configuration(point).params for point in points]
    assert {dimension.name for dimension in space.dimensions}.isdisjoint({"fixed"})
    assert all(holds(given, params) for params in found)
    assert {("inner" in params) for params in found} == {True, False}


def test_what_does_not_count_makes_no_difference_to_the_model() -> None:
    space = space_of(spec())
    at = {dimension.name: index for index, dimension in enumerate(space.dimensions)}
    points = np.repeat(space.point(starting_params(spec()), constant(), 120)[None], 2, axis=0)
    points[1, at["lookahead"]], points[1, at["depth"]] = 0.9, 0.9
    first, second = space.features(space.snapped(points))
    assert (first == second).all()


def test_one_that_stands_still_decides_too() -> None:
    alone = {"kind": "choice", "values": ["plain"]}
    counts = {"kind": "float", "low": 0.0, "high": 1.0, "when": {"method": "plain"}}
    space = space_of(spec(space={"method": alone, "lookahead": counts}))
    points = space.snapped(quasi_random(20, len(space), np.random.default_rng(0)))
    assert all("lookahead" in space.configuration(point).params for point in points)


@pytest.mark.parametrize("slots", [1, 6])
def test_a_whole_guided_search_never_runs_what_does_not_count(slots: int) -> None:
    tried = [trial.params for trial in Simulation(spec(), quadratic(), slots=slots, pieces=6).run().snapshot.trials]
    assert [params for params in tried if not holds(spec(), params)] == []
    assert {"lookahead" in params for params in tried} == {True, False}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sampler=st.sampled_from(["random", "qmc", "tpe", "cma-es"]),
    moved=st.sampled_from([None, ["lr", "lookahead"], ["method", "fine"], ["method", "fine", "depth", "lookahead"]]),
    seed=st.integers(0, 9),
)
def test_a_search_never_runs_what_does_not_count(sampler: str, moved: list[str] | None, seed: int) -> None:
    stage = {"kind": "search", "sampler": sampler, "trials": 14, "pruner": {"kind": "median", "startup_trials": 2}}
    given_spec = spec(stage | ({"parameters": moved} if moved else {}), {"kind": "confirm"}, seed=seed)
    world: World = quadratic()
    simulation = Simulation(given_spec, world, sampler=OptunaSampler(), pruner=OptunaPruner(), slots=3).run()
    tried = [trial.params for trial in simulation.snapshot.trials]
    assert [params for params in tried if not holds(given_spec, params)] == []


def test_a_grid_has_each_configuration_once() -> None:
    lists = {
        "method": {"kind": "choice", "values": ["plain", "fast"]},
        "steps": {"kind": "choice", "values": [1, 2, 3], "when": {"method": "fast"}},
    }
    stage = {"kind": "search", "sampler": "grid", "parameters": ["method", "steps"]}
    trials = Simulation(spec(stage, space=lists, trials=8), quadratic()).run().snapshot.trials
    assert sorted(str(trial.params.get("steps")) for trial in trials) == ["1", "2", "3", "None"]


def test_a_sampler_asks_only_for_what_counts_and_learns_from_points_that_lack_some() -> None:
    seen: list[SearchRequest] = []
    ask = OptunaSampler()

    def watch(request: SearchRequest) -> tuple[Params, ...]:
        seen.append(request)
        return ask(request)

    stage = {"kind": "search", "trials": 12, "parallel": 2, "parameters": ["method", "lookahead"]}
    Simulation(spec(stage), quadratic(), sampler=watch).run()
    last = seen[-1]
    assert last.conditions == (Condition("lookahead", "method", ("slow", "fast")),)
    assert [axis.name for axis in last.space] == ["method", "lookahead"]
    assert {"lookahead" in known.point for known in last.history} == {True, False}


def test_a_condition_survives_being_written_out() -> None:
    written = to_yaml(spec())
    assert parse_yaml(written) == spec()
    assert "when" not in to_yaml(study(*GUIDED, space={"a": {"kind": "int", "low": 1, "high": 2}}))


def test_what_cannot_count_under_what_stands_still_is_no_axis() -> None:
    def axes(method: str) -> list[str]:
        seen: list[SearchRequest] = []

        def watch(request: SearchRequest) -> tuple[Params, ...]:
            seen.append(request)
            return OptunaSampler()(request)

        stage = {"kind": "search", "trials": 2, "parallel": 1, "parameters": ["lr", "lookahead"]}
        space = {**SPACE, "method": {**SPACE["method"], "default": method}}
        Simulation(spec(stage, space=space), quadratic(), sampler=watch).run()
        return [axis.name for axis in seen[0].space]

    assert axes("plain") == ["lr"]
    assert axes("slow") == ["lr", "lookahead"]
