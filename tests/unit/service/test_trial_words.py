"""What a trial's page says of it: its metrics in groups, its repeats, what it took."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.metric_groups import FEW, metric_groups
from service.seeds import seeds_of, spread
from service.usage import pace, peak_memory, place, seconds_trained, steps_done
from studies.contract.states import AttemptState, TrialState
from studies.contract.study_file import Metric
from studies.contract.views import AttemptView, TrialDetail
from tests.unit.service.figures.samples import scored, trial

MANY = ["dev_accuracy", "loss", "grad_norm", "grad_max", "dev_f1", "dev_loss", "lr", "time.data", "time.step", "ema"]


def test_few_metrics_need_no_groups() -> None:
    (group,) = metric_groups(MANY[:FEW])
    assert (group.title, group.names, group.folded) == ("", tuple(MANY[:FEW]), False)


def test_many_metrics_are_folded_by_their_first_word_behind_the_first_two() -> None:
    groups = {group.title: group.names for group in metric_groups(MANY)}
    assert groups == {
        "": ("dev_accuracy", "loss"),
        "grad": ("grad_norm", "grad_max"),
        "dev": ("dev_f1", "dev_loss"),
        "time": ("time.data", "time.step"),
        "others": ("lr", "ema"),
    }
    assert [group.folded for group in metric_groups(MANY)] == [False, True, True, True, True]


@given(st.lists(st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True), min_size=1, max_size=40, unique=True))
def test_every_metric_is_in_one_group(names: list[str]) -> None:
    grouped = [name for group in metric_groups(names) for name in group.names]
    assert sorted(grouped) == sorted(names)


# --- repeats ---------------------------------------------------------------------------------------------------------


def test_a_trial_without_repeats_has_no_spread() -> None:
    assert seeds_of(trial(0), [trial(0)], Metric()) is None


def test_repeats_stand_with_their_scores_and_the_trial_among_them() -> None:
    same = [scored(0, 0.9), scored(3, 0.94, seed=1), trial(5, TrialState.RUNNING, seed=2)]
    found = seeds_of(same[1], same, Metric())
    assert found is not None
    assert [(row.trial.number, row.score, row.here) for row in found.rows] == [
        (0, 0.9, False),
        (3, 0.94, True),
        (5, None, False),
    ]
    assert found.ids == "tr_0,tr_3,tr_5"
    assert found.sentence == (
        "Dev accuracy is 0.92 on the mean of 2 runs, with a standard deviation of 0.028; from 0.9 to 0.94."
    )


@pytest.mark.parametrize(
    ("scores", "words"),
    [([], "None of them"), ([math.nan, math.inf], "None of them"), ([0.5, math.nan], "One of them")],
)
def test_what_is_no_number_is_no_score(scores: list[float], words: str) -> None:
    assert spread(scores, "dev accuracy").startswith(words)


# --- what it took ----------------------------------------------------------------------------------------------------


def detail(*attempts: AttemptView) -> TrialDetail:
    return TrialDetail(**dict(scored(0, 0.9)), attempts=attempts)


def attempt(
    started_at: float, ended_at: float | None, peak: int | None = None, rate: float | None = None
) -> AttemptView:
    return AttemptView(
        id="at_0",
        worker_id="wk_0",
        worker_name="node",
        device="cuda:1",
        state=AttemptState.RUNNING,
        started_at=started_at,
        ended_at=ended_at,
        peak_memory_bytes=peak,
        samples_per_second=rate,
    )


def test_attempts_add_up() -> None:
    whole = detail(attempt(0.0, 10.0, 5, 900.0), attempt(100.0, None, 3), attempt(200.0, 200.0))
    assert seconds_trained(whole, now=105.0) == 15.0
    assert (peak_memory(whole), pace(whole), place(whole), steps_done(whole)) == (5, 900.0, "cuda:1 of node", 100)


def test_what_is_not_known_is_nothing() -> None:
    none = TrialDetail(**dict(trial(0)))
    assert (seconds_trained(none, 1.0), peak_memory(none), pace(none), place(none), steps_done(none)) == (
        None,
        None,
        None,
        "",
        0,
    )
