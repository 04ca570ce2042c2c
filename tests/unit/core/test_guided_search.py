"""The stages of a guided search, each for what it promises."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.states import StudyState, TrialState
from studies.contract.study_file import JointSearch, StageKind
from studies.core.actions import Action, ContinueTrial, EndTrial, Fail
from studies.core.context import Context
from studies.core.judging import Reading
from studies.core.search.space import UNDECAYED, start_share
from studies.core.search.standing import read_at
from studies.core.search.stopping import stop_hopeless
from studies.core.snapshot import Curve, Trial
from tests.simulation.simulator import Run, Simulation, World, fake_sampler
from tests.simulation.study import study
from tests.simulation.worlds import diverging, failing, flat, quadratic, run_of

KINDS: tuple[StageKind, ...] = ("lr_halving", "decay_probes", "parameter_probes", "joint_search", "confirm")
SWEEP, DECAYS, PROBES, JOINT, CONFIRM = ({"kind": kind} for kind in KINDS)
FIXED = (("batch_size", 64), ("momentum", 0.9), ("weight_decay", 0.0))
RATES = [0.1, 0.01, 0.001, 0.0001]


def search(*stages: dict[str, Any], world: World | None = None, slots: int = 1, **fields: Any) -> Simulation:
    spec = study(*stages, strategy="guided_search", **{"trials": 16, **fields})
    return Simulation(spec, world or quadratic(), slots=slots, pieces=12).run()


def scored(score: Any, *, noise: float = 0.0) -> World:
    """A world whose dev metric climbs to `score(params, schedule)`; `noise` is between seeds."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        rise = 1.0 - np.exp(-np.arange(1, num_steps + 1) / 30.0)
        luck = noise * np.random.default_rng([seed, int(1e6 * float(params["lr"]))]).standard_normal()
        return run_of(2.0 - rise, score(params, schedule) * rise + luck)

    return world


def near(lr: float) -> World:
    return scored(lambda params, _: 1.0 - 0.1 * abs(math.log10(float(params["lr"]) / lr)))


class Straggling(Simulation):
    """The trial of the slow rate takes a step a tick."""

    def _advanced(self, trial: Trial) -> Trial:
        if trial.params["lr"] != 0.1 or trial.num_steps > 15:
            return super()._advanced(trial)
        pieces, self._pieces = self._pieces, trial.num_steps
        try:
            return super()._advanced(trial)
        finally:
            self._pieces = pieces


# --- the sweep ---------------------------------------------------------------------------------------------------


def test_a_third_of_the_rates_goes_on_at_every_rung() -> None:
    simulation = search({**SWEEP, "rates": [10**-power for power in (0, 1, 1.5, 2, 2.5, 3, 4, 5, 6)]}, world=near(0.01))
    assert sorted(trial.num_steps for trial in simulation.snapshot.trials) == [15] * 6 + [40] * 2 + [120]
    assert simulation.decision("lr_halving").choice == {"lr": 0.01, "num_steps": 120}
    stopped = [trial for trial in simulation.snapshot.trials if trial.state is TrialState.PRUNED]
    assert len(stopped) == 8
    assert stopped[0].ended_because.startswith("Left behind after 40 steps: rank")


def test_nobody_waits_for_a_straggler() -> None:
    spec = study({**SWEEP, "rates": [0.1, 0.03, 0.01, 0.003]}, strategy="guided_search", trials=20)
    simulation = Straggling(spec, near(0.01), slots=8)
    simulation._settle()
    while not any(isinstance(action, ContinueTrial) for action in simulation.actions):
        simulation.tick()
        simulation._settle()
    slow = simulation.snapshot.by_key["lr_halving", "lr=0.1"]
    assert slow.state is TrialState.RUNNING
    assert simulation.run().decision("lr_halving").choice["lr"] == 0.01


def test_rates_are_spread_around_the_default_over_the_range() -> None:
    simulation = search(SWEEP, trials=60, space={"lr": {"kind": "float", "low": 1e-4, "high": 0.1}})
    rates = sorted(float(trial.params["lr"]) for trial in simulation.snapshot.trials)
    assert rates == [1e-4, 3.2e-4, 0.001, 0.0032, 0.01, 0.032, 0.1]


def test_listed_rates_are_the_sweep() -> None:
    simulation = search(SWEEP, space={"lr": {"kind": "choice", "values": RATES}})
    assert {trial.params["lr"] for trial in simulation.snapshot.trials} == set(RATES)


def test_a_winner_at_the_edge_is_warned_of() -> None:
    decision = search({**SWEEP, "rates": RATES}, world=near(1.0)).decision("lr_halving")
    assert decision.warnings == ("lr 0.1 is the highest rate tried: a higher one may be better.",)


