"""Whole studies in worlds that go wrong: each ends, within its budget, and says what was the matter."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.states import StudyState, TrialState
from studies.contract.study_file import StageKind
from studies.core.actions import ContinueTrial, EndTrial, Fail
from tests.simulation.simulator import Run, Simulation, World
from tests.simulation.study import ALL, BATCH, DECAY, SWEEP, study
from tests.simulation.worlds import all_nan, diverging, failing, flat, quadratic, run_of, without


def failure(simulation: Simulation) -> str:
    assert simulation.state is StudyState.FAILED
    assert isinstance(simulation.last, Fail)
    return simulation.last.reason


def tilted(towards: float) -> World:
    """A world without noise whose loss is the deeper, the further the rate goes that way."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        height = 1.0 - 0.02 * towards * math.log10(float(params["lr"]))
        return run_of(height * (0.2 + np.exp(-np.arange(num_steps) / 8.0)), np.full(num_steps, 0.9))

    return world


def test_everything_diverges() -> None:
    simulation = Simulation(study(), diverging(0.0, quadratic())).run()
    reason = failure(simulation)
    assert "Every learning rate diverged, down to 1e-8" in reason
    assert "submit the study again" in reason
    assert {trial.state for trial in simulation.snapshot.trials} == {TrialState.DIVERGED}


def test_a_diverged_run_is_ended_while_it_runs_with_the_reason() -> None:
    simulation = Simulation(study(SWEEP), diverging(0.05, quadratic())).run()
    ended = [action for action in simulation.actions if isinstance(action, EndTrial)]
    assert {simulation.snapshot.by_id[action.trial_id].params["lr"] for action in ended} >= {0.1, 1.0}
    assert all(action.state == "diverged" and "nan at step 3" in action.reason for action in ended)
    assert simulation.ticks < 4 * len(simulation.snapshot.trials)


def test_rates_are_extended_downwards_until_one_does_not_diverge() -> None:
    simulation = Simulation(study(SWEEP), diverging(5e-6, quadratic())).run()
    assert "lr=1e-6" in simulation.keys("lr_sweep")
    assert simulation.decision("lr_sweep").choice["lr"] < 5e-6


def test_flat_terrain_is_a_tie_that_the_smaller_rate_wins() -> None:
    simulation = Simulation(study(SWEEP), flat()).run()
    decision = simulation.decision("lr_sweep")
    assert decision.choice["lr"] == 1e-5
    assert any("tie within noise" in warning for warning in decision.warnings)
    assert "lr=1e-6" not in simulation.keys("lr_sweep")


def test_a_whole_study_on_flat_terrain_is_insensitive_to_decay() -> None:
    simulation = Simulation(study(), flat(noise=0.01)).run()
    decision = simulation.decision("decay_schedule")
    assert simulation.state is StudyState.COMPLETED
    assert decision.choice["schedule"] == "constant"
    assert "nsensitive to decay" in decision.reason


@pytest.mark.parametrize(("towards", "beyond"), [(1.0, "lr=1000"), (-1.0, "lr=1e-8")])
def test_a_winner_at_the_edge_extends_the_grid_that_way_but_not_for_ever(towards: float, beyond: str) -> None:
    simulation = Simulation(study(SWEEP), tilted(towards)).run()
    keys = simulation.keys("lr_sweep")
    assert beyond in keys
    assert len([key for key in keys if float(key[3:]) > 1 or float(key[3:]) < 1e-5]) <= 3 + 4
    assert any("may be better" in warning for warning in simulation.decision("lr_sweep").warnings)


def test_noise_larger_than_the_differences_is_called_a_tie_and_repeated() -> None:
    simulation = Simulation(study(), flat(noise=0.2)).run()
    assert any("/seed=" in trial.key for trial in simulation.snapshot.trials)
    assert simulation.state is StudyState.COMPLETED
    assert simulation.decision("decay_schedule").choice["schedule"] == "constant"


@pytest.mark.parametrize("broken", [all_nan, without])
def test_a_metric_that_is_never_a_number_leaves_the_loss_to_decide(broken: Callable[[str, World], World]) -> None:
    simulation = Simulation(study(), broken("dev_accuracy", quadratic())).run()
    assert simulation.state is StudyState.COMPLETED
    for kind in ALL[1:]:
        decision = simulation.decision(kind)
        assert decision.evidence["judged_by"] == "loss"
        assert decision.evidence["dev_after"] is None
        assert any("the training loss decided instead" in warning for warning in decision.warnings)


def test_without_a_loss_the_metric_decides_the_sweep_and_the_record_says_so() -> None:
    simulation = Simulation(study(), without("loss", quadratic())).run()
    decision = simulation.decision("lr_sweep")
    assert simulation.state is StudyState.COMPLETED
    assert decision.evidence["judged_by"] == "dev_accuracy"
    assert any("No training loss was reported" in warning for warning in decision.warnings)


