"""Stage 3: linear decay against none, a later start, the classic forms, or insensitive (guide, stage 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.base import Params
from studies.contract.schedule import Schedule
from studies.core.decay_forms import FORMS, late
from studies.core.schedules import factor, half_lr_step
from tests.simulation.simulator import Run, Simulation, World
from tests.simulation.study import ALL, DECAY, study
from tests.simulation.worlds import quadratic, run_of

KIND: Final = "decay_schedule"


def scored(score: Callable[[Schedule], float], *, peak: float = 0.7, noise: float = 0.001) -> World:
    """A world in which a schedule's dev metric peaks with its score at `peak` of the run."""

    def world(params: Params, schedule: Schedule, num_steps: int, seed: int) -> Run:
        steps = np.arange(num_steps)
        at = 0.95 if schedule.kind == "linear" and schedule.start == 0 else peak
        dev = score(schedule) - 0.3 * np.abs(steps / num_steps - at)
        entropy = [seed, schedule.start, len(schedule.kind)]
        dev = dev + noise * np.random.default_rng(entropy).standard_normal(num_steps)
        return run_of(0.2 + np.exp(-steps / 8.0), dev)

    return world


def run(world: World, **changes: Any) -> Simulation:
    return Simulation(study({**DECAY, **changes}), world).run()


def by_kind(scores: dict[str, float], otherwise: float = 0.8) -> Callable[[Schedule], float]:
    def score(schedule: Schedule) -> float:
        name = f"late {schedule.kind}" if schedule.start else schedule.kind
        return scores.get(name, otherwise)

    return score


def test_linear_from_the_start_comes_first_against_the_undecayed_run() -> None:
    simulation = run(scored(by_kind({"constant": 0.9, "linear": 0.9}), peak=0.9))
    assert simulation.keys(KIND)[:2] == ("undecayed", "linear/start=0")
    first, second = simulation.snapshot.trials[:2]
    assert (first.params, first.num_steps) == (second.params, second.num_steps)
    assert second.schedule.end == second.num_steps


def test_no_gain_beyond_noise_is_insensitive_after_repeats_of_both_and_a_late_decay() -> None:
    simulation = run(scored(by_kind({"constant": 0.9, "linear": 0.9}), peak=0.9, noise=0.02))
    decision = simulation.decision(KIND)
    assert simulation.keys(KIND)[:4] == ("undecayed", "linear/start=0", "linear/start=0/seed=1", "undecayed/seed=1")
    assert [key for key in simulation.keys(KIND) if key.startswith("linear/start=") and "start=0" not in key]
    assert decision.runners_up
    assert decision.choice["schedule"] == "constant"
    assert decision.reason.startswith("Insensitive to decay")
    assert decision.candidates[0].schedule.kind == "constant"


def test_a_clear_gain_is_refined_with_every_form_and_the_best_one_wins() -> None:
    scores = {"constant": 0.8, "linear": 0.85, "late linear": 0.86, "late cosine": 0.9}
    simulation = run(scored(by_kind(scores, 0.84)))
    decision = simulation.decision(KIND)
    assert {key.split("/")[0] for key in simulation.keys(KIND)} == {"undecayed", *FORMS}
    assert decision.choice["schedule"] == "cosine"
    assert decision.reason.startswith("Decay pays")
    assert decision.candidates[0].schedule.kind == "cosine"
    assert decision.evidence["lead"] == pytest.approx(0.1, abs=0.01)
    assert decision.evidence["dev_before"] < decision.evidence["dev_after"]


def test_only_the_forms_that_were_asked_for_are_tried() -> None:
    scores = {"constant": 0.8, "linear": 0.85, "late linear": 0.86}
    simulation = run(scored(by_kind(scores)), forms=["cosine"])
    assert {key.split("/")[0] for key in simulation.keys(KIND)} == {"undecayed", "linear", "cosine"}


def test_a_decay_that_makes_it_worse_is_tried_again_from_just_before_the_old_peak() -> None:
    scores = {"constant": 0.9, "linear": 0.8, "late linear": 0.95}
    simulation = run(scored(by_kind(scores)))
    decision = simulation.decision(KIND)
    assert decision.choice["schedule"] == "linear"
    assert 0 < decision.choice["start"] <= 0.9 * decision.evidence["old_peak_step"]
    assert decision.evidence["linear_from_step_0"] == "loss"


def test_a_late_decay_that_is_no_better_either_ends_the_search() -> None:
    simulation = run(scored(by_kind({"constant": 0.9, "linear": 0.8, "late linear": 0.88})))
    assert not [key for key in simulation.keys(KIND) if key.startswith("cosine")]
    assert simulation.decision(KIND).choice["schedule"] == "constant"
    assert simulation.decision(KIND).reason.startswith("Decay does harm")


def test_a_late_decay_may_pay_where_one_from_step_0_makes_no_difference() -> None:
    """From step 0 it lowers the mean rate as well, and may lose what it gains."""
    scores = {"constant": 0.9, "linear": 0.875, "late linear": 0.97, "late cosine": 0.98}
    simulation = run(scored(by_kind(scores, 0.9), peak=0.9, noise=0.02))
    assert simulation.decision(KIND).evidence["linear_from_step_0"] == "unclear"
    assert simulation.decision(KIND).reason.startswith("Decay pays")


