"""axe-core finds nothing serious on any page, in both themes, on a desktop and on a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.e2e.gallery import Gallery, gallery, see_every_figure

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

GRAVE = ("serious", "critical")
LOOKS = [(390, "dark")]
OTHER_LOOKS = [
    pytest.param(*look, marks=pytest.mark.long) for look in ((1280, "light"), (1280, "dark"), (390, "light"))
]
"""What is wrong with a colour or a width shows in `LOOKS`; the two crossed looks are for the long run."""


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


@pytest.mark.parametrize(("width", "scheme"), [*LOOKS, *OTHER_LOOKS])
def test_axe_finds_nothing_grave_on_any_page(all_shapes: Gallery, chromium: Browser, width: int, scheme: Any) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    found: dict[str, list[str]] = {}
    for name, path in all_shapes.pages.items():
        page.goto(all_shapes.url + path)
        see_every_figure(page)
        found[name] = findings(page)
    page.set_content(httpx.get(f"{all_shapes.url}{all_shapes.pages['study']}/report", timeout=60.0).text)
    found["report"] = findings(page)
    context.close()
    assert {name: lines for name, lines in found.items() if lines} == {}
