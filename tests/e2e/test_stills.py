"""A figure is there before Plotly is: its still stands where the plot will be, and the plot takes its place."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from studies.storage.memory import MemoryStore
from tests import histories
from tests.e2e.conftest import Complaints

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NEAR = 8.0
"""Pixels by which a curve may move when the plot takes the place of its still."""

BOX_OF = """([key, selector]) => {
    const plot = document.querySelector(`[data-keep="${key}"] .plot`).getBoundingClientRect();
    const boxes = [...document.querySelectorAll(`[data-keep="${key}"] ${selector}`)]
        .map((mark) => mark.getBoundingClientRect());
    const [left, right] = [Math.min(...boxes.map((box) => box.left)), Math.max(...boxes.map((box) => box.right))];
    return [left - plot.left, right - plot.left, Math.max(...boxes.map((box) => box.bottom)) - plot.top];
}"""
"""The left, right and lower end of all curves of a figure, in pixels from its plot's corner."""


class Plotly:
    """Plotly's script, kept from the page until it is let in."""

    def __init__(self, page: Page) -> None:
        self._held: list[Route] = []
        page.route("**/static/plotly-*", self._hold)

    def _hold(self, route: Route) -> None:
        self._held.append(route)

    @property
    def wanted(self) -> bool:
        return bool(self._held)

    def let_in(self) -> None:
        for route in self._held:
            route.continue_()


@pytest.mark.parametrize("key", ["lr-curves", "decay", "live"])
def test_a_plot_takes_the_place_of_its_still_unnoticed(
    store: MemoryStore, url: str, page: Page, complaints: Complaints, key: str
) -> None:
    plotly = Plotly(page)
    page.goto(f"{url}/studies/{histories.finished(store).study_id}")
    figure = page.locator(f'[data-keep="{key}"]')
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".still .curve").first).to_be_attached()
    expect(figure.locator("[data-sentence]")).not_to_have_text("Loading…")
    before = page.evaluate(BOX_OF, [key, ".still .curve"])
    plotly.let_in()
    expect(figure.locator(".still")).to_have_count(0)
    assert page.evaluate(BOX_OF, [key, ".scatterlayer .js-line"]) == pytest.approx(before, abs=NEAR)
    expect(figure.locator(".plot-container")).to_be_visible()
    assert complaints.lines == []


def test_what_the_reader_looks_at_in_a_way_of_their_own_has_no_still(store: MemoryStore, url: str, page: Page) -> None:
    plotly = Plotly(page)
    page.goto(f"{url}/studies/{histories.finished(store).study_id}?lr-curves.x=log")
    loss, curves = page.locator('[data-keep="lr-loss"]'), page.locator('[data-keep="lr-curves"]')
    loss.scroll_into_view_if_needed()
    expect(loss.locator(".still")).to_be_visible()
    expect(curves.locator("[data-sentence]")).not_to_have_text("Loading…")
    expect(curves.locator(".still")).to_have_count(0)
    assert plotly.wanted


def test_a_still_follows_the_theme(store: MemoryStore, url: str, page: Page) -> None:
    Plotly(page)
    page.emulate_media(color_scheme="dark")
    page.goto(f"{url}/studies/{histories.finished(store).study_id}")
    curves = page.locator('[data-keep="lr-curves"]')
    curves.scroll_into_view_if_needed()
    expect(curves.locator(".still .curve").last).to_have_css("stroke", "rgb(98, 181, 240)")
