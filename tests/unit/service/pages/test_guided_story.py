"""The cards of a guided search, and their figures, from a study that was told to a store."""

from __future__ import annotations

import pytest

from service.figures.drawn import CurveLook
from service.figures.palette import LIGHT
from service.pages.figures import _FIGURES, read_study
from service.pages.story import story
from studies.contract.study_file import STAGE_ORDERS, StageKind
from studies.storage.memory import MemoryStore
from tests.histories import STEPS, History, guided

KINDS = STAGE_ORDERS["guided_search"]


@pytest.fixture
def history() -> History:
    return guided(MemoryStore())


def test_every_stage_has_a_card_that_says_what_was_asked_and_found(history: History) -> None:
    study = history.store.get_study(history.study_id)
    cards = story(study, history.store.list_trials(history.study_id, limit=1000).trials)
    assert [card.kind for card in cards] == list(KINDS)
    for card in cards:
        assert card.asked.count("?") == 1
        assert card.reason.endswith(".")
        assert "0.9" in card.gain


def test_progress_is_counted_in_steps(history: History) -> None:
    progress = history.store.get_study(history.study_id).progress
    assert progress.steps_budget == STEPS * progress.trials_budget


def test_a_card_says_what_a_stage_has_cost(history: History) -> None:
    cards = story(history.store.get_study(history.study_id), {})
    assert all(card.cost.startswith("3 trials, 1,800 steps") for card in cards)


@pytest.mark.parametrize("kind", KINDS)
def test_every_card_has_a_figure_that_draws(history: History, kind: StageKind) -> None:
    data = read_study(history.store, history.study_id)
    (card,) = (card for card in story(data.study, {}) if card.kind == kind)
    for slot in card.figures:
        assert _FIGURES[slot.name](data, LIGHT, CurveLook("loss")).figure is not None
