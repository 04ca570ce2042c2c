from __future__ import annotations

import io

import pytest
from rich.console import Console

from service.cli.render import best_table, report_panel, study_table
from service.cli.report import build_report, exit_code
from service.cli.watching import STALL_SECONDS, StallWatch, news
from service.conclusions import Chosen, Gain
from studies.contract.base import Params
from studies.contract.decision import Candidate, Decision
from studies.contract.schedule import Schedule
from studies.contract.states import StageState, StudyState
from studies.contract.views import BestTrial, Progress, StageView, StudyView
from tests.builders import spec

CHOSEN: Params = {"lr": 0.03, "batch_size": 64, "momentum": 0.9}


def decided(kind: str, choice: dict[str, object], **evidence: object) -> StageView:
    candidate = Candidate(trial_id="tr_1", params=CHOSEN, schedule=Schedule(), num_steps=450, score=0.95)
    decision = Decision(
        rule="fastest and deepest curve (guide, stage 1)",
        choice=choice,
        reason="lr 0.03 ends at a loss of 0.12, 0.3 below the next [best]",
        evidence=evidence,
        what_would_flip_it="a loss below 0.12 at lr 0.1",
        candidates=(candidate,),
        warnings=("the winner was at the edge",),
    )
    return StageView.model_validate(
        {"kind": kind, "state": StageState.COMPLETED, "decision": decision, "trials": 6, "trials_ended": 6}
    )


def study(*stages: StageView, state: StudyState = StudyState.RUNNING, **fields: object) -> StudyView:
    rest = tuple(StageView(kind=stage.kind, state=StageState.PENDING) for stage in spec().stages[len(stages) :])
    return StudyView.model_validate(
        {
            "id": "st_1",
            "name": "digits-cnn",
            "state": state,
            "stages": (*stages, *rest),
            "progress": Progress(trials=8, trials_ended=6, trials_budget=60, steps=12_345),
            "created_at": 0.0,
            "updated_at": 0.0,
            "spec": spec(),
        }
        | fields
    )


CELLS = [{"trial_id": "tr_1", "seeds": [0, 1, 2]}, {"trial_id": "tr_9", "seeds": [0]}]
SWEPT = decided("lr_sweep", {"lr": 0.03, "num_steps": 450}, dev_before=0.9, dev_after=0.95, cells=CELLS)
BEST = BestTrial(trial_id="tr_9", params={"lr": 0.1, "batch_size": 128}, metrics={"dev_accuracy": 0.9777, "lr": 0.1})


def printed(renderable: object) -> str:
    text = io.StringIO()
    Console(file=text, width=200, no_color=True).print(renderable)
    return text.getvalue()


def test_the_report_says_what_was_chosen_and_what_it_brought() -> None:
    report = build_report(study(SWEPT, best=BEST), dashboard="http://here/studies/st_1")
    assert report.chosen == Chosen("tr_1", CHOSEN, 450, Schedule(), 0.95, 3)
    first = report.stages[0]
    assert (first.gain, first.warnings) == (Gain("lr_sweep", 0.9, 0.95, 3), ("the winner was at the edge",))
    assert report.best == BEST


def test_the_chosen_and_the_luckiest_run_are_told_apart() -> None:
    text = printed(best_table(build_report(study(SWEPT, best=BEST))))
    assert "dev accuracy  0.95 (mean of 3 seeds)" in text
    assert "Best single run: dev accuracy 0.9777 (lr 0.1 · batch size 128)" in text


def test_without_a_decision_the_best_run_stands_alone() -> None:
    assert build_report(study(best=BEST)).chosen is None
    assert printed(best_table(build_report(study(best=BEST)))).startswith("Best single run: dev accuracy 0.9777")
    assert "No run has given a result yet." in printed(best_table(build_report(study())))


def test_the_printed_report_has_every_stage_in_words() -> None:
    text = printed(report_panel(build_report(study(SWEPT, best=BEST), dashboard="http://here/studies/st_1")))
    for expected in (
        "running after 6 trials, 12,345 steps.",
        "learning rate and number of steps: lr 0.03, num steps 450",
        "0.3 below the next [best]",
        "dev accuracy 0.9 at lr 0.01 → 0.95 (mean of 3 seeds)",
        "What would change it: a loss below 0.12 at lr 0.1",
        "Note: the winner was at the edge",
        "batch size and momentum: pending",
        "http://here/studies/st_1",
    ):
        assert expected in text


def test_markup_in_a_reason_stays_text() -> None:
    text = printed(report_panel(build_report(study(state=StudyState.FAILED, reason="[red]all[/] [link=x]diverged"))))
    assert "[red]all[/] [link=x]diverged" in text


def test_the_table_names_state_and_stage() -> None:
    text = printed(study_table([study(SWEPT, best=BEST)]))
    assert "1/3 batch_momentum" in text
    assert "6/8" in text
    assert "dev accuracy 0.95 " in text


def test_before_a_decision_the_table_shows_the_best_run() -> None:
    assert "dev accuracy 0.9777 (best run)" in printed(study_table([study(best=BEST)]))
    assert "(best run)" not in printed(study_table([study()]))


@pytest.mark.parametrize(
    ("state", "code"), [(StudyState.COMPLETED, 0), (StudyState.FAILED, 1), (StudyState.CANCELLED, 1)]
)
def test_exit_codes(state: StudyState, code: int) -> None:
    assert exit_code(state) == code


# --- what is told while it runs --------------------------------------------------------------------------------------

OPENED = StageView(kind="lr_sweep", state=StageState.RUNNING)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        pytest.param(None, study(), (), id="nothing yet"),
        pytest.param(study(), study(OPENED), ("stage opened: learning rate",), id="stage opened"),
        pytest.param(None, study(SWEPT), ("num steps", "0.3 below the next"), id="decided"),
        pytest.param(study(SWEPT), study(SWEPT), (), id="nothing new"),
        pytest.param(study(), study(state=StudyState.PAUSED), ("stagetune resume digits-cnn",), id="paused"),
        pytest.param(
            study(), study(state=StudyState.AWAITING_APPROVAL), ("stagetune approve digits-cnn",), id="awaits approval"
        ),
    ],
)
def test_news_are_what_has_changed(before: StudyView | None, now: StudyView, told: tuple[str, ...]) -> None:
    lines = list(news(before, now))
    assert len(lines) == len(told)
    for line, words in zip(lines, told, strict=True):
        assert words in line


def test_a_stall_is_told_once_after_a_while() -> None:
    stalls, waiting = StallWatch(), study(waiting_because="no worker: start one")
    times = [0, STALL_SECONDS - 1, STALL_SECONDS, STALL_SECONDS + 1, 10 * STALL_SECONDS]
    told = [stalls.look(waiting, now) for now in times]
    assert [len(lines) for lines in told] == [0, 0, 1, 0, 0]
    assert "no worker: start one" in told[2][0]


def test_while_steps_are_trained_nothing_stalls() -> None:
    stalls = StallWatch()
    for second in range(100):
        progress = Progress(trials=8, trials_ended=0, trials_budget=60, steps=second)
        assert stalls.look(study(waiting_because="all places are taken", progress=progress), float(second)) == ()


def test_a_study_that_does_not_wait_does_not_stall() -> None:
    stalls = StallWatch()
    assert [stalls.look(study(), now) for now in (0.0, 1000.0)] == [(), ()]
