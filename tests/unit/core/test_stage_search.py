"""A search that the user defines: what it asks for, what it stops, and what it concludes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.states import StudyState, TrialState
from studies.core.actions import Fail
from studies.core.pruning import PruneRequest, Verdict
from studies.core.sampling import CategoryAxis, ChoiceAxis, FloatAxis, SearchRequest
from studies.storage.optuna_bridge import OptunaPruner
from tests.simulation.simulator import Run, Simulation, World, fake_sampler
from tests.simulation.study import study
from tests.simulation.worlds import diverging, failing, quadratic, run_of

RANDOM = {"kind": "search", "sampler": "random"}
MEDIAN = {"kind": "median", "startup_trials": 3}
HALVING = {"kind": "successive_halving"}
CONFIRM = {"kind": "confirm"}
EVERY_PRUNER = {
    "median": MEDIAN,
    "successive halving": HALVING,
    "hyperband": {"kind": "hyperband"},
    "patience": {"kind": "patience", "patience": 3},
    "threshold": {"kind": "threshold", "lower": 0.4, "upper": 1.5, "warmup_steps": 20},
}


def search(*stages: dict[str, Any], world: World | None = None, slots: int = 1, **fields: Any) -> Simulation:
    spec = study(*stages, strategy="guided_search", **{"trials": 12, **fields})
    return Simulation(spec, world or quadratic(), pruner=OptunaPruner(), slots=slots, pieces=12, twice=True).run()


def scored(score: Any) -> World:
    """A world whose dev metric climbs to `score(params)`."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        rise = 1.0 - np.exp(-np.arange(1, num_steps + 1) / 30.0)
        return run_of(2.0 - rise, score(params) * rise)

    return world


def near(lr: float) -> World:
    return scored(lambda params: 1.0 - 0.1 * abs(math.log10(float(params["lr"]) / lr)))


class Recorder:
    """Remembers what a stage asks the sampler for, and answers by `fake_sampler`."""

    def __init__(self) -> None:
        self.requests: list[SearchRequest] = []

    def __call__(self, request: SearchRequest) -> tuple[Params, ...]:
        self.requests.append(request)
        return fake_sampler(request)


# --- points ------------------------------------------------------------------------------------------------------


def test_a_search_alone_begins_with_the_defaults_and_has_as_many_runs_as_asked() -> None:
    simulation = search({**RANDOM, "trials": 7})
    assert [trial.key for trial in simulation.snapshot.trials] == [f"point={index}" for index in range(7)]
    assert simulation.snapshot.trials[0].params == {
        "lr": 0.01,
        "batch_size": 64,
        "momentum": 0.9,
        "weight_decay": 0.0,
    }
    decision = simulation.decision("search")
    assert decision.reason.endswith("after 7 points by random search.")
    assert (decision.evidence["points"], decision.evidence["steps_saved"]) == (7, 0)


def test_without_a_number_of_runs_the_budget_says_how_many() -> None:
    simulation = search(RANDOM, hold="steps", world=near(0.01))
    assert simulation.keys("search") == tuple(f"point={index}" for index in range(12))
    assert not simulation.decision("search").warnings


def test_a_search_that_the_budget_ends_says_so() -> None:
    simulation = search({**RANDOM, "trials": 40}, hold="steps", world=near(0.01))
    assert simulation.decision("search").warnings == (
        "Cut short: of 40 runs that the search may have 12 fitted into the steps that it may spend.",
    )


def test_only_what_is_named_moves() -> None:
    simulation = search(
        {**RANDOM, "parameters": ["lr", "depth"]}, space={"depth": {"kind": "int", "low": 1, "high": 9}}
    )
    assert len({trial.params["lr"] for trial in simulation.snapshot.trials}) > 5
    assert {trial.params["momentum"] for trial in simulation.snapshot.trials} == {0.9}
    assert all(isinstance(trial.params["depth"], int) for trial in simulation.snapshot.trials)


def test_what_moves_is_passed_on_as_what_it_is() -> None:
    recorder = Recorder()
    space = {"activation": {"kind": "choice", "values": ["relu", "gelu"]}}
    stage = {**RANDOM, "trials": 6, "parameters": ["lr", "batch_size", "activation"], "parallel": 2}
    spec = study(stage, trials=12, space=space)
    simulation = Simulation(spec, near(0.1), sampler=recorder, slots=2).run()
    first, *_, last = recorder.requests
    assert first.space == (
        FloatAxis("lr", 0.0, 1.0),
        ChoiceAxis("batch_size", (16, 32, 64, 128, 256)),
        CategoryAxis("activation", ("relu", "gelu")),
    )
    assert [seen.score for seen in first.history] == [None]
    assert first.history[0].point == {"lr": pytest.approx(0.6), "batch_size": 64, "activation": "relu"}
    assert all(seen.score is not None for seen in last.history[:-2])
    assert {trial.params["activation"] for trial in simulation.snapshot.trials} == {"relu", "gelu"}


