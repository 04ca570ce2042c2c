"""Every shape of study on every page: each opens, says something, fits its window and complains about nothing.

In other windows and themes the same pages fit too, and axe-core finds nothing serious on any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
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


LOOKS = [(390, "dark"), (1280, "light")]
OTHER_LOOKS = [pytest.param(*look, marks=pytest.mark.long) for look in ((390, "light"), (820, "light"), (1280, "dark"))]
"""What is wrong with a colour or a width shows in `LOOKS`; the other looks are for the long run."""

INKS = {"light": "rgb(34, 37, 43)", "dark": "rgb(233, 230, 223)"}

GRAVE = ("serious", "critical")

NOT_FOUND = "Failed to load resource: the server responded with a status of 404 (Not Found)"
"""What the browser has to say about the page that is not there."""


@pytest.fixture(scope="module")
def all_shapes() -> Iterator[Gallery]:
    with gallery() as served:
        yield served


def findings(page: Page) -> list[str]:
    """Return what axe-core finds grave in the page as it is now, each with its rule and the element.

    Playwright runs axe over the debugger's connection, so that the pages' own policy (no inline script, no eval)
    stays in force.
    """
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


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


@pytest.mark.timeout(600)  # it looks at every page that there is
@pytest.mark.parametrize(("width", "scheme"), [*LOOKS, *OTHER_LOOKS])
def test_every_page_fits_and_axe_finds_nothing_grave(
    all_shapes: Gallery, chromium: Browser, complaints: Complaints, width: int, scheme: Any
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    complaints.watch(page)
    wide = {
        **{f"hostile words {place}": path for place, path in enumerate(all_shapes.pages_of("hostile words"))},
        "300 hyperparameters": all_shapes.pages_of("300 hyperparameters")[0],
    }
    found: dict[str, list[str]] = {}
    for name, path in (wide | all_shapes.pages).items():
        page.goto(all_shapes.url + path)
        see_every_figure(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, page.evaluate(OUTSIDE))
        found[name] = findings(page) if name in all_shapes.pages else []
    expect(page.locator("body")).to_have_css("color", INKS[scheme])
    assert complaints.lines == [NOT_FOUND]
    page.set_content(httpx.get(f"{all_shapes.url}{all_shapes.pages['study']}/report", timeout=60.0).text)
    found["report"] = findings(page)
    assert {name: lines for name, lines in found.items() if lines} == {}
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
