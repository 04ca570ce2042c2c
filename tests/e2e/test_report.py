"""A report in a real browser, opened from disk: complete, silent on the network, for screen, telephone and paper."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from service.report.page import report_page
from studies.storage.memory import MemoryStore
from tests import histories
from tests.e2e.conftest import Complaints

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

INKS = {"light": "rgb(34, 37, 43)", "dark": "rgb(233, 230, 223)"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a finished study, as a file."""
    store = MemoryStore()
    study = histories.finished(store).study_id
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_page(store, study, time.time(), "1.0"))
    return path


@pytest.fixture
def opened(chromium: Browser, report: Path, complaints: Complaints, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The report as `request.param` (width, scheme) opens it; whatever it asks for but itself is a complaint."""
    width, scheme = request.param
    look: Any = scheme
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=look, offline=True)
    page = context.new_page()
    complaints.watch(page)
    page.on("request", lambda asked: asked.url == report.as_uri() or complaints.lines.append(asked.url))
    page.goto(report.as_uri())
    yield page
    context.close()


SCREENS = [(1280, "light"), (390, "dark")]


@pytest.mark.parametrize("opened", SCREENS, indirect=True)
def test_it_opens_from_disk_and_asks_for_nothing(opened: Page, complaints: Complaints) -> None:
    expect(opened.locator("h1")).to_have_text("digits-cnn")
    scheme = "dark" if opened.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    expect(opened.locator("body")).to_have_css("color", INKS[scheme])
    words = opened.locator(".picture:visible text").first
    assert opened.evaluate("document.documentElement.scrollWidth") <= opened.viewport_size["width"]  # type: ignore[index]
    assert words.evaluate("text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a") >= 10
    assert complaints.lines == []


@pytest.mark.parametrize("opened", SCREENS, indirect=True)
def test_each_figure_is_seen_once_with_its_curves_inside(opened: Page) -> None:
    drawn = opened.locator(".plate", has=opened.locator(".picture")).count()
    assert drawn >= 6
    expect(opened.locator(".picture:visible")).to_have_count(drawn)
    expect(opened.locator(".plate .sentence")).to_have_count(opened.locator(".plate").count())
    for picture in opened.locator(".picture:visible").all():
        box = picture.bounding_box()
        assert box
        assert box["height"] > 150
        ink = picture.locator("path, circle, rect").count()
        assert ink > 3


@pytest.mark.parametrize("opened", [(1280, "dark")], indirect=True)
def test_on_paper_it_is_light_and_whole(opened: Page, tmp_path: Path) -> None:
    opened.emulate_media(media="print")
    expect(opened.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(opened.locator(".contents")).to_be_hidden()
    stroke = opened.locator('.picture:visible path[stroke="#0072b2"]').first
    expect(stroke).to_have_css("stroke", "rgb(0, 114, 178)")
    pages = opened.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    assert pages.startswith(b"%PDF")


def test_the_study_page_hands_it_out(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.finished(store)
    page.goto(f"{url}/studies/{history.study_id}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as a report").click()
    assert download.value.suggested_filename == "digits-cnn-report.html"
    assert "<h1>digits-cnn</h1>" in Path(download.value.path()).read_text()
