"""Importances by PED-ANOVA: a pure function of the runs, remembered by their content."""

from __future__ import annotations

import numpy as np
import pytest

from studies.storage.optuna_bridge.importance import FEWEST, Question, importances


def question(count: int = 200, *, maximize: bool = True, seed: int = 0) -> Question:
    random = np.random.default_rng(seed)
    points = random.random((count, 3))
    heights = -((points[:, 0] - 0.3) ** 2)
    return Question(
        names=("matters", "idle", "kind"),
        kinds=("number", "number", "category"),
        points=tuple((float(a), float(b), "xy"[int(c * 2)]) for a, b, c in points),
        scores=tuple((heights if maximize else -heights).tolist()),
        maximize=maximize,
    )


@pytest.mark.parametrize("maximize", [True, False])
def test_what_matters_is_found_in_either_direction(maximize: bool) -> None:
    found = importances(question(maximize=maximize))
    assert set(found) == {"matters", "idle", "kind"}
    assert found["matters"] > 0.8
    assert sum(found.values()) == pytest.approx(1)


def test_the_same_question_is_answered_from_memory() -> None:
    before = importances.cache_info().hits
    assert importances(question(seed=7)) is importances(question(seed=7))
    assert importances.cache_info().hits > before


def test_too_few_runs_and_equal_scores_say_nothing() -> None:
    few = question(FEWEST - 1)
    assert importances(few) == {}
    flat = Question(("a",), ("number",), ((0.1,),) * 30, (0.5,) * 30, maximize=True)
    assert importances(flat) == {}
    assert importances(Question((), (), ((),) * 30, tuple(map(float, range(30))), maximize=True)) == {}
