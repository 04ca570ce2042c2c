"""The workers page in a real browser: the timeline, its hover and click, and a phone's width."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from studies.storage.memory import MemoryStore
from tests import fleets
from tests.e2e.conftest import Complaints, until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

MINUTES = 2_370
"""Seconds that `fleets.busy` tells of: begun so long ago, its card is busy now."""


@pytest.fixture
def clock() -> fleets.Clock:
    return fleets.Clock(time.time() - MINUTES)


@pytest.fixture
def store(clock: fleets.Clock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def card(store: MemoryStore, clock: fleets.Clock) -> fleets.Card:
    return fleets.busy(store, clock)


BARS = "[data-figure] .bars .point path"


def test_the_timeline_shows_the_packing_and_a_click_opens_the_trial(
    page: Page, url: str, card: fleets.Card, complaints: Complaints
) -> None:
    page.goto(f"{url}/workers")
    keys_of_patterns = 3
    until(page, f"document.querySelectorAll('{BARS}').length === {33 + keys_of_patterns}")
    sentence = page.locator("[data-sentence]").first
    expect(sentence).to_contain_text("33 runs of 2 studies on cuda:0 in the last hour, up to 8 at once")
    page.get_by_text("The numbers").first.click()
    expect(page.locator("[data-table] tbody tr")).to_have_count(33)
    at = page.locator(BARS).first.bounding_box()
    assert at is not None
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    expect(page.locator(".hoverlayer .hovertext")).to_contain_text("fashion-mlp #")
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**/trials/*")
    assert complaints.lines == []


def test_the_window_and_the_colours_are_links_that_a_keyboard_reaches(page: Page, url: str, card: fleets.Card) -> None:
    page.goto(f"{url}/workers")
    choice = page.get_by_role("link", name="how it ended")
    choice.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/workers?color=state")
    expect(page.locator(".legend")).to_contain_text("diverged")
    page.get_by_role("link", name="15 minutes").click()
    page.wait_for_url("**/workers?window=15m&color=state")
    expect(page.locator("[data-sentence]").first).to_contain_text("in the last 15 minutes")


def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    context: BrowserContext, url: str, card: fleets.Card, complaints: Complaints
) -> None:
    page = context.new_page()
    complaints.watch(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/workers")
    page.locator(".worker").scroll_into_view_if_needed()
    until(page, f"document.querySelectorAll('{BARS}').length > 0")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert complaints.lines == []
