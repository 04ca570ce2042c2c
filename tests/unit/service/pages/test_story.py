"""The story of a study in words."""

from __future__ import annotations

import pytest

from service.pages.story import StageCard, story, told_of
from studies.contract.states import StageState, StudyCommand
from studies.core.actions import AwaitApproval, CloseStage
from studies.storage.memory import MemoryStore
from tests import histories
from tests.builders import decision
from tests.histories import History


def cards(history: History) -> tuple[StageCard, ...]:
    store = history.store
    study = store.get_study(history.study_id)
    return story(study, store.trial_numbers(told_of(study)))


def settings(card: StageCard) -> list[tuple[str, str]]:
    return [(setting.name, setting.value) for setting in card.choice]


def test_a_finished_study_tells_three_decisions(store: MemoryStore) -> None:
    sweep, batch, decay = cards(histories.finished(store))
    assert [card.tense for card in (sweep, batch, decay)] == ["done"] * 3
    assert settings(sweep) == [("lr", "0.03"), ("num steps", "570")]
    assert sweep.reason.startswith("lr 0.03 falls fastest")
    assert sweep.headline == sweep.reason  # its evidence does not hold what a sentence of its own would need
    assert sweep.length == "The loss has flattened out by step 380; 1.5 times that makes 570 steps."
    assert batch.headline == (
        "Batch size 32 with momentum 0.9 at lr 0.015 comes to dev accuracy 0.978, "
        "0.003 ahead of the next best, within the noise."
    )
    assert decay.headline == (
        "Linear decay from step 430 on pays: dev accuracy goes from 0.978 to 0.985, "
        "a gain of 0.007, clear of the noise of 0.006."
    )
    assert sweep.reason.endswith(".")
    assert sweep.gain == "dev accuracy 0.951 at lr 0.01 → 0.972"
    assert batch.warnings == ("The lead is smaller than the noise: a tie, the cheaper one was taken.",)
    assert decay.flip == "A cosine run that gains 0.003."
    assert decay.runners_up[0].what == "cosine decay from step 0 on"
    assert sweep.cost.startswith("8 trials, 4,260 steps")


def test_how_sure_is_the_lead_against_the_noise(store: MemoryStore) -> None:
    sweep, batch, decay = cards(histories.finished(store))
    assert sweep.sureness.verdict == "A clear lead"
    assert sweep.sureness.text == (
        "The choice is 0.012 ahead of the next best; two standard errors of the difference are 0.008."
    )
    assert (sweep.sureness.lead_share, sweep.sureness.noise_share) == (100, 67)
    assert batch.sureness.verdict == "Within the noise"
    assert decay.sureness.text.startswith("The best decay is 0.007 ahead of no decay;")


def test_a_choice_that_lies_behind_says_so(store: MemoryStore) -> None:
    history = History(store)
    histories.sweep(history)
    history.run()
    evidence = {"lead": -0.001, "noise": 0.002}
    history.act(CloseStage("lr_sweep", decision(history.trial("lr=0.1").id, evidence=evidence)))
    assert cards(history)[0].sureness.text.startswith("The choice is 0.001 behind the next best;")


def test_runners_up_know_their_trials_number(store: MemoryStore) -> None:
    history = histories.finished(store)
    assert cards(history)[0].runners_up[0].number == history.trial("lr=0.01").number


def test_a_running_stage_says_how_far_it_is_and_the_next_what_it_will_ask(store: MemoryStore) -> None:
    _, batch, decay = cards(histories.running(store))
    assert (batch.tense, decay.tense) == ("now", "to come")
    assert batch.standing == "4 of 18 trials ended so far."
    assert "exponential, cosine, polynomial and piecewise are tried too" in decay.asked
    assert decay.figures == ()


def test_a_study_that_has_not_begun_is_all_to_come(store: MemoryStore) -> None:
    assert {card.tense for card in cards(History(store))} == {"to come"}


def test_a_gate_asks_for_approval(store: MemoryStore) -> None:
    history = History(store, gates="approve")
    histories.sweep(history)
    history.run()
    histories.close_sweep(history)
    history.act(AwaitApproval("batch_momentum", "look at the sweep first"))
    batch = cards(history)[1]
    assert batch.state is StageState.AWAITING_APPROVAL
    assert batch.standing == "Waits for your approval."
    assert batch.gate.price.startswith("2 to 32 trials, at most 16,000 steps: up to ")
    assert "those so far" in batch.gate.assumption


def test_a_cancelled_study_says_what_became_of_its_stages(store: MemoryStore) -> None:
    history = histories.running(store)
    store.command(history.study_id, StudyCommand.CANCEL)
    assert cards(history)[1].standing == "Cancelled before it could decide."


@pytest.mark.parametrize("evidence", [{}, {"lead": "much", "noise": 1}, {"lead": True, "noise": 0.1}])
def test_odd_evidence_is_left_out(store: MemoryStore, evidence: dict[str, object]) -> None:
    history = History(store)
    histories.sweep(history)
    history.run()
    history.act(CloseStage("lr_sweep", decision(history.trial("lr=0.1").id, evidence=evidence)))
    card = cards(history)[0]
    assert card.sureness is None
    assert card.gain == ""


def test_a_schedule_that_describes_itself_is_told_once(store: MemoryStore) -> None:
    history = History(store)
    histories.sweep(history)
    history.run()
    choice = {"schedule": "linear", "description": "linear to zero from step 90", "start": 90, "num_steps": 600}
    history.act(CloseStage("lr_sweep", decision(history.trial("lr=0.1").id, choice=choice)))
    assert settings(cards(history)[0]) == [("schedule", "linear to zero from step 90"), ("num steps", "600")]
