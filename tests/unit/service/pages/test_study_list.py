"""The list of studies: what stands in its address, what its rows say, and what it says when it is empty."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from httpx import Client
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from service.pages.glance import TOO_EARLY, time_fact, trials_fact
from service.pages.sparkline import HEIGHT, WIDTH, sparkline
from service.pages.study_filter import SORTINGS, address, query_of
from service.pages.study_list import StudyListContext, context_of
from studies.contract.states import StudyCommand, StudyState
from studies.contract.study_query import PAGE, StudyQuery
from studies.contract.views import Progress, StudySummary
from studies.storage.memory import MemoryStore
from tests import builders as build
from tests import histories
from tests.unit.service.pages.conftest import browser


def shown(store: MemoryStore, **asked: Any) -> StudyListContext:
    return context_of(store, StudyQuery.model_validate(asked), "http://here", 0.0)


def many(store: MemoryStore, count: int) -> None:
    for number in range(count):
        store.create_study(build.spec(f"s{number:03d}", tags=["many"]), owner="ada")


# --- the address ---------------------------------------------------------------------------------------------------


_QUERIES = st.builds(
    StudyQuery,
    text=st.text(max_size=20).map(str.strip),
    states=st.sets(st.sampled_from(StudyState)).map(lambda states: tuple(s for s in StudyState if s in states)),
    tags=st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=3).map(tuple),
    owner=st.none() | st.text(min_size=1, max_size=5),
    archived=st.booleans(),
    sort=st.sampled_from(list(SORTINGS)),
    offset=st.integers(0, 50).map(lambda page: page * PAGE),
)


@given(_QUERIES)
def test_what_is_asked_for_can_be_linked_to(query: StudyQuery) -> None:
    assert query_of(QueryParams(address(query).removeprefix("?"))) == query


def test_the_usual_list_has_the_shortest_address() -> None:
    assert address(StudyQuery()) == "?"


def test_another_question_begins_at_its_first_page() -> None:
    asked = address(StudyQuery(offset=3 * PAGE), tags=("a&b",))
    assert parse_qsl(asked.removeprefix("?")) == [("tag", "a&b")]


@pytest.mark.parametrize(
    "given_address",
    ["state=nonsense&sort=size&page=x", "page=-3", "page=0", "q=&state=&tag=&owner=", "archived=maybe&page=²"],
)
def test_what_cannot_be_understood_is_left_out(given_address: str) -> None:
    assert query_of(QueryParams(given_address)) == StudyQuery()


def test_what_is_too_long_is_cut() -> None:
    query = query_of(QueryParams({"q": "x" * 999, "page": "9" * 5_000}))
    assert len(query.text) == 200
    assert query.offset > 0


# --- the page -------------------------------------------------------------------------------------------------------


def test_pages_follow_each_other_and_keep_what_is_asked(store: MemoryStore) -> None:
    many(store, PAGE + 2)
    first = shown(store, sort="name", tags=["many"])
    assert (len(first.rows), first.first, first.last, first.total) == (PAGE, 1, PAGE, PAGE + 2)
    assert (first.newer, first.older) == ("", "?tag=many&sort=name&page=2")
    last = shown(store, sort="name", tags=["many"], offset=PAGE)
    assert ([row.name for row in last.rows], last.older) == ([f"s{PAGE:03d}", f"s{PAGE + 1:03d}"], "")
    assert (last.newer, last.asked) == ("?tag=many&sort=name", "?tag=many&sort=name&page=2")


def test_a_page_beyond_the_last_is_the_last(store: MemoryStore) -> None:
    many(store, PAGE + 2)
    assert shown(store, sort="name", offset=40 * PAGE).first == PAGE + 1


def test_a_row_says_where_a_study_stands(store: MemoryStore) -> None:
    histories.finished(store)
    (row,) = shown(store).rows
    assert (row.best_of, float(row.best) > 0.9) == ("dev accuracy", True)
    assert row.spark is not None
    assert [fact.name for fact in row.facts] == ["Trials", "Device time", "Took"]
    assert row.facts[0].value == "29 of 29"


def test_a_tag_in_a_row_narrows_what_is_asked_and_can_be_taken_back(store: MemoryStore) -> None:
    store.create_study(build.spec("a", tags=["vision", "nightly"]), owner="ada")
    context = shown(store, tags=["vision"])
    assert [tag.address for tag in context.rows[0].tags] == ["?tag=vision", "?tag=vision&tag=nightly"]
    assert context.rows[0].owner.address == "?tag=vision&owner=ada"
    assert [(tag.text, tag.address) for tag in context.filter.tags] == [("vision", "?")]


def test_choices_are_what_there_is_and_how_often(store: MemoryStore) -> None:
    many(store, 2)
    choices = shown(store, states=["failed"]).filter.choices
    assert [option.text for option in choices["state"]] == ["Any state", "queued (2)", "failed (0)"]
    assert [option.text for option in choices["state"] if option.chosen] == ["failed (0)"]
    assert [option.text for option in choices["owner"]] == ["Any owner", "ada (2)"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/", "1 study"),
        ("/?archived=true", "Archived studies"),
        ("/?q=nothing-like-it", "No study matches"),
        ("/?q=nothing-like-it&sort=name", '"/?sort=name">Show all'),
        ("/?archived=true&tag=x", "No study matches"),
    ],
)
def test_what_an_address_shows(store: MemoryStore, client: Client, path: str, says: str) -> None:
    many(store, 1)
    ended = store.create_study(build.spec("put-away")).study_id
    for command in (StudyCommand.CANCEL, StudyCommand.ARCHIVE):
        store.command(ended, command)
    page = client.get(path).text
    assert says in page
    assert ("put-away" in page) == (path == "/?archived=true")


def test_the_archive_says_when_nothing_is_in_it(store: MemoryStore, client: Client) -> None:
    many(store, 1)
    assert "Nothing is archived" in client.get("/?archived=true").text


def test_where_all_are_archived_the_way_to_them_is_shown(store: MemoryStore, client: Client) -> None:
    ended = store.create_study(build.spec("put-away")).study_id
    for command in (StudyCommand.CANCEL, StudyCommand.ARCHIVE):
        store.command(ended, command)
    page = client.get("/").text
    assert "No study yet" in page
    assert 'href="/?archived=true"' in page


def test_its_part_is_fetched_with_what_is_asked(store: MemoryStore, client: Client) -> None:
    many(store, 3)
    page = client.get("/?q=s001&sort=name").text
    assert 'data-part="/parts/studies" data-query="?q=s001&amp;sort=name"' in page
    part = client.get("/parts/studies?q=s001&sort=name").text
    assert "s001" in part
    assert "s002" not in part


def test_links_keep_to_the_path_of_a_proxy(store: MemoryStore) -> None:
    many(store, PAGE + 1)
    with browser(store, root_path="/tuning") as client:
        page = client.get("/tuning/").text
    assert 'href="/tuning/?page=2"' in page
    assert 'href="/tuning/?tag=many"' in page
    assert 'action="/tuning/"' in page


def test_what_users_wrote_is_never_markup(store: MemoryStore, client: Client) -> None:
    hostile = '"><script>alert(1)</script>'
    store.create_study(build.spec("a"), owner=hostile)
    for path in ("/", f"/?q={hostile}&tag={hostile}&owner={hostile}", f"/?owner={hostile}"):
        assert "<script>alert" not in client.get(path).text


# --- facts -----------------------------------------------------------------------------------------------------------


def summary(state: str = "running", eta: float | None = None, **progress: Any) -> StudySummary:
    fields = {"trials": 12, "trials_ended": 9, "trials_budget": 60, "steps": 4_500} | progress
    return StudySummary(
        id="st_0",
        name="study",
        state=StudyState(state),
        stages=(),
        progress=Progress(**fields),
        created_at=1_000.0,
        updated_at=4_700.0,
        eta_seconds=eta,
    )


@pytest.mark.parametrize(
    ("study", "says"),
    [
        (summary(), ("Time left", TOO_EARLY)),
        (summary(eta=754.0), ("Time left", "about 12 min 34 s")),
        (summary("queued"), ("Time left", "not begun")),
        (summary("paused"), ("Time left", "paused")),
        (summary("awaiting_approval"), ("Time left", "waits for you")),
        (summary("completed"), ("Took", "1 h 1 min")),
    ],
)
def test_the_time_left_or_taken(study: StudySummary, says: tuple[str, str]) -> None:
    fact = time_fact(study)
    assert (fact.name, fact.value) == says


def test_how_much_of_the_budget_is_done() -> None:
    assert trials_fact(summary()).note == "budget 60"
    assert trials_fact(summary(steps_budget=36_000)).note == "12% of the steps"


# --- the line --------------------------------------------------------------------------------------------------------


def test_a_line_has_two_ends() -> None:
    assert sparkline(()) is None
    assert sparkline((0.5,)) is None


def test_a_line_goes_in_steps_from_the_lower_left() -> None:
    spark = sparkline((0.5, 0.5, 0.75))
    assert spark is not None
    assert spark.path == "M4 30H66V30H128V4"
    assert (spark.x, spark.y) == (128, 4)
    assert spark.words == "Best so far: from 0.5 to 0.75 in 1 step"


def test_a_level_line_lies_in_the_middle() -> None:
    spark = sparkline((2.0, 2.0))
    assert spark is not None
    assert (spark.y, spark.words) == (HEIGHT / 2, "Best so far: 2 since the first result")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=40))
def test_a_line_stays_in_its_picture(values: list[float]) -> None:
    spark = sparkline(values)
    assert spark is not None
    assert 0 <= spark.x <= WIDTH
    assert 0 <= spark.y <= HEIGHT
    assert "nan" not in spark.path
    assert "inf" not in spark.path