def test_a_baseline_that_has_its_repeats_is_not_run_again_while_the_decay_catches_up() -> None:
    """Both are compared over the seeds that they have in common."""
    spec = study({"kind": "batch_momentum", "batch_sizes": [64], "momenta": [0.9], "lr_bracket": [1.0, 2.0]}, DECAY)
    world = scored(by_kind({"constant": 0.9, "linear": 0.9}, 0.9), peak=0.6, noise=0.02)
    simulation = Simulation(spec, world).run()
    seeds = {trial.seed for trial in simulation.snapshot.of("batch_momentum")}
    assert seeds == {0, 1, 2}
    assert not [key for key in simulation.keys(KIND) if key.startswith("undecayed")]
    assert "seeds in common" in simulation.decision(KIND).reason


def test_a_decay_ahead_within_noise_says_so_and_what_would_be_enough() -> None:
    simulation = run(scored(by_kind({"constant": 0.9, "linear": 0.9, "late linear": 0.905}), peak=0.9, noise=0.02))
    decision = simulation.decision(KIND)
    ahead = [candidate.note for candidate in decision.runners_up if candidate.note.startswith("Ahead")]
    assert ahead
    assert all("within the noise" in note and note.endswith("so no decay stays.") for note in ahead)
    assert " doing better by more than 0.0" in decision.what_would_flip_it
    assert "in dev_accuracy: it is ahead by" in decision.what_would_flip_it
    assert "and has to lead by more than the noise, 0.0" in decision.what_would_flip_it


def test_an_equal_result_with_a_much_later_peak_is_decay_too_fast() -> None:
    simulation = run(scored(by_kind({"constant": 0.9, "linear": 0.9, "late linear": 0.95}), peak=0.6, noise=0.004))
    assert simulation.decision(KIND).evidence["linear_from_step_0"] == "unclear"
    assert simulation.decision(KIND).choice["schedule"] == "linear"
    assert simulation.decision(KIND).choice["start"] > 0


def test_an_unclear_later_decay_is_repeated_before_it_is_given_up() -> None:
    simulation = run(scored(by_kind({"constant": 0.9, "linear": 0.9, "late linear": 0.9}), peak=0.6, noise=0.02))
    late_runs = [key for key in simulation.keys(KIND) if key.startswith("linear") and "start=0" not in key]
    assert len(late_runs) > 1
    assert simulation.decision(KIND).choice["schedule"] == "constant"


def test_forms_that_cannot_be_told_apart_are_repeated_and_reported() -> None:
    scores = {"constant": 0.6, "linear": 0.85}
    simulation = run(scored(by_kind(scores, 0.9), noise=0.02))
    assert [key for key in simulation.keys(KIND) if "/seed=2" in key]
    decision = simulation.decision(KIND)
    assert decision.choice["schedule"] != "constant"
    assert any("cannot be told from the choice" in warning for warning in decision.warnings)


def test_the_winner_of_stage_two_is_reused_as_the_undecayed_run() -> None:
    simulation = Simulation(study(trials=80), quadratic()).run()
    before = simulation.decision("batch_momentum").candidates[0]
    winner = simulation.snapshot.by_id[before.trial_id]
    again = [key for key in simulation.keys(KIND) if key == "undecayed"]
    assert bool(again) == (winner.num_steps != before.num_steps)


def test_every_decayed_run_has_the_parameters_and_length_of_the_winner() -> None:
    simulation = Simulation(study(trials=80), quadratic()).run()
    before = simulation.decision("batch_momentum").candidates[0]
    assert {trial.num_steps for trial in simulation.snapshot.of(KIND)} == {before.num_steps}
    assert all(trial.params == before.params for trial in simulation.snapshot.of(KIND))
    assert [simulation.decision(kind).evidence.get("dev_after") for kind in ALL]


# --- the forms ---------------------------------------------------------------------------------------------------


def test_the_numbers_of_the_guide() -> None:
    for form in FORMS:
        schedule = late(form, 3_000, 5_000)
        assert schedule.start <= 2_700
        assert factor(schedule, 3_000) <= 0.5
    assert late("linear", 3_000, 5_000).start == pytest.approx(1_000, abs=150)
    assert late("piecewise", 3_000, 5_000).start == 2_700


def test_piecewise_from_a_quarter_on_is_the_classic_one() -> None:
    assert FORMS["piecewise"](120, 30).milestones == (30, 60, 90)


def test_where_no_start_halves_the_rate_in_time_the_decay_starts_just_before_the_peak() -> None:
    assert late("linear", 1_000, 5_000).start == 900


@given(st.sampled_from(sorted(FORMS)), st.integers(1, 5_000), st.data())
def test_every_late_form_keeps_the_constraints_that_can_be_kept(form: str, num_steps: int, data: st.DataObject) -> None:
    old_peak = data.draw(st.integers(0, num_steps - 1))
    schedule = late(form, old_peak, num_steps)
    assert 0 <= factor(schedule, num_steps - 1) <= 1
    assert schedule.end == num_steps
    first = schedule.milestones[0] if schedule.milestones else schedule.start
    assert first <= max(1, 0.9 * old_peak)
    halved = half_lr_step(schedule)
    from_zero = half_lr_step(FORMS[form](num_steps, 0))
    if from_zero is not None and from_zero <= old_peak:
        assert halved is not None
        assert halved <= old_peak
