"""Random studies in random worlds: whatever the file says, the promises of `decide` hold."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studies.contract.states import StudyState
from studies.contract.study_file import StudySpec
from studies.core.actions import CloseStage, Fail, Finish
from tests.simulation.simulator import Simulation, World
from tests.simulation.study import ALL, study
from tests.simulation.worlds import all_nan, diverging, failing, flat, quadratic, without

rates = st.lists(st.sampled_from([3.0, 1.0, 0.1, 0.03, 0.01, 0.001, 1e-4]), min_size=1, max_size=4, unique=True)


@st.composite
def stage_documents(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    if kind == "lr_sweep":
        seeds = {"seeds": draw(st.integers(1, 2)), "free_seeds": draw(st.integers(0, 2))}
        return {"kind": kind, "grid": draw(rates), "refine": draw(st.integers(0, 4)), **seeds}
    if kind == "decay_schedule":
        forms = st.sampled_from(["linear", "exponential", "cosine", "polynomial", "piecewise"])
        return {"kind": kind, "forms": draw(st.lists(forms, min_size=1, max_size=3, unique=True))}
    search = draw(st.sampled_from(["grid", "random", "qmc", "tpe", "gp"]))
    return {
        "kind": kind,
        "batch_sizes": draw(st.lists(st.sampled_from([1, 32, 64, 128]), min_size=1, max_size=2, unique=True)),
        "momenta": draw(st.lists(st.sampled_from([0.0, 0.8, 0.9]), min_size=1, max_size=2, unique=True)),
        "lr_bracket": draw(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=1, max_size=2, unique=True)),
        "lr_scaling": draw(st.sampled_from(["linear", "sqrt", "none"])),
        "search": search,
        **({} if search == "grid" else {"trials": draw(st.integers(1, 6))}),
    }


@st.composite
def studies(draw: st.DrawFn) -> StudySpec:
    kinds = [kind for kind in ALL if draw(st.booleans())] or ["lr_sweep"]
    steps = draw(st.integers(1, 40))
    return study(
        *(draw(stage_documents(kind)) for kind in kinds),
        steps=steps,
        trials=draw(st.integers(1, 25)),
        evaluate_every=draw(st.integers(1, steps)),
        optimizer=draw(st.sampled_from(["sgd", "adam"])),
        gates=draw(st.sampled_from(["auto", "approve"])),
        seed=draw(st.integers(0, 5)),
        metric={"name": "dev_accuracy", "direction": draw(st.sampled_from(["maximize", "minimize"]))},
    )


@st.composite
def some_worlds(draw: st.DrawFn) -> World:
    world = draw(st.sampled_from([quadratic(), quadratic(noise=0.3, dev_noise=0.05), flat(), flat(noise=0.3)]))
    if draw(st.booleans()):
        world = diverging(draw(st.sampled_from([0.0, 1e-5, 0.005, 0.5])), world)
    if draw(st.booleans()):
        unlucky = draw(st.integers(2, 5))
        world = failing(lambda params, seed: int(1e6 * float(params["lr"])) % unlucky == 0, world)
    match draw(st.sampled_from(["whole", "whole", "nan", "no metric", "no loss"])):
        case "nan":
            return all_nan("loss", world)
        case "no metric":
            return without("dev_accuracy", world)
        case "no loss":
            return without("loss", world)
    return world


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(studies(), some_worlds(), st.integers(1, 6))
def test_every_study_ends_within_its_budget_with_complete_decisions(spec: StudySpec, world: World, slots: int) -> None:
    # What an action promises (budget, keys, completeness, the same answer twice) is checked by the simulation.
    simulation = Simulation(spec, world, slots=slots, twice=True).run()
    assert simulation.state in (StudyState.COMPLETED, StudyState.FAILED)
    assert isinstance(simulation.last, Finish | Fail)
    closed = [action.stage for action in simulation.actions if isinstance(action, CloseStage)]
    assert closed == [stage.kind for stage in spec.stages][: len(closed)]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(studies(), some_worlds())
def test_a_study_replayed_takes_the_same_actions(spec: StudySpec, world: World) -> None:
    assert Simulation(spec, world).run().actions == Simulation(spec, world).run().actions


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(studies(), some_worlds())
def test_the_trials_of_a_grid_do_not_depend_on_how_many_run_at_once(spec: StudySpec, world: World) -> None:
    if any(getattr(stage, "search", "grid") != "grid" for stage in spec.stages):
        return
    one, many = (Simulation(spec, world, slots=slots).run() for slots in (1, 8))
    assert [trial.key for trial in one.snapshot.trials] == [trial.key for trial in many.snapshot.trials]
    assert one.last == many.last


def test_a_whole_study_takes_well_under_a_second() -> None:
    began = time.process_time()
    simulation = Simulation(study(), quadratic()).run()
    assert time.process_time() - began < 1.0
    assert simulation.state is StudyState.COMPLETED


@pytest.mark.parametrize("seed", range(3))
def test_the_three_stages_end_higher_than_the_default_run(seed: int) -> None:
    simulation = Simulation(study(seed=seed), quadratic(dev_noise=0.001)).run()
    before = simulation.decision("lr_sweep").evidence["dev_before"]
    after = simulation.decision("decay_schedule").evidence["dev_after"]
    assert after > before