def test_after_other_stages_it_starts_from_their_best_and_knows_their_runs() -> None:
    recorder = Recorder()
    halving = {"kind": "lr_halving", "rates": [0.1, 0.01]}
    decays = {"kind": "decay_probes", "forms": ["linear"]}
    spec = study(halving, decays, {**RANDOM, "parameters": ["lr"], "trials": 4}, trials=12)
    simulation = Simulation(spec, quadratic(), sampler=recorder, pieces=12).run()
    best = simulation.decision("decay_probes").candidates[0]
    own = simulation.snapshot.of("search")
    assert {trial.schedule for trial in own} == {best.schedule}
    assert {trial.parent_id for trial in own} == {best.trial_id}
    known = {seen.point["lr"] for seen in recorder.requests[0].history}
    assert len(known) == len(recorder.requests[0].history) == 1
    assert "before" in simulation.decision("search").reason


def test_a_grid_is_walked_whole_in_an_order_of_its_own() -> None:
    space = {
        "lr": {"kind": "choice", "values": [0.1, 0.01, 0.001]},
        "activation": {"kind": "choice", "values": ["relu", "gelu"]},
    }
    stage = {"kind": "search", "sampler": "grid", "parameters": ["lr", "activation"]}
    simulation = search(stage, space=space, slots=4)
    walked = [(trial.params["lr"], trial.params["activation"]) for trial in simulation.snapshot.trials]
    assert sorted(walked) == sorted(itertools.product([0.1, 0.01, 0.001], ["relu", "gelu"]))
    assert walked != list(itertools.product([0.1, 0.01, 0.001], ["relu", "gelu"]))
    assert not simulation.decision("search").warnings


def test_each_point_is_run_with_as_many_seeds_as_asked_unless_it_is_lost() -> None:
    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        inside = diverging(0.0, near(0.01)) if float(params["lr"]) > 0.1 else near(0.01)
        return inside(params, schedule, num_steps, seed)

    simulation = search({**RANDOM, "parameters": ["lr"], "seeds": 3, "trials": 18}, world=world, trials=30, slots=4)
    seeds: dict[Any, list[int]] = {}
    for trial in simulation.snapshot.trials:
        seeds.setdefault(trial.params["lr"], []).append(trial.seed)
    whole = [found for lr, found in seeds.items() if lr <= 0.1]
    assert all(found == [0, 1, 2] for found in whole[:-1])
    assert {len(found) for lr, found in seeds.items() if lr > 0.1} <= {1, 2, 3}
    assert any(len(found) < 3 for lr, found in seeds.items() if lr > 0.1)
    assert simulation.snapshot.by_key["search", "point=0/seed=1"].params == simulation.snapshot.trials[0].params


def test_a_point_that_comes_up_again_is_run_with_the_next_seed() -> None:
    space = {name: {"kind": "choice", "values": [value]} for name, value in (("momentum", 0.9), ("weight_decay", 0.0))}
    two = {"lr": {"kind": "choice", "values": [0.01, 0.1]}, "batch_size": {"kind": "choice", "values": [64]}}
    simulation = search({**RANDOM, "trials": 8, "parallel": 4}, space={**space, **two}, slots=4)
    runs = [(trial.params["lr"], trial.seed) for trial in simulation.snapshot.trials]
    assert len(runs) == len(set(runs)) == 8


def test_a_space_with_nothing_to_move_is_the_defaults_alone() -> None:
    fixed = {"lr": 0.01, "batch_size": 64, "momentum": 0.9, "weight_decay": 0.0}
    space = {name: {"kind": "choice", "values": [value]} for name, value in fixed.items()}
    assert [trial.key for trial in search(RANDOM, space=space).snapshot.trials] == ["point=0"]


@pytest.mark.parametrize("parallel", [1, 5])
def test_as_many_runs_are_under_way_as_asked(parallel: int) -> None:
    spec = study({**RANDOM, "parallel": parallel}, trials=12)
    simulation, peak = Simulation(spec, quadratic(), slots=8), 0
    simulation._settle()
    while not simulation.snapshot.state.ended:
        simulation.tick()
        simulation._settle()
        peak = max(peak, sum(not trial.state.ended for trial in simulation.snapshot.trials))
    assert peak == parallel


