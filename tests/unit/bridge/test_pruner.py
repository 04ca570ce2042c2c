"""Optuna's pruners behind the port: they stop what Optuna's own loop stops, and nothing else."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from studies.contract.pruners import Pruner
from studies.core.pruning import PruneRequest, ReportingRun, Verdict
from studies.storage.optuna_bridge import OptunaPruner
from tests.simulation.simulator import Run, Simulation
from tests.simulation.study import study
from tests.simulation.worlds import curve

judge = OptunaPruner()

PRUNERS: dict[str, tuple[dict[str, Any], Callable[[], optuna.pruners.BasePruner]]] = {
    "median": (
        {"kind": "median", "startup_trials": 3, "warmup_steps": 10},
        lambda: optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=10),
    ),
    "successive halving": (
        {"kind": "successive_halving", "min_resource": 10, "reduction_factor": 2},
        lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=10, reduction_factor=2),
    ),
    "hyperband": (
        {"kind": "hyperband", "min_resource": 10},
        lambda: optuna.pruners.HyperbandPruner(min_resource=10, max_resource=120, reduction_factor=3),
    ),
    "patience": (
        {"kind": "patience", "patience": 3, "min_delta": 0.05},
        lambda: optuna.pruners.PatientPruner(None, 3, 0.05),
    ),
    "threshold": (
        {"kind": "threshold", "lower": -0.8, "upper": 2.0, "warmup_steps": 20},
        lambda: optuna.pruners.ThresholdPruner(lower=-0.8, upper=2.0, n_warmup_steps=20),
    ),
}

STEPS, EVERY, RUNS = 120, 5, 25


def rule(**settings_of_it: Any) -> Pruner:
    adapter: TypeAdapter[Pruner] = TypeAdapter(Pruner)
    return adapter.validate_python(settings_of_it)


def recorded(seed: int) -> np.ndarray:
    """A noisy course that a pruner may stop anywhere, one value an evaluation."""
    random = np.random.default_rng(seed)
    return np.cumsum(random.normal(0.02 * random.normal(), 0.15, STEPS // EVERY))


def by_optuna(pruner: optuna.pruners.BasePruner, seeds: list[int], *, maximize: bool) -> list[int]:
    """Return the step to which each run came in Optuna's own loop."""
    reached: list[int] = []

    def objective(trial: optuna.Trial) -> float:
        values = recorded(seeds[trial.number])
        for step, value in zip(range(EVERY, STEPS + 1, EVERY), values, strict=True):
            trial.report(float(value), step)
            if step < STEPS and trial.should_prune():
                reached.append(step)
                raise optuna.TrialPruned
        reached.append(STEPS)
        return float(values[-1])

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    asked = optuna.create_study(
        study_name="study/search", direction="maximize" if maximize else "minimize", pruner=pruner
    )
    asked.optimize(objective, n_trials=len(seeds))
    return reached


def by_us(pruner: Mapping[str, Any], *, maximize: bool) -> tuple[list[int], list[int]]:
    """Return the seed of each run's course, and the step to which it came in a study of ours."""

    def world(params: Any, schedule: Any, num_steps: int, seed: int) -> Run:
        values = recorded(round(1e6 * float(params["lr"])))
        return Run({"loss": curve(np.linspace(2, 1, num_steps)), "dev_accuracy": curve(values, EVERY)})

    stage = {"kind": "search", "sampler": "random", "parameters": ["lr"], "trials": RUNS, "parallel": 1}
    metric = {"name": "dev_accuracy", "direction": "maximize" if maximize else "minimize"}
    spec = study({**stage, "pruner": pruner}, steps=STEPS, trials=RUNS, evaluate_every=EVERY, metric=metric)
    simulation = Simulation(spec, world, pruner=judge, slots=1, pieces=STEPS // EVERY).run()
    trials = simulation.snapshot.trials
    seeds = [round(1e6 * float(trial.params["lr"])) for trial in trials]
    return seeds, [int(trial.curve("dev_accuracy").steps[-1]) for trial in trials]


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize(("ours", "theirs"), PRUNERS.values(), ids=PRUNERS)
def test_runs_stop_where_they_do_in_optunas_own_loop(
    ours: dict[str, Any], theirs: Callable[[], optuna.pruners.BasePruner], *, maximize: bool
) -> None:
    seeds, reached = by_us(ours, maximize=maximize)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = theirs()
    assert reached == by_optuna(pruner, seeds, maximize=maximize)
    assert min(reached) < STEPS, "nothing was stopped, so nothing was compared"


# --- what each promises ------------------------------------------------------------------------------------------

STATES = ("under way", "finished", "stopped")
values = st.floats(-10, 10) | st.just(math.nan)


@st.composite
def asked(draw: st.DrawFn, *kinds: str) -> PruneRequest:
    """Any runs at any steps, as a pruner of one of these kinds may be asked about."""
    named = [settings_of_it for settings_of_it, _ in PRUNERS.values() if not kinds or settings_of_it["kind"] in kinds]
    runs = []
    for number in range(draw(st.integers(0, 12))):
        points = draw(st.integers(0, 6))
        reports = tuple((10 * 3 ** min(at, 2) + 5 * max(0, at - 2), draw(values)) for at in range(points))
        state = draw(st.sampled_from(STATES))
        reached = reports[-1][0] if reports else 0
        runs.append(ReportingRun(f"tr_{number}", number, state, reports, reached))
    return PruneRequest("study/search", rule(**draw(st.sampled_from(named))), tuple(runs), STEPS, draw(st.booleans()))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked())