@pytest.mark.parametrize("kind", ALL)
def test_neither_loss_nor_metric_fails_the_study_with_what_to_do(kind: StageKind) -> None:
    silent = without("dev_accuracy", without("loss", quadratic()))
    reason = failure(Simulation(study({"kind": kind}), silent).run())
    assert "dev_accuracy" in reason
    assert "submit the study again" in reason


def test_a_failed_trial_takes_no_part_and_is_named() -> None:
    world = failing(lambda params, seed: params["lr"] == 0.01, quadratic())
    decision = Simulation(study(SWEEP), world).run().decision("lr_sweep")
    assert 0.01 not in [cell["lr"] for cell in decision.evidence["cells"]]
    assert decision.evidence["dev_before"] is None
    assert any("lr=0.01 (ValueError: no such file)" in warning for warning in decision.warnings)


@pytest.mark.parametrize("kind", ALL)
def test_when_every_trial_fails_the_study_fails_with_their_reasons(kind: StageKind) -> None:
    reason = failure(Simulation(study({"kind": kind}), failing(lambda params, seed: True, quadratic())).run())
    assert "ValueError: no such file" in reason
    assert "submit the study again" in reason


def test_a_later_stage_whose_runs_all_diverge_keeps_what_came_in() -> None:
    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        in_sweep = num_steps == 80
        return (quadratic() if in_sweep else diverging(0.0, quadratic()))(params, schedule, num_steps, seed)

    simulation = Simulation(study(), world).run()
    sweep, batch, decay = (simulation.decision(kind) for kind in ALL)
    assert batch.candidates == sweep.candidates == decay.candidates
    assert "kept as it is" in batch.reason
    assert simulation.state is StudyState.COMPLETED


def test_a_later_stage_whose_runs_all_fail_fails_the_study() -> None:
    world = failing(lambda params, seed: params["batch_size"] != 64 or params["momentum"] != 0.9, quadratic())
    spec = study({**BATCH, "batch_sizes": [32], "momenta": [0.8]}, defaults={"batch_size": 32, "momentum": 0.8})
    assert "every trial failed" in failure(Simulation(spec, world).run())


def test_one_trial_only_still_ends_in_a_decision() -> None:
    simulation = Simulation(study(trials=1), quadratic()).run()
    assert simulation.state is StudyState.COMPLETED
    assert simulation.keys("lr_sweep") == ("lr=0.01",)
    assert all(simulation.decision(kind).warnings for kind in ALL)
    assert "the only rate that could be judged" in simulation.decision("lr_sweep").reason


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("trials", range(1, 11))
def test_tiny_budgets_of_a_single_stage(kind: StageKind, trials: int) -> None:
    simulation = Simulation(study({"kind": kind}, trials=trials), quadratic()).run()
    assert simulation.state is StudyState.COMPLETED
    assert len(simulation.snapshot.trials) <= trials


@pytest.mark.parametrize("trials", range(2, 11))
def test_tiny_budgets_reach_the_last_stage_and_say_that_they_were_cut(trials: int) -> None:
    simulation = Simulation(study(trials=trials), quadratic()).run()
    assert simulation.state is StudyState.COMPLETED
    assert len(simulation.snapshot.trials) <= trials
    assert any("Cut short by the budget" in warning for warning in simulation.decision("lr_sweep").warnings)


@pytest.mark.parametrize("steps", [1, 2, 5, 10])
def test_tiny_runs(steps: int) -> None:
    simulation = Simulation(study(steps=steps, evaluate_every=1), quadratic()).run()
    assert simulation.state is StudyState.COMPLETED


def test_minimize_picks_the_lower_metric() -> None:
    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = quadratic()(params, schedule, num_steps, seed)
        accuracy = run.curves["dev_accuracy"]
        return Run({"loss": run.curves["loss"], "dev_error": type(accuracy)(accuracy.steps, 1.0 - accuracy.values)})

    spec = study(metric={"name": "dev_error", "direction": "minimize"})
    decision = Simulation(spec, world).run().decision("batch_momentum")
    scores = {cell["trial_id"]: cell["score"] for cell in decision.evidence["cells"]}
    assert decision.evidence["dev_after"] <= decision.evidence["dev_before"]
    assert decision.evidence["dev_after"] <= float(np.median(list(scores.values())))
    assert all(score > 0 for score in scores.values())


