"""Random guided searches in random worlds: whatever the file says, budget, ends and decisions hold."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studies.contract.states import StudyState, TrialState
from studies.contract.study_file import STAGE_ORDERS, StudySpec
from studies.core.actions import CloseStage, Fail, Finish
from studies.storage.optuna_bridge import OptunaPruner, OptunaSampler
from tests.simulation.simulator import Simulation, World
from tests.simulation.study import study
from tests.simulation.test_random_studies import some_worlds
from tests.simulation.worlds import EVALUATE_EVERY

ranges = st.dictionaries(
    st.sampled_from(["dropout", "layers", "activation", "warm"]),
    st.sampled_from(
        [
            {"kind": "float", "low": 0.0, "high": 0.8},
            {"kind": "float", "low": 1e-4, "high": 1e-1, "log": True, "default": 0.01},
            {"kind": "int", "low": 1, "high": 5},
            {"kind": "choice", "values": ["relu", "gelu", True]},
            {"kind": "choice", "values": [1, 2, 4, 8], "default": 2},
        ]
    ),
    max_size=2,
)
standard = st.fixed_dictionaries(
    {},
    optional={
        "lr": st.sampled_from(
            [{"kind": "float", "low": 1e-3, "high": 0.1}, {"kind": "choice", "values": [0.001, 0.01, 0.1]}]
        ),
        "batch_size": st.sampled_from([{"kind": "choice", "values": [64]}, {"kind": "int", "low": 8, "high": 512}]),
        "momentum": st.just({"kind": "choice", "values": [0.0, 0.9]}),
        "weight_decay": st.just({"kind": "choice", "values": [0.0, 1e-4]}),
    },
)


user_defined = st.fixed_dictionaries(
    {"sampler": st.sampled_from(["random", "qmc", "tpe", "cma-es"])},
    optional={
        "trials": st.integers(1, 12),
        "seeds": st.integers(1, 3),
        "parameters": st.sampled_from([["lr"], ["lr", "batch_size", "weight_decay"]]),
        "parallel": st.integers(1, 8),
        "pruner": st.sampled_from(
            [
                {"kind": "median", "startup_trials": 1, "warmup_steps": 0},
                {"kind": "successive_halving", "reduction_factor": 2},
                {"kind": "hyperband"},
                {"kind": "patience", "patience": 1},
                {"kind": "threshold", "lower": 0.3, "upper": 0.9},
            ]
        ),
    },
)


@st.composite
def stages(draw: st.DrawFn) -> list[dict[str, Any]]:
    kinds = [kind for kind in STAGE_ORDERS["guided_search"] if draw(st.booleans())] or ["joint_search"]
    options: dict[str, dict[str, Any]] = {
        "lr_halving": draw(st.sampled_from([{}, {"rates": [1.0, 0.01]}])),
        "decay_probes": draw(st.sampled_from([{}, {"forms": ["cosine", "piecewise"], "starts": [0.0, 0.33, 0.67]}])),
        "parameter_probes": {"lr_scaling": draw(st.sampled_from(["sqrt", "linear", "none"]))},
        "search": draw(user_defined),
        "joint_search": draw(st.sampled_from([{}, {"parallel": 1}, {"parallel": 8}])),
        "confirm": {"finalists": draw(st.integers(2, 3))},
    }
    return [{"kind": kind, **options[kind]} for kind in kinds]


@st.composite
def searches(draw: st.DrawFn) -> StudySpec:
    steps = draw(st.integers(1, 40))
    return study(
        *draw(stages()),
        strategy="guided_search",
        steps=steps,
        trials=draw(st.integers(1, 12)),
        evaluate_every=draw(st.integers(min(steps, EVALUATE_EVERY), steps)),
        optimizer=draw(st.sampled_from(["sgd", "adam"])),
        hold=draw(st.sampled_from(["epochs", "steps"])),
        seed=draw(st.integers(0, 5)),
        metric={"name": "dev_accuracy", "direction": draw(st.sampled_from(["maximize", "minimize"]))},
        space={**draw(standard), **draw(ranges)},
    )


def simulated(spec: StudySpec, world: World, **options: Any) -> Simulation:
    return Simulation(spec, world, sampler=OptunaSampler(), pruner=OptunaPruner(), **options).run()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(searches(), some_worlds(), st.integers(1, 8))
def test_every_search_ends_within_its_steps_with_complete_decisions(spec: StudySpec, world: World, slots: int) -> None:
    # What an action promises (budget, keys, completeness, the same answer twice) is checked by the simulation.
    simulation = simulated(spec, world, slots=slots, twice=True, pieces=6)
    assert simulation.state in (StudyState.COMPLETED, StudyState.FAILED)
    assert isinstance(simulation.last, Finish | Fail)
    closed = [action.stage for action in simulation.actions if isinstance(action, CloseStage)]
    assert closed == [stage.kind for stage in spec.stages][: len(closed)]
    if simulation.state is StudyState.COMPLETED:
        assert all(trial.state.ended for trial in simulation.snapshot.trials)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(searches(), some_worlds())
def test_a_search_replayed_takes_the_same_actions(spec: StudySpec, world: World) -> None:
    assert simulated(spec, world).actions == simulated(spec, world).actions


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(searches(), some_worlds())
def test_what_is_told_as_stopped_was_short_of_its_length(spec: StudySpec, world: World) -> None:
    simulation = simulated(spec, world, slots=1, pieces=9)
    stopped = [trial for trial in simulation.snapshot.trials if trial.state is TrialState.PRUNED]
    assert all(trial.ended_because.endswith(".") for trial in stopped)
