"""``/compare``: which trials it finds, what it says of those that it does not, and how trials come and go."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from httpx import Client

from service.figures.palette import DARK, LIGHT
from service.pages.compare_choice import MOST, choose, wanted
from studies.storage.memory import MemoryStore
from tests import histories
from tests.histories import History
from tests.unit.service.pages.conftest import browser


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("tr_1,tr_2", ["tr_1", "tr_2"]),
        (" tr_1 ; tr_2\ntr_1,,", ["tr_1", "tr_2"]),
        ("digits-cnn/12", ["digits-cnn/12"]),
        ("https://tune.example/base/trials/tr_9?metric=loss#curves tr_1", ["tr_9", "tr_1"]),
    ],
)
def test_a_list_of_trials_is_read_as_people_write_it(text: str, names: list[str]) -> None:
    assert wanted(text) == names


@pytest.fixture
def two_studies(store: MemoryStore) -> tuple[History, History]:
    return histories.finished(store), histories.running(store)


def test_trials_are_found_by_id_and_by_study_and_number(store: MemoryStore, two_studies) -> None:
    finished, running = two_studies
    late = finished.trial("linear-late")
    words = [late.id, f"digits-cnn/{late.number}", "in-progress/#1", f"{running.study_id}/2"]
    chosen = choose(store, words)
    assert [(member.study.name, member.trial.number) for member in chosen.members] == [
        ("digits-cnn", late.number),
        ("in-progress", 1),
        ("in-progress", 2),
    ]
    assert chosen.missing == ()


@pytest.mark.parametrize("word", ["tr_none", "digits-cnn/4000", "nobody/1", "digits-cnn/99999999999", "<b>", "../x"])
def test_what_is_not_there_is_named_and_takes_nothing_from_the_others(
    store: MemoryStore, client: Client, two_studies, word: str
) -> None:
    chosen = choose(store, [word, "digits-cnn/3"])
    assert (chosen.missing, len(chosen.members)) == ((word,), 1)
    page = client.get("/compare", params={"trials": f"{word},digits-cnn/3"})
    assert page.status_code == 200
    assert "There is no trial" in page.text
    assert "<b>:" not in page.text
    assert "Compare 1 trial<" in page.text


def test_more_than_can_be_told_apart_are_left_out_aloud(store: MemoryStore, client: Client) -> None:
    page = client.get("/compare", params={"trials": ",".join(f"x/{n}" for n in range(MOST + 5))}).text
    assert "5 trials left out: 30 at once" in page


def test_the_page_says_what_differs_and_folds_what_does_not(store: MemoryStore, client: Client, two_studies) -> None:
    page = client.get("/compare?trials=digits-cnn/2,in-progress/3").text
    body = page[page.index('id="differing"') : page.index('id="metrics"')]
    assert re.findall(r'<th scope="row">([^<]*)</th>', body) == ["lr"]
    folded = page[page.index('class="same"') :]
    assert "batch size" in folded
    assert "small_cnn on digits" in folded
    assert "digits-cnn #2" in page


def test_a_trial_is_left_out_by_a_link_and_added_by_the_form(client: Client, two_studies) -> None:
    first, second = two_studies[0].trial("lr=0.1"), two_studies[0].trial("lr=0.01")
    page = client.get(f"/compare?trials={first.id},{second.id}").text
    assert f'href="/compare?trials={second.id}"' in page
    answer = client.get("/compare", params={"trials": first.id, "add": "in-progress/#1 x&y", "axis": "samples"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/compare?trials={first.id},in-progress/%231,x%26y&axis=samples"


def test_an_address_that_is_added_cannot_lead_elsewhere(client: Client) -> None:
    answer = client.get("/compare", params={"add": "//evil.example/ \r\nSet-Cookie:x"})
    assert answer.headers["location"].startswith("/compare?trials=")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("axis", ["step", "epoch", "samples", "time"])
def test_the_figure_is_drawn_on_every_axis(client: Client, two_studies, axis: str) -> None:
    query = {"trials": "digits-cnn/2,in-progress/3,nobody/7", "axis": axis, "theme": "dark", "smooth": 20}
    drawing = client.get("/compare/figures/curves.json", params=query).json()
    assert drawing["sentence"].startswith("Dev accuracy of 2 trials over")
    assert len(drawing["figure"]["data"]) == 2 * 3


def test_without_trials_the_page_says_how_to_choose_some(client: Client) -> None:
    page = client.get("/compare")
    assert page.status_code == 200
    assert "Nothing is chosen yet" in page.text
    assert "data-figure" not in page.text
    assert client.get("/compare/figures/curves.json").json()["figure"] is None


def test_it_listens_only_while_a_trial_can_change(client: Client, two_studies) -> None:
    assert "data-events" not in client.get("/compare?trials=digits-cnn/2").text
    open_trial = next(t for t in two_studies[1].store.list_trials(two_studies[1].study_id).trials if not t.state.ended)
    assert 'data-events="/api/v1/events"' in client.get(f"/compare?trials={open_trial.id}").text


def test_under_a_sub_path_every_link_keeps_to_it(store: MemoryStore) -> None:
    histories.finished(store)
    with browser(store, root_path="/tune") as client:
        page = client.get("/compare?trials=digits-cnn/1,digits-cnn/2").text
        links = re.findall(r'(?:href|src|action|data-part|data-figure)="([^"]*)"', page)
        assert all(link.startswith(("/tune/", "#")) for link in links), links
        added = client.get("/compare?trials=digits-cnn/1&add=digits-cnn/2")
        assert added.headers["location"].startswith("/tune/compare?")


def test_the_marks_beside_the_names_have_the_colours_of_the_lines() -> None:
    css = (files("service") / "static/css/compare.css").read_text()
    found = re.findall(r"--series-\d: light-dark\((#\w+), (#\w+)\)", css)
    assert found == list(zip(LIGHT.series, DARK.series, strict=True))
