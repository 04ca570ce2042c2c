"""The list of studies in a browser: narrowed by its form, and several studies put away at once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Dialog, Page, expect

from studies.contract.states import StudyCommand
from studies.storage.memory import MemoryStore
from tests import builders as build
from tests.e2e.conftest import Complaints

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def studies(store: MemoryStore) -> dict[str, str]:
    """Three studies that are cancelled, one that goes on, and one with another tag."""
    ids = {name: store.create_study(build.spec(name, tags=["nightly"])).study_id for name in ("a", "b", "c", "goes-on")}
    for name in "abc":
        store.command(ids[name], StudyCommand.CANCEL)
    return ids | {"other": store.create_study(build.spec("other", tags=["weekly"])).study_id}


def names(page: Page) -> list[str]:
    return page.locator(".study-row h2").all_inner_texts()


def test_search_narrow_and_put_away(
    page: Page, url: str, store: MemoryStore, studies: dict[str, str], complaints: Complaints
) -> None:
    page.goto(f"{url}/?sort=name")
    expect(page.locator(".study-row")).to_have_count(5)

    page.get_by_role("combobox", name="Tag").select_option("nightly")
    expect(page).to_have_url(f"{url}/?tag=nightly&sort=name")
    assert names(page) == ["a", "b", "c", "goes-on"]
    page.get_by_role("searchbox").fill("no such study")
    page.get_by_role("searchbox").press("Enter")
    expect(page.get_by_role("heading", name="No study matches")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page).to_have_url(f"{url}/?sort=name")

    bulk = page.locator("[data-bulk]")
    expect(bulk).to_be_hidden()
    for name in ("a", "c", "goes-on"):
        page.get_by_label(f"Choose {name}", exact=True).check()
    expect(bulk).to_contain_text("3 chosen")
    store.command(studies["other"], StudyCommand.PAUSE)  # a live refresh leaves the choice as it is
    expect(page.locator(f"#{studies['other']}")).to_contain_text("paused")
    expect(page.get_by_label("Choose c", exact=True)).to_be_checked()

    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.once("dialog", answer)
    page.get_by_role("button", name="Archive", exact=True).click()
    report = page.locator("[data-bulk-report]")
    expect(report).to_contain_text("2 archived, 1 refused:")
    expect(report).to_contain_text(re.compile("goes-on is queued.*cancel it first"))
    assert asked == ["Archive: 3 studies?\n\na\nc\ngoes-on"]
    expect(page.locator(".study-row")).to_have_count(3)
    expect(bulk).to_be_hidden()
    assert names(page) == ["b", "goes-on", "other"]

    page.goto(f"{url}/?archived=true&sort=name")
    assert names(page) == ["a", "c"]
    page.get_by_label("Choose all of these").check()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Bring back").click()
    expect(report).to_contain_text("2 brought back.")
    expect(page.get_by_role("heading", name="Nothing is archived")).to_be_visible()
    assert complaints.lines == ["Failed to load resource: the server responded with a status of 409 (Conflict)"]


def test_without_a_script_the_form_leads_there_and_nothing_can_be_chosen(
    page: Page, url: str, studies: dict[str, str]
) -> None:
    context = page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    plain = context.new_page()
    plain.goto(url)
    expect(plain.get_by_label("Choose a", exact=True)).to_be_hidden()
    plain.get_by_role("searchbox").fill("weekly")
    plain.get_by_role("button", name="Show").click()
    assert names(plain) == ["other"]
    assert len(studies) == 5
    context.close()
