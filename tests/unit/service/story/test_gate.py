"""What a gate asks, and the questions of all stages."""

from __future__ import annotations

import pytest

from service.story.asked import asked
from service.story.gate import price_words
from studies.contract.study_file import STAGE_ORDERS, BatchMomentum, LrHalving, LrSweep, default_stages
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
    for stage in default_stages(strategy):
        assert asked(stage).count("?") == 1
        assert asked(stage).endswith(".")


def test_a_question_names_what_is_tried() -> None:
    assert "2 rates from 0.01 to 0.1, then 4 more" in asked(LrSweep(kind="lr_sweep", grid=(0.1, 0.01)))
    assert "The rate 0.1." in asked(LrSweep(kind="lr_sweep", grid=(0.1,), refine=0))
    assert "20 points by tpe search of 32" in asked(BatchMomentum(kind="batch_momentum", search="tpe", trials=20))
    assert "3 rates begin" in asked(LrHalving(kind="lr_halving", rates=(0.1, 0.2, 0.3)))
