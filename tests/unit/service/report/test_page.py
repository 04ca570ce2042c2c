"""Whole reports: of every shape of study, true to it, and asking nobody for anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import httpx
import pytest
from httpx import Client

from service.report import page as report
from service.report.context import report_context
from service.report.page import POLICY, report_page
from studies.contract.states import StudyCommand
from studies.core.actions import AddTrials, AwaitApproval, Fail, OpenStage
from studies.storage.memory import MemoryStore
from tests import histories
from tests.builders import add_trials, proposal, spec
from tests.histories import HOSTILE, History

NOW = 1_700_000_000.0
Shape = Callable[[MemoryStore], History]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: NOW)


def empty(store: MemoryStore) -> History:
    return History(store, "empty")


def one_trial(store: MemoryStore) -> History:
    history = History(store, "one-trial")
    history.act(OpenStage("lr_sweep"), add_trials("lr=0.1"))
    return history


def cancelled(store: MemoryStore) -> History:
    history = histories.running(store, "cancelled")
    store.command(history.study_id, StudyCommand.CANCEL)
    return history


def waits_for_approval(store: MemoryStore) -> History:
    history = History(store, "gated", gates="approve")
    history.act(AwaitApproval("lr_sweep", "look at the budget first"))
    return history


def many_parameters(store: MemoryStore) -> History:
    history = History(store, "wide")
    params = {f"hyperparameter_{number}": number for number in range(300)} | {"lr": 0.1, "batch_size": 64}
    history.act(OpenStage("lr_sweep"), AddTrials("lr_sweep", (proposal("wide", params=params),)))
    history.run()
    return history


SHAPES: list[Shape] = [
    empty,
    one_trial,
    cancelled,
    waits_for_approval,
    many_parameters,
    histories.running,
    histories.finished,
    histories.all_diverged,
    histories.with_gaps,
]


class Read(HTMLParser):
    """What a browser would do with the file: its words, and every address that it would ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "rect", "circle", "path", "br", "link", "img"):
            self.open.append(tag)
        named = dict(attrs)
        asked = ("src", "href", "xlink:href", "action", "data", "poster", "srcset")
        self.addresses += [named[name] or "" for name in asked if name in named]
        assert not [name for name in named if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "circle", "path"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(store: MemoryStore, shape: Shape) -> Read:
    return Read(report_page(store, shape(store).study_id, NOW, "1.2.3"))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_report_of_any_study_asks_nobody_for_anything(store: MemoryStore, shape: Shape) -> None:
    text = report_page(store, shape(store).study_id, NOW, "1.2.3")
    found = Read(text)
    assert [address for address in found.addresses if not re.fullmatch(r"#[a-z-]+", address)] == []
    assert not {"script", "link", "iframe", "img", "object", "embed", "form", "base"} & set(found.tags)
    assert "@import" not in text
    assert "url(" not in text
    assert POLICY in text.replace("&#39;", "'")
    assert found.open == []
    assert len(text) < 2_000_000
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in found.addresses} <= set(ids)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        pytest.param(empty, ["It has not begun yet.", "no run has given a result"], id="empty"),
        pytest.param(waits_for_approval, ["It waits for a person to approve its next stage"], id="waits"),
        pytest.param(one_trial, ["No trial has ended.", "A later decision may choose"], id="one trial"),
        pytest.param(cancelled, ["It was cancelled", "The choice is lr 0.03"], id="cancelled"),
        pytest.param(many_parameters, ["Left out for want of room: hyperparameter"], id="300 parameters"),
        pytest.param(histories.running, ["It is still running", "The configuration so far"], id="running"),
        pytest.param(
            histories.all_diverged,
            ["It failed.", "Give lr_sweep a grid of smaller rates", "No run gave a result", "3 trials diverged"],
            id="failed",
        ),
        pytest.param(histories.with_gaps, ["the lowest dev loss"], id="minimised"),
    ],
)
def test_it_is_true_to_the_study(store: MemoryStore, shape: Shape, said: list[str]) -> None:
    text = read(store, shape).text
    for words in said:
        assert words.lower() in text.lower()


def test_a_finished_study_is_told_from_its_goal_to_its_costs(store: MemoryStore) -> None:
    text = read(store, histories.finished).text
    for words in (
        "digits-cnn looks for the settings that give small_cnn on digits the highest dev accuracy.",
        "It reaches dev accuracy 0.985, where it was 0.951 to begin with.",
        "a learning rate that goes linear to zero from step 430 to 600",
        "Report of 14 November 2023, 22:13 UTC",
        "def lr_factor(step: int) -> float:",
        "name: digits-cnn-next",
        "Imaginary 9000 (cpu): 29 runs",
        "with Stagetune 1.2.3",
        "The choice rests on a single run",
        "The lead is smaller than the noise: a tie",
    ):
        assert words in text


def test_every_figure_of_a_finished_study_is_drawn(store: MemoryStore) -> None:
    study = histories.finished(store).study_id
    context = report_context(store, study, NOW, "1")
    plates = [plate for chapter in context.chapters for plate in chapter.plates] + [context.curves]
    assert len(plates) >= 5
    for plate in plates:
        assert plate.wide.startswith("<svg")
        assert plate.narrow.startswith("<svg")


def test_costs_add_up(store: MemoryStore) -> None:
    context = report_context(store, histories.finished(store).study_id, NOW, "1")
    rows, total = context.costs.rows, context.costs.total
    for name in ("trials", "runs", "steps"):
        numbers = [int(getattr(row, name).replace(",", "")) for row in rows]
        assert sum(numbers) == int(getattr(total, name).replace(",", "")), name
    assert len(rows) == 3


def test_the_best_trials_come_best_first_without_what_they_share(store: MemoryStore) -> None:
    best = report_context(store, histories.finished(store).study_id, NOW, "1").best
    scores = [float(row[best.columns.index("dev accuracy")]) for row in best.rows]
    assert scores == sorted(scores, reverse=True)
    assert "batch size" in best.columns
    assert "batch size" not in " ".join(best.shared)
    assert all(len(row) == len(best.columns) for row in best.rows)


def test_hostile_words_are_words(store: MemoryStore) -> None:
    history = histories.with_gaps(store)
    history.act(Fail(HOSTILE))
    text = report_page(store, history.study_id, NOW, "1")
    assert '<a href="javascript' not in text
    assert HOSTILE.split(" ")[-1] in Read(text).text
    assert "click</a>" in Read(text).text


def test_ones_own_code_is_named_with_its_arguments(store: MemoryStore) -> None:
    objective = {"kind": "function", "target": "train.py:train", "args": {"width": 4, "note": HOSTILE}}
    study = store.create_study(spec("own-code", objective=objective)).study_id
    text = Read(report_page(store, study, NOW, "1")).text
    assert "give the function train.py:train the highest" in text
    assert "the version of your code" in text
    assert "left to your code" in text


def test_the_page_is_served_under_its_own_policy(client: Client, store: MemoryStore) -> None:
    study = histories.finished(store).study_id
    answer = client.get(f"/studies/{study}/report")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == f"{POLICY}; frame-ancestors 'none'"
    assert answer.headers["content-disposition"] == 'inline; filename="digits-cnn-report.html"'
    assert f'href="/studies/{study}/report"' in client.get(f"/studies/{study}").text


def test_a_study_that_is_not_there_has_no_report(client: Client) -> None:
    missing: httpx.Response = client.get("/studies/st_none/report")
    assert missing.status_code == 404
    assert "Nothing stands under this address" in missing.text


def test_the_styles_are_those_of_the_pages() -> None:
    assert "--ground" in report._styles()
