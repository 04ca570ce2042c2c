"""Stage 2: which cells are tried, how they are judged, and how long the winner should train (guide, stage 2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.contract.states import StudyState
from studies.core.sampling import ChoiceAxis, FloatAxis, SearchRequest
from studies.core.snapshot import Curve
from tests.simulation.simulator import Run, Simulation, World, fake_sampler
from tests.simulation.study import BATCH, SWEEP, study
from tests.simulation.worlds import diverging, quadratic, run_of

KIND: Final = "batch_momentum"


def scored(score: Callable[[Params], float], *, noise: float = 0.0, tail: float = 0.5) -> World:
    """A world with a sound loss in which a configuration's dev metric rises to its score by `tail` of the run."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        steps = np.arange(num_steps)
        loss = 0.2 + np.exp(-steps / 4.0)
        dev = score(params) * np.minimum(1.0, 0.5 + 0.5 * steps / max(1, int(tail * num_steps)))
        entropy = [seed, int(params["batch_size"]), int(1e6 * float(params["lr"]))]
        return run_of(loss, dev + noise * np.random.default_rng(entropy).standard_normal(num_steps))

    return world


def closeness(batch_size: int, momentum: float) -> Callable[[Params], float]:
    def score(params: Params) -> float:
        distance = abs(math.log2(int(params["batch_size"]) / batch_size)) + 10 * abs(
            float(params["momentum"]) - momentum
        )
        return 0.95 - 0.03 * distance - 0.001 * abs(math.log(float(params["lr"])))

    return score


def run(world: World, *stages: dict[str, Any], **changes: Any) -> Simulation:
    return Simulation(study(*stages or (BATCH,), **changes), world).run()


def test_the_grid_scales_the_rate_and_holds_the_effective_one() -> None:
    spec = {**BATCH, "batch_sizes": [64, 128], "momenta": [0.9, 0.95], "lr_bracket": [1.0]}
    params = [trial.params for trial in run(scored(closeness(64, 0.9)), spec).snapshot.trials[:4]]
    found = {(p["batch_size"], p["momentum"]): p["lr"] for p in params}
    expected = {(64, 0.9): 0.01, (64, 0.95): 0.005, (128, 0.9): 0.02, (128, 0.95): 0.01}
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("rule", "lr"), [("linear", 0.04), ("sqrt", 0.02), ("none", 0.01)])
def test_the_rate_follows_the_batch_size_by_the_rule_asked_for(rule: str, lr: float) -> None:
    spec = {**BATCH, "batch_sizes": [256], "momenta": [0.9], "lr_bracket": [1.0], "lr_scaling": rule}
    rates = {
        trial.params["batch_size"]: trial.params["lr"]
        for trial in run(scored(closeness(64, 0.9)), spec).snapshot.trials
    }
    assert rates == {64: 0.01, 256: pytest.approx(lr)}


def test_runs_see_equal_epochs_and_the_record_says_where_the_budget_caps_them() -> None:
    spec = {**BATCH, "batch_sizes": [32, 128], "momenta": [0.9], "lr_bracket": [1.0]}
    simulation = run(scored(closeness(64, 0.9)), spec)
    steps = {trial.params["batch_size"]: trial.num_steps for trial in simulation.snapshot.trials}
    assert steps == {64: 120, 32: 120, 128: 60}
    assert any("caps the runs with small batches" in warning for warning in simulation.decision(KIND).warnings)


def test_equal_steps_hold_at_every_batch_size_where_the_study_says_so() -> None:
    stage = {**BATCH, "batch_sizes": [32, 64, 128], "momenta": [0.9]}
    spec = study(stage, hold="steps")
    trials = Simulation(spec, scored(closeness(64, 0.9))).run().snapshot.trials
    assert {trial.params["batch_size"] for trial in trials} == {32, 64, 128}
    assert {trial.num_steps for trial in trials} == {120}


def test_the_dev_metric_decides_among_sound_curves() -> None:
    decision = run(scored(closeness(128, 0.95), noise=0.001)).decision(KIND)
    assert (decision.choice["batch_size"], decision.choice["momentum"]) == (128, 0.95)
    assert "a tie" in decision.reason
    assert "that the higher mean decides" in decision.reason
    assert decision.evidence["dev_after"] > decision.evidence["dev_before"]
    assert len(decision.evidence["cells"]) == 27


