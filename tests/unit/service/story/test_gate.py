"""What a gate asks, and the questions of all stages."""

from __future__ import annotations

from typing import Any

import pytest

from service.story.asked import asked
from service.story.gate import price_words
from studies.contract.study_file import STAGE_ORDERS, BatchMomentum, LrHalving, LrSweep, SamplerSearch, default_stages
from studies.core.price import Price


@pytest.mark.parametrize(
    ("price", "pace", "words"),
    [
        (Price(2, 13, 7_800), None, "2 to 13 trials, at most 7,800 steps."),
        (Price(2, 13, 7_800), 0.5, "2 to 13 trials, at most 7,800 steps: up to 1 h 5 min of device time."),
        (Price(1, 1, 600), None, "1 trial, at most 600 steps."),
        (
            Price(9, 9, 900, open_ended=True),
            None,
            "9 trials or more, as stopped runs make room for others, at most 900",
        ),
        (Price(0, 0, 0), 0.5, "Nothing: the budget has no room left for a trial"),
    ],
)
def test_a_price_is_told_in_trials_steps_and_time(price: Price, pace: float | None, words: str) -> None:
    assert price_words(price, pace).startswith(words)


@pytest.mark.parametrize("strategy", STAGE_ORDERS)
def test_every_stage_asks_one_question(strategy) -> None:
    for stage in (*default_stages(strategy), SamplerSearch(kind="search")):
        assert asked(stage).count("?") == 1
        assert asked(stage).endswith(".")


def test_a_question_names_what_is_tried() -> None:
    assert "2 rates from 0.01 to 0.1, then 4 more" in asked(LrSweep(kind="lr_sweep", grid=(0.1, 0.01)))
    assert "The rate 0.1." in asked(LrSweep(kind="lr_sweep", grid=(0.1,), refine=0))
    assert "20 points by tpe search of 32" in asked(BatchMomentum(kind="batch_momentum", search="tpe", trials=20))
    assert "3 rates begin" in asked(LrHalving(kind="lr_halving", rates=(0.1, 0.2, 0.3)))


PRUNERS: dict[str, tuple[dict[str, Any], str]] = {
    "median": ({"kind": "median"}, "A run stops where its best falls behind the median of the finished ones."),
    "halving": ({"kind": "successive_halving"}, "At every rung the best 1/3 goes on."),
    "hyperband": ({"kind": "hyperband", "reduction_factor": 4}, "At every rung the best 1/4 of a bracket goes on."),
    "patience": ({"kind": "patience"}, "A run stops that has not become better for 10 evaluations."),
    "one bound": ({"kind": "threshold", "upper": 2}, "A run stops whose metric is above 2."),
    "two bounds": (
        {"kind": "threshold", "lower": 0.1, "upper": 2},
        "A run stops whose metric is below 0.1 or above 2.",
    ),
}


@pytest.mark.parametrize(("pruner", "words"), PRUNERS.values(), ids=PRUNERS)
def test_a_search_says_what_moves_and_when_a_run_is_stopped(pruner: dict[str, Any], words: str) -> None:
    stage = {"kind": "search", "sampler": "cma-es", "trials": 40, "seeds": 2, "parameters": ("lr", "weight_decay")}
    found = asked(SamplerSearch.model_validate({**stage, "pruner": pruner}))
    opening = "What is best of lr, weight decay? 40 runs at most, chosen by CMA-ES, 2 seeds a point. "
    assert found == opening + words
