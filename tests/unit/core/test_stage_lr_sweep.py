"""Stage 1: which rates the sweep asks for, which one wins and for how many steps (guide, stage 1)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.states import StageState, StudyState
from studies.core.decide import decide
from studies.core.schedules import constant
from studies.core.snapshot import Snapshot
from studies.core.stages.lr_sweep.phases import ladder
from tests.simulation.simulator import Run, Simulation, World, fake_sampler, queued
from tests.simulation.study import SWEEP, study
from tests.simulation.worlds import diverging, quadratic, run_of


def from_table(losses: dict[float, float], *, fall: dict[float, float] | None = None, noise: float = 0.0) -> World:
    """A world in which each rate's loss falls exponentially to a known depth, from 1.5, at a known speed in steps."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        lr = float(params["lr"])
        steps = np.arange(num_steps)
        depth = losses.get(lr, 1.4)
        loss = depth + (1.5 - depth) * np.exp(-steps / (fall or {}).get(lr, 5.0))
        scatter = np.random.default_rng([seed, int(lr * 1e9)]).standard_normal(num_steps)
        return run_of(loss + noise * scatter, 1.0 - loss / 2)

    return world


def flat_dev(world: World) -> World:
    """The same world, but its dev metric is at its best from the start."""

    def flattened(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        curves = world(params, schedule, num_steps, seed).curves
        return run_of(curves["loss"].values, np.full(num_steps, 0.9))

    return flattened


COARSE = {**SWEEP, "refine": 0}


def test_every_trial_names_every_hyperparameter() -> None:
    simulation = Simulation(study(SWEEP), quadratic()).run()
    for trial in simulation.snapshot.trials:
        assert trial.params.keys() == {"lr", "batch_size", "momentum", "weight_decay"}
        assert (trial.params["batch_size"], trial.params["momentum"], trial.params["weight_decay"]) == (64, 0.9, 0.0)
        assert trial.schedule == constant()
        assert trial.num_steps == 80


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop"])
def test_momentum_is_not_a_hyperparameter_of_adam_and_its_kin(optimizer: str) -> None:
    simulation = Simulation(study(SWEEP, optimizer=optimizer), quadratic()).run()
    assert all("momentum" not in trial.params for trial in simulation.snapshot.trials)


def test_seeds_repeat_the_grid_with_seeds_that_count_from_the_study_s() -> None:
    spec = study({**COARSE, "grid": [0.1, 0.01], "seeds": 3}, seed=7)
    simulation = Simulation(spec, from_table({0.01: 0.1, 0.1: 0.5})).run()
    seeds = {trial.key: trial.seed for trial in simulation.snapshot.trials}
    assert {seeds["lr=0.01"], seeds["lr=0.01/seed=8"], seeds["lr=0.01/seed=9"]} == {7, 8, 9}
    assert simulation.decision("lr_sweep").evidence["cells"][0]["seeds"] == [7, 8, 9]


def test_the_deepest_curve_wins() -> None:
    decision = Simulation(study(COARSE), from_table({0.01: 0.3, 0.1: 0.2}, noise=0.01)).run().decision("lr_sweep")
    assert decision.choice["lr"] == 0.1
    assert "deeper than lr 0.01" in decision.reason
    assert [candidate.params["lr"] for candidate in decision.candidates] == [0.1, 0.01]
    assert {candidate.num_steps for candidate in decision.candidates} == {decision.choice["num_steps"]}


def test_of_equally_deep_curves_the_faster_wins() -> None:
    world = from_table({0.01: 0.2, 0.1: 0.2}, fall={0.01: 10.0, 0.1: 3.0}, noise=0.02)
    decision = Simulation(study(COARSE), world).run().decision("lr_sweep")
    assert decision.choice["lr"] == 0.1
    assert "falls faster" in decision.reason
    assert "beyond the noise" not in decision.reason


def test_of_curves_that_tie_in_both_the_smaller_rate_wins_and_the_tie_is_reported() -> None:
    world = from_table({0.001: 1.0, 0.01: 0.2, 0.1: 0.2}, noise=0.05)
    simulation = Simulation(study(COARSE), world).run()
    decision = simulation.decision("lr_sweep")
    assert decision.choice["lr"] == 0.01
    assert any("tie within noise" in warning for warning in decision.warnings)
    assert {"lr=0.01/seed=1", "lr=0.1/seed=1", "lr=0.01/seed=2", "lr=0.1/seed=2"} <= set(simulation.keys("lr_sweep"))


def test_a_clear_lead_is_not_repeated() -> None:
    simulation = Simulation(study(SWEEP), from_table({0.01: 0.2, 0.1: 0.6, 0.001: 0.6}, noise=0.005)).run()
    assert not [key for key in simulation.keys("lr_sweep") if "/seed=" in key]


def test_free_seeds_run_beside_the_refinement_whether_they_are_needed_or_not() -> None:
    world = from_table({0.01: 0.2, 0.1: 0.6, 0.001: 0.7}, noise=0.005)
    simulation = Simulation(study({**SWEEP, "free_seeds": 2}), world)
    simulation._settle()
    while not any("/seed=" in trial.key for trial in simulation.snapshot.trials):
        simulation.tick()
        simulation._settle()
    waiting = [trial.key for trial in simulation.snapshot.trials if not trial.state.ended]
    free = ["lr=0.01/seed=1", "lr=0.1/seed=1", "lr=0.01/seed=2", "lr=0.1/seed=2"]
    assert [key for key in waiting if "/seed=" in key] == free
    assert "lr=0.03" in waiting
    parents = {trial.key: trial.parent_id for trial in simulation.snapshot.trials}
    assert parents["lr=0.1/seed=2"] == simulation.snapshot.by_key["lr_sweep", "lr=0.1"].id
    decision = simulation.run().decision("lr_sweep")
    assert "free_seeds" in decision.rule
    assert decision.choice["lr"] == 0.01
    assert decision.evidence["cells"][0]["seeds"] == [0, 1, 2]
    assert [key for key in simulation.keys("lr_sweep") if "/seed=" in key] == free


def test_free_seeds_are_the_repeats_that_a_close_contest_asks_for_anyway() -> None:
    world = from_table({0.001: 1.0, 0.01: 0.2, 0.1: 0.2}, noise=0.05)
    plain, free = (Simulation(study({**COARSE, "free_seeds": count}), world).run() for count in (0, 2))
    assert set(free.keys("lr_sweep")) == set(plain.keys("lr_sweep"))
    assert free.decision("lr_sweep").choice == plain.decision("lr_sweep").choice


def test_no_free_seed_where_every_rate_diverged() -> None:
    simulation = Simulation(study({**SWEEP, "free_seeds": 1}), diverging(1e-30, from_table({}))).run()
    assert not [key for key in simulation.keys("lr_sweep") if "/seed=" in key]


def test_the_winner_is_refined_with_the_numbers_of_the_guide() -> None:
    simulation = Simulation(study(SWEEP), from_table({0.01: 0.2, 0.1: 0.6, 0.001: 0.6})).run()
    assert {"lr=0.003", "lr=0.005", "lr=0.03", "lr=0.05"} <= set(simulation.keys("lr_sweep"))


def test_no_refined_rate_reaches_the_smallest_that_diverged() -> None:
    spec = study({**SWEEP, "grid": [0.04, 0.02, 0.01, 0.001], "refine": 8})
    world = diverging(0.035, from_table({0.02: 0.2, 0.01: 0.3, 0.001: 0.6}))
    rates = [trial.params["lr"] for trial in Simulation(spec, world).run().snapshot.trials]
    assert len(rates) > 5
    assert [lr for lr in rates if float(lr) >= 0.04] == [0.04]


def test_num_steps_is_one_and_a_half_times_the_convergence_step() -> None:
    decision = Simulation(study(COARSE), flat_dev(from_table({0.01: 0.2}))).run().decision("lr_sweep")
    converged = decision.evidence["convergence_step"]
    assert 15 <= converged <= 30
    assert decision.evidence["dev_plateau_step"] <= converged
    assert decision.choice["num_steps"] == -(-3 * converged // 2)
    assert f"at step {converged}, and 1.5x that makes num_steps {decision.choice['num_steps']}" in decision.reason


def test_num_steps_reaches_beyond_where_the_dev_metric_still_gains() -> None:
    decision = Simulation(study(COARSE), from_table({0.01: 0.2})).run().decision("lr_sweep")
    plateau = decision.evidence["dev_plateau_step"]
    assert plateau > 2 * decision.evidence["convergence_step"]
    assert decision.choice["num_steps"] == -(-3 * plateau // 2)
    assert f"dev_accuracy gains until step {plateau}, and 1.5x that makes num_steps" in decision.reason


def test_num_steps_never_exceeds_the_budget() -> None:
    spec = study(COARSE, steps=30)
    decision = Simulation(spec, from_table({0.01: 0.2}, noise=0.001)).run().decision("lr_sweep")
    assert decision.choice["num_steps"] <= 30
    assert "budget.steps" in decision.reason


def test_dev_before_is_the_run_at_the_default_rate() -> None:
    world = from_table({0.1: 0.2, 0.01: 0.5, 0.001: 0.9})
    evidence = Simulation(study(COARSE), world).run().decision("lr_sweep").evidence
    assert evidence["dev_before"] == pytest.approx(1 - 0.5 / 2, abs=0.01)
    assert evidence["dev_after"] == pytest.approx(1 - 0.2 / 2, abs=0.01)


def test_a_grid_of_one_rate_is_not_extended() -> None:
    simulation = Simulation(study({**COARSE, "grid": [0.02]}), from_table({0.02: 0.2})).run()
    assert simulation.keys("lr_sweep") == ("lr=0.02",)
    assert ladder([0.02]) == [0.02]


def test_the_ladder_extends_a_grid_by_its_own_spacing_on_both_sides() -> None:
    assert ladder([0.1, 0.01]) == pytest.approx([1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100])


def test_a_grid_cut_by_the_budget_keeps_the_rates_near_the_default() -> None:
    simulation = Simulation(study(SWEEP, trials=3), from_table({0.01: 0.2})).run()
    assert simulation.keys("lr_sweep") == ("lr=0.01", "lr=0.001", "lr=0.1")
    decision = simulation.decision("lr_sweep")
    assert any("budget.trials" in warning for warning in decision.warnings)


def test_the_finalists_are_chosen_by_the_mean_of_their_repeats() -> None:
    def lucky(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        depth = {0.1: 0.30 if seed == 0 else 0.5, 0.01: 0.31}.get(float(params["lr"]), 1.4)
        scatter = np.random.default_rng([seed, int(float(params["lr"]) * 1e9)]).standard_normal(num_steps)
        # No other difference than the depth: the same speed until shortly before the end.
        loss = np.where(np.arange(num_steps) < 60, 1.5 - np.arange(num_steps) / 60, depth) + 0.05 * scatter
        return run_of(loss)

    decision = Simulation(study(COARSE), lucky).run().decision("lr_sweep")
    assert decision.choice["lr"] == 0.01


def test_nothing_happens_while_the_winner_is_being_continued() -> None:
    def slow(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        depth = {0.01: 1.0}.get(float(params["lr"]), 2.0)
        return run_of(depth * (2.0 - np.arange(num_steps) / 120.0))

    simulation = Simulation(study(SWEEP), slow)
    while not any(trial.num_steps == 120 for trial in simulation.snapshot.trials):
        simulation._settle()
        simulation.tick()
    assert decide(simulation.snapshot, fake_sampler) == ()


def test_an_open_stage_without_room_for_any_trial_fails_rather_than_hangs() -> None:
    snapshot: Snapshot = queued(study(SWEEP))
    stage = replace(snapshot.stages[0], state=StageState.RUNNING)
    snapshot = replace(snapshot, state=StudyState.RUNNING, stages=(stage,))
    assert decide(snapshot, fake_sampler) != ()


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_the_chosen_rate_is_near_the_best_one_of_a_quadratic_bowl(noise: float) -> None:
    near = 0
    for seed in range(5):
        simulation = Simulation(study(SWEEP, seed=seed, steps=90), quadratic(noise=noise)).run()
        near += 0.003 <= simulation.decision("lr_sweep").choice["lr"] <= 0.03
    assert near >= 4


def test_the_last_step_counts_even_where_it_is_the_only_one() -> None:
    """A point's step is the number of updates completed: a run of one step has its only loss at step 1."""
    simulation = Simulation(study(SWEEP, steps=1, trials=1), quadratic()).run()
    assert simulation.decision("lr_sweep").evidence["judged_by"] == "loss"