def test_the_momentum_axis_drops_out_for_adam_and_the_record_says_so() -> None:
    world = scored(lambda params: 0.9 + 0.01 * (params["batch_size"] == 128))
    simulation = run(world, optimizer="adam")
    decision = simulation.decision(KIND)
    assert len([key for key in simulation.keys(KIND) if "/seed=" not in key]) <= 9 + 2
    assert "momentum" not in decision.choice
    assert decision.evidence["momentum_axis"] is False
    assert any("momentum axis dropped out" in warning for warning in decision.warnings)


def test_a_run_of_the_sweep_that_is_the_baseline_is_not_run_again() -> None:
    simulation = Simulation(study(SWEEP, BATCH, steps=60), slow_bowl).run()
    sweep, batch = simulation.decision("lr_sweep"), simulation.decision(KIND)
    assert sweep.choice["num_steps"] == 60
    baseline = next(t for t in simulation.snapshot.of("lr_sweep") if t.id == sweep.candidates[0].trial_id)
    assert baseline.num_steps == 60
    assert not [t for t in simulation.snapshot.of(KIND) if (t.params, t.seed) == (baseline.params, baseline.seed)]
    assert baseline.id in batch.evidence["ranking"]


def slow_bowl(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
    """A loss that falls to the end, so that the sweep continues its winner and chooses the whole budget."""
    depth = 1.0 + abs(math.log10(float(params["lr"])) + 2.0)
    dev = closeness(64, 0.9)(params) * np.linspace(0.5, 1.0, num_steps)
    return run_of(depth * (2.0 - np.arange(num_steps) / 120.0), dev)


def test_the_second_rate_of_the_sweep_is_a_cell_of_its_own() -> None:
    simulation = Simulation(study(SWEEP, BATCH), quadratic()).run()
    second = simulation.decision("lr_sweep").candidates[1].params
    assert second in [trial.params for trial in simulation.snapshot.of(KIND)]


@pytest.mark.parametrize("trials", [3, 6, 12])
def test_a_share_smaller_than_the_grid_takes_an_even_subset_with_the_baseline_first(trials: int) -> None:
    simulation = run(scored(closeness(64, 0.9)), trials=trials)
    first, *others = simulation.snapshot.of(KIND)
    assert first.params == {"lr": 0.01, "batch_size": 64, "momentum": 0.9, "weight_decay": 0.0}
    assert len({trial.params["batch_size"] for trial in others}) >= min(2, len(others))
    assert any("Cut short" in warning for warning in simulation.decision(KIND).warnings)


def test_a_longer_subset_begins_with_the_shorter_one() -> None:
    short, long = (run(scored(closeness(64, 0.9)), trials=trials).keys(KIND) for trials in (4, 7))
    assert long[:4] == short[:4]


def test_a_small_lead_is_repeated_and_then_judged_by_the_mean() -> None:
    simulation = run(scored(closeness(128, 0.9), noise=0.05))
    assert [key for key in simulation.keys(KIND) if "/seed=1" in key]
    cells = simulation.decision(KIND).evidence["cells"]
    assert [len(cell["seeds"]) for cell in cells[:4]] == [3, 3, 3, 1]


def test_what_came_in_is_repeated_beside_the_best_two() -> None:
    """Of many single runs the luckiest lead: what came in gets as many seeds before it is given up."""
    simulation = run(scored(lambda params: 0.9, noise=0.05))
    decision = simulation.decision(KIND)
    baseline = {"batch_size": 64, "momentum": 0.9, "lr": 0.01}
    (cell,) = (c for c in decision.evidence["cells"] if baseline.items() <= c.items())
    assert len(cell["seeds"]) == 3
    assert decision.evidence["dev_before"] == cell["score"]


def test_a_tie_is_no_reason_to_change_what_came_in() -> None:
    """Not even for fewer samples: at equal epochs only a run that the budget caps sees fewer."""
    spec = {**BATCH, "batch_sizes": [32, 64], "momenta": [0.9], "lr_bracket": [1.0]}
    world = scored(lambda params: 0.9 + 0.004 * (params["batch_size"] == 32), noise=0.02)
    decision = run(world, spec, seed=20).decision(KIND)
    assert (decision.choice["batch_size"], decision.choice["lr"]) == (64, 0.01)
    assert "a tie (difference " in decision.reason
    assert "so what came in stays" in decision.reason
    note = decision.runners_up[0].note
    assert note.startswith("Ahead by ")
    assert note.endswith("so what came in stays.")


def test_a_tie_among_newcomers_goes_to_the_smaller_rate() -> None:
    spec = {**BATCH, "batch_sizes": [64], "momenta": [0.9], "lr_bracket": [0.5, 2.0]}
    decision = run(scored(lambda params: 0.8 if params["lr"] == 0.01 else 0.9), spec).decision(KIND)
    assert decision.choice["lr"] == 0.005
    assert "the smaller rate is the more stable" in decision.reason
    assert decision.runners_up[0].note.startswith("Equal, ")


def test_what_would_flip_it_is_the_lead_that_would_be_enough() -> None:
    spec = {**BATCH, "batch_sizes": [64], "momenta": [0.9], "lr_bracket": [1.0, 2.0]}
    decision = run(scored(lambda params: 0.9 if params["lr"] == 0.02 else 0.8), spec).decision(KIND)
    assert decision.choice["lr"] == 0.02
    noise = decision.evidence["noise"]
    assert decision.what_would_flip_it == (
        f"lr 0.01, batch size 64, momentum 0.9 doing better by more than {0.1 - noise:.2g} in dev_accuracy: "
        f"it is behind by 0.1, and need only come within one standard error, {noise:.2g}."
    )


def test_a_lead_from_single_runs_of_unknown_noise_says_so() -> None:
    spec = {**BATCH, "batch_sizes": [64], "momenta": [0.9], "lr_bracket": [1.0, 2.0]}
    decision = run(scored(lambda params: float(params["lr"]), tail=0.2), spec, steps=10, trials=2).decision(KIND)
    assert "from single runs whose noise is not known" in decision.reason


def test_a_configuration_that_diverges_with_another_seed_takes_no_part() -> None:
    """What survives of it is luck: a rate that trains with one seed of three is no choice."""
    good = scored(closeness(128, 0.95), noise=0.03)

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        unlucky = seed > 0 and params["batch_size"] == 128
        return (diverging(0.0, good) if unlucky else good)(params, schedule, num_steps, seed)

    decision = run(world).decision(KIND)
    assert decision.evidence["diverged"]
    assert decision.choice["batch_size"] != 128 or len(decision.evidence["diverged"]) < 2
    gone = [key.split("/seed=")[0] for key in decision.evidence["diverged"]]
    for key in gone:
        assert f"{key} takes no part: it diverged with another seed." in decision.warnings


def test_where_every_configuration_diverges_with_some_seed_the_survivors_are_judged() -> None:
    good = scored(closeness(64, 0.9), noise=0.05)

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        return (diverging(0.0, good) if seed else good)(params, schedule, num_steps, seed)

    spec = {**BATCH, "batch_sizes": [64], "momenta": [0.9], "lr_bracket": [1.0, 2.0]}
    decision = run(world, spec).decision(KIND)
    assert decision.evidence["diverged"]
    assert decision.candidates


def test_a_run_best_in_its_last_quarter_is_lengthened_as_far_as_the_budget_goes() -> None:
    spec = {**BATCH, "batch_sizes": [128], "momenta": [0.9], "lr_bracket": [1.0]}
    world = scored(closeness(128, 0.9), tail=1.0)
    decision = run(world, spec).decision(KIND)
    assert decision.choice["num_steps"] == 90
    assert "lengthened to 90" in decision.reason


def test_a_run_best_at_the_cap_says_that_more_steps_may_pay() -> None:
    spec = {**BATCH, "batch_sizes": [64], "momenta": [0.9], "lr_bracket": [1.0]}
    decision = run(scored(closeness(64, 0.9), tail=1.0), spec).decision(KIND)
    assert decision.choice["num_steps"] == 120
    assert any("a larger budget.steps may pay" in warning for warning in decision.warnings)


def test_an_idle_tail_is_cut() -> None:
    spec = {**BATCH, "batch_sizes": [64], "momenta": [0.9], "lr_bracket": [1.0]}
    decision = run(scored(closeness(64, 0.9), tail=0.2), spec).decision(KIND)
    assert decision.choice["num_steps"] < 90
    assert "tail is idle" in decision.reason


def test_a_run_that_was_best_in_its_first_tenth_is_far_too_long_whatever_its_loss_does() -> None:
    """The loss still falls while the dev metric only gets worse: the rest is overfitting (T)."""

    def overfitting(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        steps = np.arange(num_steps)
        return run_of(2.0 - steps / num_steps, 0.9 - 0.3 * steps / num_steps)

    spec = {**BATCH, "batch_sizes": [64], "momenta": [0.9], "lr_bracket": [1.0]}
    decision = run(overfitting, spec).decision(KIND)
    assert decision.choice["num_steps"] <= 12
    assert "tail is idle" in decision.reason


def test_time_to_target_is_reported_beside_quality() -> None:
    spec = {**BATCH, "batch_sizes": [64, 128], "momenta": [0.9], "lr_bracket": [1.0]}
    cells = run(scored(closeness(128, 0.9)), spec).decision(KIND).evidence["cells"]
    samples = {cell["batch_size"]: cell["samples_to_target"] for cell in cells}
    assert 0 < samples[64] <= 64 * 120
    assert 0 < samples[128] <= 128 * 60


def test_a_single_cell_is_the_only_one_that_can_be_judged() -> None:
    spec = {**BATCH, "batch_sizes": [64], "momenta": [0.9], "lr_bracket": [1.0]}
    simulation = run(scored(closeness(64, 0.9)), spec)
    assert len(simulation.keys(KIND)) == 1
    assert "the only configuration that could be judged" in simulation.decision(KIND).reason


# --- search by a sampler -----------------------------------------------------------------------------------------


class Recorder:
    """Remembers what a stage asks the sampler for, and answers by `fake_sampler`."""

    def __init__(self) -> None:
        self.requests: list[SearchRequest] = []

    def __call__(self, request: SearchRequest) -> tuple[Params, ...]:
        self.requests.append(request)
        return fake_sampler(request)


@pytest.mark.parametrize("search", ["random", "qmc", "tpe", "gp"])
def test_a_search_runs_as_many_points_as_it_was_given(search: str) -> None:
    simulation = run(scored(closeness(64, 0.9)), {**BATCH, "search": search, "trials": 10})
    points = [trial for trial in simulation.snapshot.of(KIND) if trial.key.startswith("point=")]
    assert [trial.key for trial in points if "/seed" not in trial.key] == [f"point={index}" for index in range(10)]
    assert all(32 <= int(trial.params["batch_size"]) <= 128 for trial in points)
    assert all(0.8 <= float(trial.params["momentum"]) <= 0.95 for trial in points)
    assert simulation.state is StudyState.COMPLETED


def test_a_sampler_learns_from_scores_in_the_metric_s_own_direction() -> None:
    recorder = Recorder()
    spec = study({**BATCH, "search": "tpe", "trials": 12}, metric={"name": "dev_error", "direction": "minimize"})

    def errors(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        run = scored(closeness(64, 0.9))(params, schedule, num_steps, seed)
        dev = run.curves["dev_accuracy"]
        return Run({"loss": run.curves["loss"], "dev_error": Curve(dev.steps, 1.0 - dev.values)})

    Simulation(spec, errors, sampler=recorder).run()
    last = recorder.requests[-1]
    known = [observation.score for observation in last.history if observation.score is not None]
    assert not last.maximize
    assert len(known) >= 6
    assert all(0.0 < score < 0.5 for score in known)
    assert all(request.count <= 4 for request in recorder.requests)
    assert last.space == (
        ChoiceAxis("batch_size", (32, 64, 128)),
        FloatAxis("momentum", 0.8, 0.95),
        FloatAxis("lr_factor", 0.5, 2.0, log=True),
    )


def test_a_point_is_told_as_the_multiple_of_the_scaled_rate_that_it_was() -> None:
    recorder = Recorder()
    simulation = Simulation(
        study({**BATCH, "search": "random", "trials": 8}), scored(closeness(64, 0.9)), sampler=recorder
    ).run()
    history = recorder.requests[-1].history
    drawn = [point for request in recorder.requests[:1] for point in fake_sampler(request)]
    for observation, point in zip(history, drawn, strict=False):
        assert observation.point == pytest.approx(point, rel=0.01)
    assert simulation.state is StudyState.COMPLETED


def test_a_diverged_point_counts_as_bad_as_the_worst_that_did_not() -> None:
    recorder = Recorder()
    world = diverging(0.012, scored(closeness(64, 0.9)))
    Simulation(study({**BATCH, "search": "tpe", "trials": 12}), world, sampler=recorder).run()
    scores = [observation.score for observation in recorder.requests[-1].history if observation.score is not None]
    assert scores.count(min(scores)) > 1


def test_an_axis_with_one_value_is_none_and_without_axes_nothing_is_asked() -> None:
    recorder = Recorder()
    one = {"batch_sizes": [64], "momenta": [0.9], "lr_bracket": [1.0]}
    Simulation(study({**BATCH, **one, "search": "gp", "trials": 5}), quadratic(), sampler=recorder).run()
    assert recorder.requests == []
    Simulation(
        study({**BATCH, **one, "batch_sizes": [32, 64], "search": "gp", "trials": 5}, optimizer="adam"),
        quadratic(),
        sampler=recorder,
    ).run()
    assert {axis.name for request in recorder.requests for axis in request.space} == {"batch_size"}