# --- early stopping ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 6])
@pytest.mark.parametrize("pruner", EVERY_PRUNER.values(), ids=EVERY_PRUNER)
def test_every_pruner_saves_steps_and_leaves_a_finished_run(pruner: dict[str, Any], slots: int) -> None:
    simulation = search({**RANDOM, "trials": 16, "pruner": pruner}, CONFIRM, slots=slots, trials=20)
    assert simulation.state is StudyState.COMPLETED
    stopped = [trial for trial in simulation.snapshot.of("search") if trial.state is TrialState.PRUNED]
    evidence = simulation.decision("search").evidence
    assert stopped
    assert evidence["stopped"] == len(stopped)
    assert evidence["steps_saved"] == sum(t.num_steps - int(t.curve("loss").steps[-1]) for t in stopped) > 0
    assert all(trial.ended_because.startswith("Stopped at ") for trial in stopped)
    assert f"the {pruner['kind']} pruner stopped {len(stopped)} of 16 runs" in simulation.decision("search").reason
    assert not [t for t in simulation.snapshot.of("confirm") if t.state is TrialState.PRUNED]


def reasons(pruner: dict[str, Any], **fields: Any) -> list[str]:
    simulation = search({**RANDOM, "trials": 16, "pruner": pruner}, trials=20, **fields)
    return [t.ended_because for t in simulation.snapshot.trials if t.state is TrialState.PRUNED]


def test_a_reason_names_rule_step_value_and_bar() -> None:
    worlds = {"world": near(0.01), "hold": "steps"}
    assert reasons(MEDIAN, **worlds)[0] == (
        "Stopped at step 20 with 0.4149 at best: the median of 3 finished runs had 0.4161 there (median pruner)."
    )
    assert "the best 1/3 of 2 runs that came there by then had" in reasons(HALVING, **worlds)[0]
    assert "of its bracket that came there" in reasons({"kind": "hyperband"}, **worlds)[0]
    assert reasons({"kind": "threshold", "lower": 0.6, "warmup_steps": 30}, **worlds)[0].endswith(
        "below the lower bound of 0.6 (threshold)."
    )
    assert reasons({"kind": "threshold", "upper": 0.4}, **worlds)[0].endswith(
        "above the upper bound of 0.4 (threshold)."
    )