def test_the_record_says_where_the_next_best_was_left_behind() -> None:
    decision = search({**SWEEP, "rates": RATES}, world=near(0.01)).decision("lr_halving")
    assert "ahead after 40 steps, where it was left behind: it had" in decision.what_would_flip_it
    assert [rung["steps"] for rung in decision.evidence["rungs"]].count(120) == 1


def test_a_single_full_run_is_affordable_by_the_smallest_budget() -> None:
    simulation = search(SWEEP, trials=1)
    assert simulation.state is StudyState.COMPLETED
    assert [trial.num_steps for trial in simulation.snapshot.trials] == [120]


def test_rates_that_all_diverge_fail_the_study() -> None:
    simulation = search({**SWEEP, "rates": RATES}, world=diverging(0.0, quadratic()))
    assert isinstance(simulation.last, Fail)
    assert "no run of full length could be judged" in simulation.last.reason


def test_a_rate_without_a_reading_is_left_behind() -> None:
    def silent(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = near(0.01)(params, schedule, num_steps, seed)
        return Run({name: curve for name, curve in run.curves.items() if params["lr"] != 0.1 or name == "loss"})

    simulation = search({**SWEEP, "rates": RATES}, world=silent)
    slow = simulation.snapshot.by_key["lr_halving", "lr=0.1"]
    assert slow.ended_because == "Left behind after 15 steps: it reported nothing that it could be judged by."


# --- late decays -------------------------------------------------------------------------------------------------


def test_decays_start_just_before_the_dev_peak() -> None:
    simulation = search(SWEEP, DECAYS)
    probes = simulation.snapshot.of("decay_probes")
    assert [trial.schedule.kind for trial in probes] == ["linear", "cosine"]
    assert {trial.schedule.start for trial in probes} <= {96, 102, 108}
    assert all(trial.state is TrialState.COMPLETED for trial in probes)


def test_a_decay_that_pays_is_chosen_and_one_that_does_not_is_not() -> None:
    pays = scored(lambda _, schedule: 0.9 if schedule.kind == "cosine" else 0.8)
    harms = scored(lambda _, schedule: 0.9 if schedule.kind == "constant" else 0.8)
    assert search(SWEEP, DECAYS, world=pays).decision("decay_probes").choice["schedule"] == "cosine"
    decision = search(SWEEP, DECAYS, world=harms).decision("decay_probes")
    assert decision.choice["schedule"] == "constant"
    assert decision.reason.startswith("Constant as before, with dev_accuracy")


def test_a_first_stage_begins_with_the_defaults() -> None:
    for stage in (DECAYS, PROBES, JOINT):
        first = search(stage, trials=6).snapshot.trials[0]
        assert (first.key, first.params["lr"], first.num_steps) == ("defaults", 0.01, 120)


# --- parameter probes --------------------------------------------------------------------------------------------


def test_each_hyperparameter_takes_a_step_to_either_side_with_its_rate_scaled() -> None:
    simulation = search(PROBES, trials=40, world=scored(lambda *_: 0.9))
    probes = {trial.key: trial.params for trial in simulation.snapshot.trials}
    assert list(probes) == [
        "defaults",
        *(f"{name}/{side}" for name in ("batch_size", "momentum") for side in ("up", "down")),
        "weight_decay/up",
    ]
    assert (probes["batch_size/up"]["batch_size"], probes["batch_size/up"]["lr"]) == (128, 0.0141)
    assert (probes["momentum/down"]["momentum"], probes["momentum/down"]["lr"]) == (0.684, 0.0178)


def test_a_step_for_the_better_is_kept_and_not_taken_back() -> None:
    world = scored(lambda params, _: 0.5 + 0.1 * math.log2(float(params["batch_size"]) / 16))
    simulation = search({**PROBES, "parallel": 1}, trials=40, world=world, hold="steps")
    probes = {trial.key: trial.params for trial in simulation.snapshot.trials}
    assert "batch_size/down" not in probes
    assert probes["momentum/up"]["batch_size"] == 128
    assert simulation.decision("parameter_probes").choice["batch_size"] == 128


def test_a_probe_that_falls_behind_the_run_that_it_varies_stops() -> None:
    world = scored(lambda params, _: 0.9 - 0.1 * abs(math.log2(float(params["batch_size"]) / 64)))
    simulation = search(PROBES, trials=40, world=world, hold="steps")
    probe = simulation.snapshot.by_key["parameter_probes", "batch_size/up"]
    assert probe.state is TrialState.PRUNED
    assert probe.ended_because.startswith("Stopped at step 15 with")
    assert "the run that it varies had" in probe.ended_because


def test_values_without_order_are_all_tried_and_ends_of_a_range_not_passed() -> None:
    space = {
        "activation": {"kind": "choice", "values": ["relu", "gelu", "tanh"]},
        "layers": {"kind": "int", "low": 1, "high": 5, "default": 5},
        "listed": {"kind": "choice", "values": [1, 2, 1000], "default": 1},
        "top": {"kind": "choice", "values": [1, 2, 1000], "default": 1000},
    }
    probes = search(PROBES, trials=60, space=space, world=scored(lambda *_: 0.9)).snapshot.by_key
    asked = {key for _, key in probes}
    assert {"activation/gelu", "activation/tanh", "layers/down", "listed/up", "top/down"} <= asked
    assert not {"activation/relu", "layers/up", "listed/down", "top/up"} & asked
    assert probes["parameter_probes", "listed/up"].params["listed"] == 2


# --- the joint search --------------------------------------------------------------------------------------------


def test_the_joint_search_finds_what_no_single_step_does() -> None:
    def ridge(params: Params, _: Schedule) -> float:
        batch, lr = math.log2(float(params["batch_size"]) / 256), math.log10(float(params["lr"]) / 0.3)
        return 0.9 - 0.05 * abs(batch) - 0.2 * abs(lr - batch / 4)

    simulation = search(SWEEP, JOINT, world=scored(ridge), hold="steps")
    swept, found = (simulation.decision(kind).evidence["dev_after"] for kind in ("lr_halving", "joint_search"))
    assert found > swept + 0.01


@pytest.mark.parametrize(("parallel", "most"), [(1, 1), (3, 3), (8, 8)])
def test_as_many_points_are_under_way_as_asked(parallel: int, most: int) -> None:
    spec = study({**JOINT, "parallel": parallel}, strategy="guided_search", trials=12)
    simulation, peak = Simulation(spec, quadratic(), slots=8, pieces=12), 0
    simulation._settle()
    while not simulation.snapshot.state.ended:
        simulation.tick()
        simulation._settle()
        peak = max(peak, sum(not trial.state.ended for trial in simulation.snapshot.trials))
    assert peak == most


def test_points_follow_the_workers_where_nobody_says_how_many() -> None:
    spec = study(JOINT, strategy="guided_search", trials=16)
    simulation, widest = Simulation(spec, quadratic(), slots=6, pieces=24), 0
    simulation._settle()
    while not simulation.snapshot.state.ended:
        simulation.tick()
        simulation._settle()
        running = sum(trial.state is TrialState.RUNNING for trial in simulation.snapshot.trials)
        assert sum(trial.state is TrialState.WAITING for trial in simulation.snapshot.trials) <= 2
        widest = max(widest, running)
    assert widest >= 5


def test_points_without_a_chance_stop_once_a_run_of_a_like_schedule_has_finished() -> None:
    simulation = search(SWEEP, DECAYS, JOINT)
    stopped = [t for t in simulation.snapshot.of("joint_search") if t.state is TrialState.PRUNED]
    done = [t for t in simulation.snapshot.trials if t.state is TrialState.COMPLETED]
    assert stopped
    for trial in stopped:
        assert "with a chance of less than 5% to be better than the best known or under way" in trial.ended_because
        starts = [start_share(t.schedule, t.num_steps) for t in done]
        assert any(abs(start - start_share(trial.schedule, trial.num_steps)) <= 0.1 for start in starts)
    assert simulation.decision("joint_search").evidence["stopped"] == len(stopped)


def test_a_run_that_is_stopped_would_not_be_if_no_run_of_a_like_schedule_had_finished() -> None:
    """A late decay wins in the last third: what it gains there is not known before one has come to its end."""
    snapshot = search(SWEEP, DECAYS, JOINT).snapshot
    lost = next(t for t in snapshot.of("joint_search") if t.state is TrialState.PRUNED and t.schedule.end)

    def verdict(others: Iterable[Trial]) -> tuple[Action, ...]:
        trials = (*others, replace(lost, state=TrialState.RUNNING))
        stage = next(stage for stage in snapshot.spec.stages if isinstance(stage, JointSearch))
        return stop_hopeless(Context(replace(snapshot, trials=trials), stage, limit=99, sampler=fake_sampler))

    others = [trial for trial in snapshot.trials if trial is not lost]
    unlike = [trial for trial in others if start_share(trial.schedule, trial.num_steps) == UNDECAYED]
    assert [action.trial_id for action in verdict(others) if isinstance(action, EndTrial)] == [lost.id]
    assert verdict(unlike) == ()


def test_a_space_with_nothing_to_move_is_concluded_at_once() -> None:
    space = {
        name: {"kind": "choice", "values": [value]}
        for name, value in (("lr", 0.01), ("batch_size", 64), ("momentum", 0.9), ("weight_decay", 0.0))
    }
    simulation = search(JOINT, space=space)
    assert [trial.key for trial in simulation.snapshot.trials] == ["defaults"]
    assert simulation.decision("joint_search").what_would_flip_it.startswith("Any other configuration")


# --- confirmation ------------------------------------------------------------------------------------------------


TWO = {name: {"kind": "choice", "values": [value]} for name, value in (("lr", 0.01), *FIXED)} | {
    "activation": {"kind": "choice", "values": ["relu", "gelu"]}
}
"""A space of two configurations."""


def test_a_lead_that_is_real_is_said_to_be() -> None:
    world = scored(lambda params, _: 0.9 if params["activation"] == "gelu" else 0.8)
    decision = search(JOINT, CONFIRM, world=world, space=TWO).decision("confirm")
    assert decision.choice["activation"] == "gelu"
    assert "activation gelu, constant has dev_accuracy 0.882 (mean of 2 seeds)" in decision.reason
    assert "Its lead is real: 0.098 ahead of the second, beyond the noise" in decision.reason


def test_noise_alone_is_no_lead() -> None:
    simulation = search(SWEEP, JOINT, CONFIRM, world=flat(noise=0.02), slots=4)
    repeats = simulation.snapshot.of("confirm")
    assert {trial.seed for trial in repeats} == {1}
    assert len(repeats) == 2
    assert "Its lead is not real" in simulation.decision("confirm").reason
    assert "the second is as good" in simulation.decision("confirm").reason


def test_without_room_for_repeats_the_lead_may_be_luck() -> None:
    simulation = search(SWEEP, JOINT, CONFIRM, trials=5)
    assert not simulation.snapshot.of("confirm")
    assert "may be luck" in simulation.decision("confirm").reason


def test_a_single_finalist_has_nothing_to_be_compared_with() -> None:
    simulation = search({**SWEEP, "rates": [0.01]}, CONFIRM, trials=20)
    assert "Nothing else has finished runs" in simulation.decision("confirm").reason


def test_a_finalist_that_diverges_with_another_seed_is_out() -> None:
    world = scored(lambda params, _: 0.9 if params["activation"] == "gelu" else 0.8)

    def unlucky(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        inside = diverging(0.0, world) if seed and params["activation"] == "gelu" else world
        return inside(params, schedule, num_steps, seed)

    decision = search(JOINT, CONFIRM, world=unlucky, space=TWO).decision("confirm")
    assert decision.choice["activation"] == "relu"
    assert decision.warnings[0].endswith("diverged and took no part in the choice.")


# --- the whole ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 8])
def test_minimising_finds_the_lowest(slots: int) -> None:
    metric = {"name": "dev_accuracy", "direction": "minimize"}
    world = scored(lambda params, _: 0.2 + 0.1 * abs(math.log10(float(params["lr"]) / 0.001)))
    simulation = search(SWEEP, PROBES, JOINT, CONFIRM, world=world, metric=metric, slots=slots)
    assert 1e-4 < simulation.decision("confirm").choice["lr"] < 1e-2


def test_failures_are_passed_over_and_told() -> None:
    world = failing(lambda params, _: params["batch_size"] == 128, quadratic())
    simulation = search(*({"kind": kind} for kind in KINDS), world=world, slots=4)
    assert simulation.state is StudyState.COMPLETED
    assert simulation.decision("parameter_probes").warnings[0].startswith("1 trial failed and took no part:")


@pytest.mark.parametrize("kind", KINDS)
def test_where_everything_fails_the_study_does_and_says_so(kind: StageKind) -> None:
    simulation = search({"kind": kind}, world=failing(lambda *_: True, quadratic()))
    assert isinstance(simulation.last, Fail)
    assert "ValueError: no such file" in simulation.last.reason


def test_a_run_is_read_as_it_was_on_the_way() -> None:
    """Whatever a measure looks at, it sees no further than that step."""
    whole = {
        "loss": Curve(np.array([1, 2, 3]), np.array([3.0, 2.0, 1.0])),
        "dev": Curve(np.array([3]), np.array([0.5])),
    }
    trial = Trial("tr_1", 0, "k", "joint_search", {}, Schedule(), 3, 0, TrialState.COMPLETED, curves=whole)
    seen: list[dict[str, int]] = []

    def measure(cut: Trial) -> Reading:
        seen.append({name: len(cut.curve(name)) for name in (*cut.curves, "none")})
        return Reading(float(len(cut.curves)), 0.0)

    assert read_at(trial, 2, measure) == Reading(2.0, 0.0)
    assert seen == [{"loss": 2, "dev": 0, "none": 0}]