def test_minimize_and_maximize_decide_alike() -> None:
    def mirrored(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = quadratic()(params, schedule, num_steps, seed)
        accuracy = run.curves["dev_accuracy"]
        return Run({**run.curves, "dev_accuracy": type(accuracy)(accuracy.steps, -accuracy.values)})

    down = study(metric={"name": "dev_accuracy", "direction": "minimize"})
    one, other = Simulation(study(), quadratic()).run(), Simulation(down, mirrored).run()
    assert [one.decision(kind).choice for kind in ALL] == [other.decision(kind).choice for kind in ALL]


def test_a_winner_that_has_not_converged_is_continued_once_from_its_checkpoint() -> None:
    def slow(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        depth = 1.0 + abs(math.log10(float(params["lr"])) + 2.0)
        return run_of(depth * (2.0 - np.arange(num_steps) / 120.0), np.linspace(0.1, 0.9, num_steps))

    simulation = Simulation(study(SWEEP), slow).run()
    continued = [action for action in simulation.actions if isinstance(action, ContinueTrial)]
    assert [action.num_steps for action in continued] == [120]
    decision = simulation.decision("lr_sweep")
    assert decision.choice == {"lr": 0.01, "num_steps": 120}
    assert decision.evidence["convergence_step"] is None
    assert any("still falls after 120 steps" in warning for warning in decision.warnings)
    assert "wins with a smoothed loss after 80 steps of" in decision.reason


def test_a_winner_that_diverges_when_it_is_continued_makes_room_for_the_next() -> None:
    def late_blow_up(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        depth = 1.0 + abs(math.log10(float(params["lr"])) + 2.0)
        loss = depth * (2.0 - np.arange(num_steps) / 120.0)
        if params["lr"] == 0.01:
            loss[90:] = math.nan
        return run_of(loss)

    simulation = Simulation(study(SWEEP), late_blow_up).run()
    assert simulation.state is StudyState.COMPLETED
    assert simulation.decision("lr_sweep").choice["lr"] != 0.01
    assert 0.01 in simulation.decision("lr_sweep").evidence["diverged"]


def test_a_winner_that_fails_when_it_is_continued_keeps_what_it_had() -> None:
    """An error of the machine says nothing about the rate."""

    def slow(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        depth = 1.0 + abs(math.log10(float(params["lr"])) + 2.0)
        loss = depth * (2.0 - np.arange(num_steps) / 120.0)
        return Run(run_of(loss).curves, "OSError: disk full" if num_steps > 80 else "")

    simulation = Simulation(study(SWEEP), slow).run()
    decision = simulation.decision("lr_sweep")
    assert [action.num_steps for action in simulation.actions if isinstance(action, ContinueTrial)] == [120]
    assert decision.choice["lr"] == 0.01
    assert [w for w in decision.warnings if "failed" in w] == [
        "A run that had not converged failed when it was continued, and its curve counts: lr=0.01 (OSError: disk full)."
    ]


def test_a_rate_that_diverges_with_another_seed_is_no_choice() -> None:
    world = diverging(0.05, quadratic(noise=0.3))

    def unlucky(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        if seed == 1 and params["lr"] == 0.01:
            return diverging(0.0, world)(params, schedule, num_steps, seed)
        return world(params, schedule, num_steps, seed)

    decision = Simulation(study({**SWEEP, "seeds": 2}), unlucky).run().decision("lr_sweep")
    assert 0.01 in decision.evidence["diverged"]
    assert 0.01 not in decision.evidence["ranking"]
    assert "lr=0.01 takes no part: it diverged with another seed." in decision.warnings


def test_every_rate_diverging_with_one_seed_at_least_fails_as_diverged() -> None:
    def unlucky(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        return (diverging(0.0, quadratic()) if seed else quadratic())(params, schedule, num_steps, seed)

    simulation = Simulation(study({**SWEEP, "seeds": 2}), unlucky).run()
    assert "Every learning rate diverged" in failure(simulation)


def test_a_bad_curve_with_a_wonderful_metric_is_flagged() -> None:
    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = quadratic()(params, schedule, num_steps, seed)
        if params["batch_size"] != 128:
            return run
        return run_of(np.linspace(1.0, 1.5, num_steps), np.full(num_steps, 0.999))

    decision = Simulation(study(BATCH), world).run().decision("batch_momentum")
    assert decision.choice["batch_size"] != 128
    assert any("a loss that does not fall" in warning for warning in decision.warnings)


def test_a_decay_stage_whose_undecayed_run_failed_takes_the_best_of_what_ran() -> None:
    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = quadratic()(params, schedule, num_steps, seed)
        return Run(run.curves, "OSError" if schedule.kind == "constant" else "")

    decision = Simulation(study(DECAY), world).run().decision("decay_schedule")
    assert decision.choice["schedule"] == "linear"
    assert "nothing to compare" in decision.reason


def test_the_name_of_a_metric_keeps_its_capitals() -> None:
    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = quadratic()(params, schedule, num_steps, seed)
        curves = {"loss": run.curves["loss"], "AUC": run.curves["dev_accuracy"]}
        return Run(curves, "OSError" if schedule.kind == "constant" else "")

    reason = Simulation(study(DECAY, metric={"name": "AUC"}), world).run().decision("decay_schedule").reason
    assert reason.startswith("Linear to zero from step 0 to 120 with AUC ")


def test_a_decay_stage_whose_decayed_runs_failed_stays_constant() -> None:
    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = quadratic()(params, schedule, num_steps, seed)
        return Run(run.curves, "OSError" if schedule.kind != "constant" else "")

    decision = Simulation(study(DECAY), world).run().decision("decay_schedule")
    assert decision.choice["schedule"] == "constant"
    assert "no decayed run gave a result" in decision.reason