def falling(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
    """The dev metric rises to a height of its own, then falls."""
    rise = np.sin(np.linspace(0.0, 3.0, num_steps))
    return run_of(2.0 - np.linspace(0, 1, num_steps), float(params["momentum"]) * rise)


def test_a_run_that_no_longer_gets_better_has_come_to_its_end() -> None:
    stage = {**RANDOM, "trials": 6, "parameters": ["momentum"], "pruner": {"kind": "patience", "patience": 3}}
    simulation = search(stage, CONFIRM, world=falling)
    assert {trial.state for trial in simulation.snapshot.of("search")} == {TrialState.PRUNED}
    trial = simulation.snapshot.trials[0]
    assert trial.ended_because.startswith("Stopped at step ")
    assert trial.ended_because.endswith("before them (patience).")
    chosen = simulation.decision("search").choice["momentum"]
    assert chosen == max(trial.params["momentum"] for trial in simulation.snapshot.of("search"))


def test_minimising_stops_what_is_high() -> None:
    metric = {"name": "dev_accuracy", "direction": "minimize"}
    world = scored(lambda params: 0.2 + 0.1 * abs(math.log10(float(params["lr"]) / 0.001)))
    simulation = search(
        {**RANDOM, "trials": 16, "pruner": HALVING}, world=world, metric=metric, trials=20, hold="steps"
    )
    done = [trial.params["lr"] for trial in simulation.snapshot.trials if trial.state is TrialState.COMPLETED]
    assert simulation.decision("search").choice["lr"] == min(done, key=lambda lr: abs(math.log10(float(lr) / 0.001)))


def test_shorter_runs_are_compared_at_the_same_share_of_their_length() -> None:
    seen: list[PruneRequest] = []

    def watch(request: PruneRequest) -> Mapping[str, Verdict]:
        seen.append(request)
        return {}

    space = {"batch_size": {"kind": "choice", "values": [64, 128]}}
    stage = {**RANDOM, "trials": 6, "parameters": ["batch_size"], "pruner": {**HALVING, "min_resource": 20}}
    Simulation(study(stage, trials=12, space=space), quadratic(), pruner=watch, pieces=12).run()
    last = seen[-1]
    assert {step for run in last.runs for step, _ in run.reports} == {20, 60}
    assert {run.reached for run in last.runs if run.state == "finished"} == {120}
    assert (last.study, last.steps) == ("study/search", 120)


def test_a_pruner_sees_only_what_it_looks_at() -> None:
    sizes: dict[str, set[int]] = {}
    for name, pruner in EVERY_PRUNER.items():

        def watch(request: PruneRequest, name: str = name) -> Mapping[str, Verdict]:
            sizes.setdefault(name, set()).update(len(run.reports) for run in request.runs)
            return {}

        stage = {**RANDOM, "trials": 6, "pruner": pruner}
        Simulation(study(stage, trials=12), quadratic(), pruner=watch, slots=3, pieces=24).run()
    assert max(sizes["threshold"]) == 1
    assert max(sizes["successive halving"]) == max(sizes["hyperband"]) == 2
    assert max(sizes["median"]) <= 3


def test_a_metric_that_is_no_number_is_told_as_none() -> None:
    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        values = np.full(num_steps, math.inf if float(params["lr"]) != 0.01 else 0.5)
        return run_of(np.linspace(2, 1, num_steps), values)

    found = reasons({"kind": "threshold", "lower": 0.1}, world=world)
    assert found
    assert all("with no number: the metric has to be a number (threshold)." in reason for reason in found)
    assert reasons(MEDIAN, world=world)[0].startswith("Stopped at step 5 with no number at best")


def test_without_the_metric_the_loss_is_what_runs_are_judged_by() -> None:
    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = quadratic()(params, schedule, num_steps, seed)
        return Run({"loss": run.curves["loss"]})

    simulation = search({**RANDOM, "trials": 12, "pruner": HALVING}, world=world, trials=20)
    stopped = [trial for trial in simulation.snapshot.trials if trial.state is TrialState.PRUNED]
    assert stopped
    assert simulation.decision("search").evidence["judged_by"] == "loss"


def test_a_sampler_is_told_what_was_stopped_with_its_last_value() -> None:
    recorder = Recorder()
    stage = {**RANDOM, "trials": 12, "pruner": HALVING, "parallel": 1}
    spec = study(stage, trials=20, hold="steps")
    Simulation(spec, near(0.01), sampler=recorder, pruner=OptunaPruner(), pieces=24).run()
    told = [seen for seen in recorder.requests[-1].history if seen.stopped_at is not None]
    assert told
    assert all(seen.score is not None and seen.stopped_at in range(15, 121) for seen in told)


# --- what goes wrong ---------------------------------------------------------------------------------------------


def test_what_diverges_counts_as_bad_as_the_worst_that_did_not() -> None:
    recorder = Recorder()
    spec = study({**RANDOM, "trials": 8, "parallel": 1, "parameters": ["lr"]}, trials=12)
    world = diverging(0.05, near(0.01))
    simulation = Simulation(spec, world, sampler=recorder, pieces=12).run()
    lost = [trial for trial in simulation.snapshot.trials if trial.state is TrialState.DIVERGED]
    scores = [seen.score for seen in recorder.requests[-1].history if seen.score is not None]
    assert lost
    assert scores.count(min(scores)) >= 2


def test_failures_are_passed_over_and_told() -> None:
    world = failing(lambda params, _: float(params["lr"]) != 0.01, quadratic())
    simulation = search({**RANDOM, "trials": 4}, world=world)
    assert simulation.state is StudyState.COMPLETED
    assert simulation.decision("search").warnings[0].startswith("3 trials failed and took no part:")


def test_where_nothing_can_be_judged_the_study_fails_and_says_so() -> None:
    simulation = search({**RANDOM, "trials": 4}, world=failing(lambda *_: True, quadratic()))
    assert isinstance(simulation.last, Fail)
    assert simulation.last.reason.startswith("search has nothing to go on from")
    stopped = search({**RANDOM, "trials": 3, "pruner": {"kind": "threshold", "lower": 2.0}})
    assert isinstance(stopped.last, Fail)
    assert "below the lower bound of 2 (threshold)" in stopped.last.reason


def test_a_pruner_that_is_not_asked_for_is_not_asked() -> None:
    def never(request: PruneRequest) -> Mapping[str, Verdict]:
        raise AssertionError(request)

    simulation = Simulation(study({**RANDOM, "trials": 3}, trials=6), quadratic(), pruner=never).run()
    assert simulation.state is StudyState.COMPLETED


def test_where_nobody_judges_every_run_goes_on_and_the_decision_says_so() -> None:
    simulation = Simulation(study({**RANDOM, "trials": 3, "pruner": HALVING}, trials=6), quadratic()).run()
    assert simulation.decision("search").reason.endswith("the successive_halving pruner stopped none of 3 runs.")