def test_the_same_request_has_the_same_answer_and_stops_what_is_under_way_alone(request: PruneRequest) -> None:
    verdicts = judge(request)
    assert repr(judge(request)) == repr(verdicts)
    under_way = {run.id: run for run in request.runs if run.state == "under way"}
    assert verdicts.keys() <= under_way.keys()
    for run_id, verdict in verdicts.items():
        assert verdict.step in dict(under_way[run_id].reports)


@settings(max_examples=40, deadline=None)
@given(asked("median", "successive_halving", "hyperband"))
def test_the_best_so_far_goes_on(request: PruneRequest) -> None:
    verdicts = judge(request)
    for run_id, verdict in verdicts.items():
        if not math.isnan(verdict.value):
            run = next(run for run in request.runs if run.id == run_id)
            ahead = [
                value
                for peer in request.runs
                if peer is not run
                for step, value in peer.reports
                if (value > verdict.value if request.maximize else value < verdict.value)
            ]
            assert ahead, "it was stopped although nobody was ahead"
            assert verdict.bar > verdict.value if request.maximize else verdict.bar < verdict.value


@settings(max_examples=40, deadline=None)
@given(asked("median", "threshold"), st.integers(0, 120))
def test_nothing_stops_before_its_warmup(request: PruneRequest, warmup: int) -> None:
    later = dataclasses.replace(request, pruner=request.pruner.model_copy(update={"warmup_steps": warmup}))
    assert all(verdict.step >= warmup for verdict in judge(later).values())


def under_way(number: int, *reports: tuple[int, float], reached: int = 0) -> ReportingRun:
    return ReportingRun(f"tr_{number}", number, "under way", reports, reached or reports[-1][0])


def ended(number: int, *reports: tuple[int, float], state: Any = "finished") -> ReportingRun:
    return ReportingRun(f"tr_{number}", number, state, reports, STEPS)


def verdicts_of(pruner: Pruner, *runs: ReportingRun, maximize: bool = True) -> Mapping[str, Verdict]:
    return judge(PruneRequest("study/search", pruner, runs, STEPS, maximize))


MEDIAN = rule(kind="median", startup_trials=3, warmup_steps=10)
HALVING = rule(kind="successive_halving", min_resource=10)


def test_the_median_is_that_of_the_finished_runs_and_the_best_so_far_is_held_against_it() -> None:
    done = [ended(number, (40, value)) for number, value in enumerate((0.2, 0.4, 0.8))]
    poor, once_good = under_way(3, (30, 0.3), (40, 0.1)), under_way(4, (30, 0.5), (40, 0.1))
    assert verdicts_of(MEDIAN, *done, poor, once_good) == {"tr_3": Verdict(40, 0.3, 0.4, 3)}
    assert verdicts_of(MEDIAN, *done[:2], ended(2, (40, 0.8), state="stopped"), poor) == {}


def test_of_those_who_come_to_a_rung_the_best_third_goes_on() -> None:
    before = [ended(number, (10, number / 10)) for number in range(5)]
    found = verdicts_of(HALVING, *before, under_way(5, (10, 0.35)), under_way(6, (10, 0.9)))
    assert found == {}
    found = verdicts_of(HALVING, *before, under_way(5, (10, 0.25)), under_way(6, (10, 0.9)))
    assert found == {"tr_5": Verdict(10, 0.25, 0.3, 6)}


def test_a_run_is_never_held_against_one_that_is_behind_it() -> None:
    ahead, behind = under_way(0, (10, 0.3), reached=25), under_way(1, (10, 0.9), reached=15)
    assert verdicts_of(HALVING, ahead, behind) == {}
    assert verdicts_of(HALVING, dataclasses.replace(ahead, reached=15), dataclasses.replace(behind, reached=25)) == {
        "tr_0": Verdict(10, 0.3, 0.9, 2)
    }


@pytest.mark.parametrize("pruner", [MEDIAN, HALVING, rule(kind="threshold", upper=1.0)])
def test_a_run_without_a_number_is_stopped_where_it_is_judged(pruner: Pruner) -> None:
    done = [ended(number, (10, 0.5)) for number in range(3)]
    (verdict,) = verdicts_of(pruner, *done, under_way(3, (10, math.nan))).values()
    assert math.isnan(verdict.value)


def test_patience_waits_for_a_first_number() -> None:
    patience = rule(kind="patience", patience=1)
    silent = [(step, math.nan) for step in range(5, 50, 5)]
    assert verdicts_of(patience, under_way(0, *silent)) == {}
    fallen = [(5, 0.5), (10, 0.4), (15, 0.3)]
    assert verdicts_of(patience, under_way(0, *fallen)) == {"tr_0": Verdict(15, 0.4, 0.5)}


def test_each_bound_of_a_threshold_is_named() -> None:
    both = rule(kind="threshold", lower=0.1, upper=0.9)
    found = verdicts_of(both, under_way(0, (5, 0.05)), under_way(1, (5, 0.5)), under_way(2, (5, 0.95)))
    assert found == {"tr_0": Verdict(5, 0.05, 0.1), "tr_2": Verdict(5, 0.95, 0.9)}
