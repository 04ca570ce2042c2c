"""The decision in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from service.story.headline import headline, length_words
from studies.contract.decision import Candidate, Decision
from studies.contract.schedule import Schedule
from studies.contract.study_file import Metric, StageKind
from studies.core.schedules import cosine, linear_to_zero
from tests.builders import decision

ACCURACY = Metric()
PARAMS = {"lr": 0.05, "batch_size": 64, "momentum": 0.9, "weight_decay": 0.0}


def candidate(name: str = "best", schedule: Schedule | None = None, **params: Any) -> Candidate:
    return Candidate(trial_id=name, params={**PARAMS, **params}, schedule=schedule or Schedule(), num_steps=100)


def decided(best: Candidate, second: Candidate | None = None, **evidence: Any) -> Decision:
    others = (second,) if second else ()
    return decision(candidates=(best, *others), runners_up=others, evidence=evidence)


def said(kind: StageKind, found: Decision, before: Candidate | None = None) -> str:
    return headline(kind, found, ACCURACY, before)


def rates(decided_by: str | None, lead: float = 0.1, noise: float = 0.01) -> Decision:
    cells = [{"lr": 0.1, "depth": 0.02}, {"lr": 0.3, "depth": 0.03}]
    return decided(candidate(), candidate("b"), cells=cells, decided_by=decided_by, lead=lead, noise=noise)


@pytest.mark.parametrize(
    ("decided_by", "lead", "words"),
    [
        ("depth", 0.1, "falls deepest, to 0.02 against 0.03 at lr 0.3."),
        ("speed", 0.001, "falls fastest, to 0.02: as deep within the noise as lr 0.3 with 0.03."),
        ("tie", 0.001, "a tie within the noise that goes to the smaller, more stable rate."),
        (None, 0.1, "falls deepest, to 0.02 against 0.03 at lr 0.3."),
        (None, 0.001, "comes down to 0.02 against 0.03 at lr 0.3, within the noise."),
    ],
)
def test_a_sweep_says_what_decided(decided_by: str | None, lead: float, words: str) -> None:
    assert said("lr_sweep", rates(decided_by, lead)).startswith("At lr 0.1 the training loss ")
    assert said("lr_sweep", rates(decided_by, lead)).endswith(words)


def test_a_sweep_of_one_rate_has_no_rival() -> None:
    alone = decided(candidate(), cells=[{"lr": 0.1, "depth": 0.02}])
    assert said("lr_sweep", alone) == ("At lr 0.1 the training loss comes down to 0.02; no other rate could be judged.")


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({"convergence_step": 60.0}, "The loss has flattened out by step 60; 1.5 times that makes 90 steps."),
        (
            {"convergence_step": 40.0, "dev_plateau_step": 60.0},
            "The loss has flattened out by step 40, dev accuracy gains until step 60; 1.5 times that makes 90 steps.",
        ),
        ({"convergence_step": None}, "The loss still falls at the end, so runs take all 90 steps."),
        ({}, ""),
    ],
)
def test_the_length_of_runs_is_explained(evidence: dict[str, Any], words: str) -> None:
    found = decision(choice={"lr": 0.1, "num_steps": 90}, evidence=evidence)
    assert length_words(found, ACCURACY) == words


@pytest.mark.parametrize(
    ("lead", "noise", "words"),
    [
        (0.02, 0.005, "dev accuracy 0.95, 0.02 ahead of batch size 32 and clear of the noise."),
        (0.002, 0.005, "dev accuracy 0.95, 0.002 ahead of batch size 32, within the noise."),
        (0.0, 0.005, "dev accuracy 0.95, level with batch size 32."),
        (-0.002, 0.005, "dev accuracy 0.95; batch size 32 is ahead by 0.002, within the noise."),
        (0.02, None, "dev accuracy 0.95, 0.02 ahead of batch size 32."),
    ],
)
def test_a_pair_is_set_against_the_next_best(lead: float, noise: float | None, words: str) -> None:
    found = decided(candidate(), candidate("b", batch_size=32), lead=lead, noise=noise, dev_after=0.95)
    assert said("batch_momentum", found, candidate(batch_size=128)) == (
        f"Batch size 64 with momentum 0.9 at lr 0.05 comes to {words}"
    )
    assert said("batch_momentum", found, candidate()) == (
        f"Batch size 64 with momentum 0.9 stays as it was, with {words}"
    )


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (0.0, "No decay is needed: linear decay from step 50 on only equals a constant rate's dev accuracy of 0.95."),
        (
            -0.1,
            "Decay does harm: linear decay from step 50 on comes out 0.1 worse than "
            "a constant rate's dev accuracy of 0.95.",
        ),
        (
            -0.001,
            "No decay is needed: linear decay from step 50 on comes out 0.001 worse than "
            "a constant rate's dev accuracy of 0.95, within the noise.",
        ),
    ],
)
def test_an_insensitive_study_keeps_its_constant_rate(gain: float, words: str) -> None:
    late = candidate("b", linear_to_zero(100, 50))
    assert said("decay_schedule", decided(candidate(), late, lead=gain, noise=0.01, dev_after=0.95)) == words


def test_halving_counts_who_climbed() -> None:
    rungs = [{"lr": 0.1, "steps": 90}, {"lr": 0.2, "steps": 30}, {"lr": 0.3, "steps": 10}]
    assert said("lr_halving", decided(candidate(), rungs=rungs, dev_after=0.9)) == (
        "lr 0.05 comes to dev accuracy 0.9, the only one of 3 rates to climb all 90 steps."
    )


def test_probes_say_what_moved_and_whether_it_is_more_than_noise() -> None:
    before, after = candidate("before"), candidate(schedule=cosine(100, 60), weight_decay=1e-4)
    cells = [{"trial_id": name, "standard_error": 0.01} for name in ("before", "best")]
    within = decided(after, before, dev_before=0.94, dev_after=0.95, cells=cells)
    assert said("parameter_probes", within, before) == (
        "Weight decay 0 → 1e-4 and cosine decay from step 60 on: "
        "dev accuracy goes from 0.94 to 0.95, which is within the noise."
    )
    clear = decided(after, before, dev_before=0.8, dev_after=0.95, cells=cells)
    assert said("parameter_probes", clear, before).endswith("dev accuracy goes from 0.8 to 0.95.")


def test_probes_that_bring_nothing_say_so() -> None:
    found = decided(candidate(), candidate("b", cosine(100)), dev_before=0.9, dev_after=0.9, lead=0.01, noise=0.02)
    assert said("decay_probes", found, candidate()).startswith(
        "Nothing tried does better: dev accuracy 0.9 stands, 0.01"
    )


def test_of_many_changes_the_first_are_named_and_the_others_counted() -> None:
    after = candidate(lr=0.1, batch_size=32, momentum=0.8, weight_decay=0.1)
    found = decided(after, dev_before=0.9, dev_after=0.95, finished=5, stopped=2)
    assert said("search", found).startswith("The best of ")
    assert said("joint_search", found, candidate()) == (
        "lr 0.05 → 0.1, batch size 64 → 32, momentum 0.9 → 0.8 and 1 more: dev accuracy goes from 0.9 to 0.95."
    )
    assert said("joint_search", found, after) == (
        "7 points later the settings stand as they were, with dev accuracy 0.95."
    )


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        (0.1, "The lead is real: dev accuracy 0.95 (mean of 3 seeds), 0.1 ahead of the second finalist"),
        (0.001, "The lead may be luck: dev accuracy 0.95 (mean of 3 seeds) is 0.001 ahead of the second"),
        (0.0, "The finalists are level at dev accuracy 0.95 (mean of 3 seeds): either will do."),
    ],
)
def test_confirmation_says_whether_the_lead_is_real(lead: float, words: str) -> None:
    cells = [{"trial_id": "best", "seeds": [0, 1, 2]}]
    found = decided(candidate(), candidate("b"), lead=lead, noise=0.01, dev_after=0.95, cells=cells)
    assert said("confirm", found).startswith(words)


def test_confirmation_without_a_repeat_rests_on_a_single_run() -> None:
    found = decided(candidate(), candidate("b"), lead=0.1, noise=0.01, dev_after=0.95)
    assert said("confirm", found).startswith("No repeat fitted into the budget")


@pytest.mark.parametrize("kind", ["lr_sweep", "batch_momentum", "decay_schedule", "lr_halving", "confirm"])
@pytest.mark.parametrize("evidence", [{}, {"cells": "odd", "rungs": 3, "lead": "much", "dev_after": None}])
def test_without_the_numbers_the_records_own_words_stand(kind: StageKind, evidence: dict[str, Any]) -> None:
    assert said(kind, decision(reason="kept as it was", evidence=evidence)) == "Kept as it was."
    assert said(kind, decision(reason="nothing ran", candidates=())) == "Nothing ran."
