"""The trial table: what its address says, what stands in it, and where its links lead."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qsl

import pytest
from httpx import Client
from hypothesis import given
from hypothesis import strategies as st

from service.pages.table_state import ROW_CHOICES, ROWS, TableState, read_state
from service.pages.trials import TrialsContext, trials_context
from service.trial_queries import Asked
from studies.contract.states import StudyCommand
from studies.core.actions import AddTrials, OpenStage
from studies.storage.memory import MemoryStore
from tests import histories
from tests.builders import proposal
from tests.histories import History
from tests.unit.service.pages.conftest import browser

SHOWN = re.compile(r'<tr id="row-[^"]+" data-trial-number="(\d+)">')


@pytest.fixture(scope="module")
def history() -> History:
    """A study that has ended; no test here changes it."""
    return histories.finished(MemoryStore())


@pytest.fixture(scope="module")
def client(history: History) -> Iterator[Client]:
    with browser(history.store) as client:
        yield client


def table(history: History, **state: object) -> TrialsContext:
    study = history.store.get_study(history.study_id)
    return trials_context(history.store, study, TableState(**state))  # type: ignore[arg-type]


def numbers(context: TrialsContext) -> list[int]:
    return [row.trial.number for row in context.rows]


def sized(store: MemoryStore, count: int, **params: object) -> History:
    """A study with so many waiting trials."""
    history = History(store, budget={"steps": 600, "trials": 500})
    proposals = (proposal(f"k{place}", params={"lr": 0.1 * (1 + place), **params}) for place in range(count))
    history.act(OpenStage("lr_sweep"), AddTrials("lr_sweep", tuple(proposals)))
    return history


def test_without_an_address_all_trials_stand_by_number(history: History) -> None:
    shown = table(history)
    assert numbers(shown) == list(range(29))
    assert (shown.found, shown.span, shown.steps, shown.mistake, shown.nothing) == (
        "29 trials",
        "1 to 29",
        (),
        None,
        "",
    )
    assert [column.title for column in shown.columns] == [
        "Trial", "State", "Stage", "Schedule", "Steps", "lr", "batch size", "momentum", "best dev accuracy",
    ]  # fmt: skip
    assert [column.sorted for column in shown.columns] == ["ascending", *[""] * 8]


def test_cells_are_written_for_people(history: History) -> None:
    first = table(history, columns="state,steps,lr,dev_accuracy,last(loss),schedule,seed,worker,reason").rows[0]
    assert first.cells[0].state == first.trial.state
    texts = [(cell.text, cell.note) for cell in first.cells[1:]]
    assert texts == [
        ("60", "/ 600"), ("1", ""), ("—", ""), ("NaN", ""), ("constant", ""), ("0", ""), ("digits-cnn-node", ""),
        ("a point of the grid", ""),
    ]  # fmt: skip


def test_a_filter_says_how_many_it_finds(history: History) -> None:
    shown = table(history, asked=Asked("lr < 0.1 and stage = lr_sweep", "lr", "desc"))
    assert numbers(shown) == [2, 3, 4, 5, 6, 7]
    assert shown.found == "6 of 29 trials"
    assert shown.unfiltered == "?sort=lr&order=desc"


def test_a_filter_that_cannot_be_read_is_shown_with_its_place(history: History) -> None:
    shown = table(history, asked=Asked("lr < 0.1 and stat = failed"))
    assert shown.mistake is not None
    assert shown.mistake.message == "Column 14: unknown name 'stat': did you mean state?"
    assert (shown.mistake.before, shown.mistake.wrong, shown.mistake.after) == ("lr < 0.1 and ", "stat", " = failed")
    assert len(shown.rows) == 29


@pytest.mark.parametrize("sort", ["nothing known", "epsilon", "lr <"])
def test_an_order_that_cannot_be_read_is_as_if_it_were_not_there(history: History, sort: str) -> None:
    shown = table(history, asked=Asked("lr < 1", sort, "desc"))
    assert numbers(shown)[:3] == [1, 2, 3]
    assert shown.state.asked == Asked("lr < 1")


def test_a_column_sorts_the_best_first_and_then_the_other_way_round(history: History) -> None:
    by_title = {column.title: column.sort for column in table(history).columns}
    assert by_title["lr"] == "?sort=lr"
    assert by_title["best dev accuracy"] == "?sort=dev_accuracy&order=desc"
    assert by_title["Trial"] == "?order=desc"
    again = table(history, asked=Asked("", "dev_accuracy", "desc")).columns[-1]
    assert (again.sort, again.sorted) == ("?sort=dev_accuracy", "descending")


def test_pages_step_and_keep_the_rest_of_the_address(store: MemoryStore) -> None:
    history = sized(store, 120)
    first = table(history, asked=Asked("number < 110"), rows=25)
    assert (numbers(first), first.span) == (list(range(25)), "1 to 25")
    assert [step.query for step in first.steps] == [
        None,
        None,
        "?filter=number%20%3C%20110&page=2&rows=25",
        "?filter=number%20%3C%20110&page=5&rows=25",
    ]
    last = table(history, asked=Asked("number < 110"), rows=25, page=5)
    assert (numbers(last), last.span) == (list(range(100, 110)), "101 to 110")
    assert [step.query for step in last.steps][2:] == [None, None]


def test_a_page_behind_the_last_is_the_last(store: MemoryStore) -> None:
    shown = table(sized(store, 120), page=9)
    assert (numbers(shown), shown.state.page) == (list(range(100, 120)), 3)


def test_hyperparameters_that_vary_are_shown_and_the_others_can_be_chosen(store: MemoryStore) -> None:
    history = sized(store, 3, **{f"fixed_{place}": place for place in range(300)})
    shown = table(history)
    assert [column.title for column in shown.columns] == ["Trial", "State", "Stage", "Steps", "lr", "best dev accuracy"]
    params = shown.choices[1]
    assert (params.title, len(params.choices)) == ("Hyperparameters", 301)
    assert [choice.name for choice in params.choices if choice.shown] == ["lr"]
    chosen = table(history, columns="fixed_7,max(dev_accuracy),number,last(loss)")
    assert [column.title for column in chosen.columns][1:] == ["fixed 7", "best dev accuracy", "last loss"]


def test_of_many_that_vary_the_first_are_shown(store: MemoryStore) -> None:
    history = History(store)
    proposals = [proposal(f"k{n}", params={f"p{place}": n for place in range(30)}) for n in range(3)]
    history.act(OpenStage("lr_sweep"), AddTrials("lr_sweep", tuple(proposals)))
    assert [column.title for column in table(history).columns][4:-1] == [f"p{place}" for place in range(8)]


def test_columns_that_cannot_be_read_are_the_usual_ones(history: History) -> None:
    assert table(history, columns="lr,nobody").columns == table(history).columns
    assert len(table(history, columns=",".join(f'last("m{n}")' for n in range(200))).columns) <= 61


def test_columns_that_were_chosen_can_be_unchosen(history: History) -> None:
    shown = table(history, columns='max("val.f1"),lr')
    names = [choice.name for group in shown.choices for choice in group.choices if choice.shown]
    assert names == ["lr", 'max("val.f1")']
    assert shown.unchosen == ""
    assert shown.usual == "state,stage,schedule,steps,lr,batch_size,momentum,dev_accuracy"


def test_examples_are_filters_of_this_study(history: History) -> None:
    shown = table(history)
    texts = [text for text, _ in shown.help.examples]
    assert texts[0].startswith("dev_accuracy > 0.96")
    assert texts[1].startswith("lr <= 0.015")
    for text in texts:
        assert table(history, asked=Asked(text)).mistake is None
    assert 0 < len(table(history, asked=Asked(texts[0])).rows) < 29


def test_a_study_without_trials_says_so(store: MemoryStore) -> None:
    history = History(store)
    assert table(history).nothing.startswith("No trial yet")
    assert table(history, asked=Asked("lr < 1")).nothing.startswith("No trial yet")
    store.command(history.study_id, StudyCommand.CANCEL)
    assert table(history).nothing == "This study ended before its first trial."


def test_nothing_found_is_said(history: History) -> None:
    shown = table(history, asked=Asked("number > 1000"))
    assert (shown.found, shown.span, shown.state.page) == ("0 of 29 trials", "", 1)
    assert shown.nothing.startswith("No trial matches.")


@given(
    st.builds(
        TableState,
        st.builds(Asked, st.text(max_size=50), st.text(max_size=20), st.sampled_from(["asc", "desc"])),
        st.integers(1, 1_000),
        st.sampled_from(ROW_CHOICES),
        st.text(max_size=50),
    )
)
def test_an_address_says_what_it_was_made_of(state: TableState) -> None:
    assert read_state(dict(parse_qsl(state.query().removeprefix("?")))) == state


@pytest.mark.parametrize(
    "query", ["page=0", "page=-3", "page=x", "page=²", "rows=7", "rows=1e3", "order=up", "page=" + "9" * 99]
)
def test_an_address_that_was_changed_by_hand_shows_something(client: Client, history: History, query: str) -> None:
    answer = client.get(f"/studies/{history.study_id}?{query}")
    assert answer.status_code == 200
    assert len(SHOWN.findall(answer.text)) == min(ROWS, 29)


def test_the_page_and_its_part_show_what_the_address_says(client: Client, history: History) -> None:
    query = "?filter=stage%20%3D%20lr_sweep&sort=lr&order=desc"
    for path in (f"/studies/{history.study_id}", f"/studies/{history.study_id}/parts/trials"):
        text = client.get(path + query).text
        assert SHOWN.findall(text) == [str(number) for number in range(8)]
        assert 'value="stage = lr_sweep"' in text
        assert 'aria-sort="descending"' in text


@pytest.mark.parametrize("text", ['"><script>alert(1)</script>', "<b>", "lr < 0.1 and '", "a" * 3_000])
def test_what_is_typed_stays_text(client: Client, history: History, text: str) -> None:
    answer = client.get(f"/studies/{history.study_id}/parts/trials", params={"filter": text})
    assert answer.status_code == 200
    assert "<script>" not in answer.text
    assert "<b></mark>" not in answer.text
    assert 'class="mistake"' in answer.text


def test_files_have_what_is_found_in_its_order(client: Client, history: History) -> None:
    text = client.get(f"/studies/{history.study_id}/parts/trials?filter=stage%20%3D%20lr_sweep&sort=lr&rows=25").text
    shown, everything = (unescape(link) for link in re.findall(r'<a href="([^"]*)" download', text))
    rows = list(csv.DictReader(io.StringIO(client.get(shown).text, newline="")))
    assert list(rows[0]) == [
        "number", "state", "stage", "schedule", "steps", "lr", "batch_size", "momentum", "dev_accuracy",
    ]  # fmt: skip
    assert [row["number"] for row in rows] == [str(number) for number in range(7, -1, -1)]
    assert (rows[-1]["state"], rows[-1]["lr"], rows[-1]["dev_accuracy"]) == ("diverged", "1", "")
    whole = list(csv.DictReader(io.StringIO(client.get(everything).text, newline="")))
    assert [row["number"] for row in whole] == [row["number"] for row in rows]
    assert "metrics.loss.minimum" in whole[0]
