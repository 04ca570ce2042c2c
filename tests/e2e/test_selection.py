"""A trial selected anywhere is selected everywhere, and the address says so."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from studies.storage.memory import MemoryStore
from tests import histories
from tests.e2e.conftest import until
from tests.histories import History

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def open_study(page: Page, url: str, history: History, query: str = "") -> None:
    page.goto(f"{url}/studies/{history.study_id}{query}")
    expect(page.locator("table.trials")).to_be_visible()


def cell_of(page: Page) -> tuple[float, float]:
    """Return where a cell of the heat map is, in the window."""
    plot = page.locator('[data-figure*="batch-momentum"] .plot')
    plot.scroll_into_view_if_needed()
    expect(plot.locator(".main-svg").first).to_be_attached()
    box = plot.bounding_box()
    assert box
    return box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4


def test_a_click_on_a_mark_selects_its_trial_everywhere(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.finished(store)
    open_study(page, url, history)
    x, y = cell_of(page)
    page.mouse.move(x, y)
    expect(page.locator(".hoverlayer .hovertext").first).to_contain_text("lr")
    page.mouse.click(x, y)
    chip = page.locator(".chip")
    expect(chip).to_have_count(1)
    number = chip.locator("button").get_attribute("data-trial-number")
    expect(page.locator(f'table.trials tr[data-trial-number="{number}"]')).to_have_attribute("aria-selected", "true")
    assert page.url.endswith(f"?select={number}")


LINE_OF_PARALLEL = """() => {
    const plot = document.querySelector("[data-keep=parallel] .plot");
    const { left, top } = plot.getBoundingClientRect();
    const { xaxis, yaxis } = plot._fullLayout;
    const { x, y } = plot.data.at(-1);
    return [left + xaxis._offset + xaxis.l2p(x[0]), top + yaxis._offset + yaxis.l2p(y[0])];
}"""
"""Where the last line of the parallel coordinates begins, in the window."""


def test_a_click_on_a_line_of_the_parallel_coordinates_selects_its_trial(
    store: MemoryStore, url: str, page: Page
) -> None:
    open_study(page, url, histories.finished(store))
    plot = page.locator('[data-keep="parallel"] .plot')
    plot.scroll_into_view_if_needed()
    expect(plot.locator(".main-svg").first).to_be_attached()
    expect(plot.locator(".still")).to_have_count(0)
    x, y = page.evaluate(LINE_OF_PARALLEL)
    page.mouse.move(x, y)
    expect(plot.locator(".hoverlayer .hovertext").first).to_contain_text("lr")
    page.mouse.click(x, y)
    expect(page.locator(".chip")).to_have_count(1)


def test_a_double_click_on_a_mark_opens_its_trial(store: MemoryStore, url: str, page: Page) -> None:
    open_study(page, url, histories.finished(store))
    x, y = cell_of(page)
    page.mouse.move(x, y)
    expect(page.locator(".hoverlayer .hovertext").first).to_contain_text("lr")
    page.mouse.dblclick(x, y)
    expect(page.locator("h1")).to_contain_text("Trial #")


def test_rows_are_selected_by_the_keyboard(store: MemoryStore, url: str, page: Page) -> None:
    open_study(page, url, histories.running(store))
    rows = page.locator("table.trials tbody tr")
    rows.nth(0).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator(".chip b")).to_have_text(["#0", "#1"])
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".chip b")).to_have_text(["#0"])
    page.keyboard.press("Escape")
    expect(page.locator(".chip")).to_have_count(0)
    assert "?" not in page.url


def test_the_first_trial_is_selected_and_taken_back_by_a_click(store: MemoryStore, url: str, page: Page) -> None:
    open_study(page, url, histories.running(store))
    page.locator('table.trials tr[data-trial-number="0"] td').last.click()
    expect(page.locator(".chip b")).to_have_text(["#0"])
    page.get_by_label("No longer select trial 0").click()
    expect(page.locator(".chip")).to_have_count(0)


def test_a_mailed_link_selects_the_same_trials(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.running(store)
    open_study(page, url, history, "?select=3,1,999,x")
    expect(page.locator(".chip b")).to_have_text(["#3", "#1"])
    expect(page.locator('table.trials tr[aria-selected="true"]')).to_have_count(2)
    page.get_by_label("No longer select trial 3").click()
    until(page, "new URLSearchParams(location.search).get('select') === '1,999'")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".selection")).to_have_count(0)


def test_the_selection_survives_what_happens_meanwhile(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.running(store)
    open_study(page, url, history, "?select=1")
    page.locator("table.trials tbody tr").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    before = page.locator("table.trials").inner_text()
    history.run()
    expect(page.locator("table.trials")).not_to_have_text(before, use_inner_text=True)
    expect(page.locator('table.trials tr[aria-selected="true"]')).to_contain_text("#1")
    expect(page.locator("table.trials tbody tr").nth(2)).to_be_focused()


def test_two_selected_trials_can_be_compared_and_either_be_opened(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.running(store)
    first, second = store.list_trials(history.study_id).trials[:2]
    open_study(page, url, history, "?select=0,1")
    compare = page.get_by_role("link", name="Compare")
    expect(compare).to_have_attribute("href", f"/compare?trials={first.id},{second.id}")
    page.locator(".chip a").first.click()
    expect(page.locator("h1")).to_have_text("Trial #0")
    page.go_back()
    expect(page.locator(".chip")).to_have_count(2)
