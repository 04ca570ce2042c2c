"""Every shape of study on every page: each opens, says something, fits its window and complains about nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from studies.storage.memory import MemoryStore
from tests.e2e.conftest import Complaints
from tests.e2e.gallery import Gallery, gallery, see_every_figure
from tests.e2e.shapes import SHAPES

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

VOID = """[...document.querySelectorAll(
        'section, figure, .card, [data-part]:not([data-selection]), .scroll, tbody, ul, ol, dl')]
    .filter(box => box.checkVisibility() && !box.innerText.trim() && !box.querySelector('svg'))
    .map(box => box.outerHTML.slice(0, 200))"""
"""Boxes of the page that can be seen and have nothing in them."""

OUTSIDE = """[...document.querySelectorAll('main *')].filter(each => each.checkVisibility()
    && each.getBoundingClientRect().right > innerWidth + 1
    && !each.closest('.scroll, pre, svg, .plot, [tabindex], .unseen'))
    .map(each => each.outerHTML.slice(0, 200))"""
"""What sticks out of the window, but for what scrolls by itself."""


@pytest.fixture(scope="module")
def all_shapes() -> Iterator[Gallery]:
    with gallery() as served:
        yield served


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_study_opens_without_a_complaint(
    all_shapes: Gallery, page: Page, complaints: Complaints, shape: str
) -> None:
    for path in all_shapes.pages_of(shape):
        page.goto(all_shapes.url + path)
        for figure in see_every_figure(page):
            assert len(figure.locator("[data-sentence]").inner_text()) > 10
        assert page.evaluate(VOID) == []
        expect(page.locator("#connection")).to_be_hidden()
    assert complaints.lines == []


def test_lists_say_that_they_are_empty(url: str, store: MemoryStore, page: Page, complaints: Complaints) -> None:
    for path in ("/", "/workers", "/compare"):
        page.goto(url + path)
        expect(page.locator(".empty")).to_be_visible()
    assert complaints.lines == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), pytest.param(820, "light", marks=pytest.mark.long)])
def test_nothing_sticks_out_at_any_width_in_light_and_dark(
    all_shapes: Gallery, chromium: Browser, complaints: Complaints, width: int, scheme: str
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    complaints.watch(page)
    wanted = [path for name, path in all_shapes.pages.items() if name != "nothing there"]
    for path in (*wanted, *all_shapes.pages_of("hostile words"), all_shapes.pages_of("300 hyperparameters")[0]):
        page.goto(all_shapes.url + path)
        see_every_figure(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, page.evaluate(OUTSIDE))
    ink = "rgb(233, 230, 223)" if scheme == "dark" else "rgb(34, 37, 43)"
    expect(page.locator("body")).to_have_css("color", ink)
    assert complaints.lines == []
    context.close()


def test_hostile_words_are_shown_as_words(all_shapes: Gallery, page: Page, complaints: Complaints) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for path in ("/", "/workers", *all_shapes.pages_of("hostile words")):
        page.goto(all_shapes.url + path)
        see_every_figure(page)
        assert page.locator('a[href^="javascript"], main b:text-is("bold"), main script').count() == 0
        assert page.evaluate("Object.keys(Object.prototype).length") == 0
    page.goto(all_shapes.url + all_shapes.pages_of("minimises, with gaps")[1])
    expect(page.locator(".because").first).to_contain_text("<b>bold</b>")
    trial = all_shapes.studies["minimises, with gaps"].trial("lr=0.1").id
    page.goto(f"{all_shapes.url}/trials/{trial}")
    expect(page.locator("[data-log]")).to_contain_text('<a href="javascript:alert(1)">')
    assert dialogs == []
    assert complaints.lines == []
