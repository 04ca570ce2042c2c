"""What the reader does with a figure: choose, zoom, take it away; and all of it stands in the address."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from studies.storage.memory import MemoryStore
from tests import histories
from tests.e2e.conftest import Complaints, until
from tests.histories import History

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

LIVE = "document.querySelector('[data-keep=live] .plot')"


LINES = f"{LIVE}.data.filter(trace => trace.meta?.trial)"
PALE = "trace => trace.opacity < 0.9"


def see_live(page: Page, url: str, history: History, query: str = "") -> Locator:
    """Open a study's page and wait until its curves are drawn."""
    page.goto(f"{url}/studies/{history.study_id}{query}")
    live = page.locator('[data-keep="live"]')
    live.scroll_into_view_if_needed()
    expect(live.locator(".main-svg").first).to_be_attached()
    return live


def drag_over(page: Page, live: Locator, start: float, end: float) -> None:
    """Drag over a part of the plot's width, as one zooms into steps."""
    box = live.locator(".nsewdrag").first.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, y, steps=4)
    page.mouse.up()


def test_what_the_reader_chooses_stands_in_the_address_and_comes_back(
    store: MemoryStore, url: str, page: Page, complaints: Complaints
) -> None:
    history = histories.running(store)
    live = see_live(page, url, history)
    page.locator("[name=metric]").select_option("dev_accuracy")
    expect(live.locator("[data-sentence]")).to_contain_text("Dev accuracy over steps")
    page.locator("[name=axis]").select_option("samples")
    expect(live.locator("[data-sentence]")).to_contain_text("over samples seen")
    page.get_by_label("Smoothing").fill("60")
    live.get_by_role("button", name="log x").click()
    until(page, f"{LIVE}._fullLayout.xaxis.type === 'log'")
    mailed = page.url
    assert mailed.endswith("?metric=dev_accuracy&axis=samples&smooth=60&live.x=log")
    page.goto("about:blank")
    page.goto(mailed)
    live.scroll_into_view_if_needed()
    expect(live.locator("[data-sentence]")).to_contain_text("Dev accuracy over samples seen")
    expect(page.get_by_label("Smoothing")).to_have_value("60")
    until(page, f"{LIVE}._fullLayout?.xaxis.type === 'log'")
    page.locator("[name=metric]").select_option("loss")
    page.locator("[name=axis]").select_option("step")
    live.get_by_role("button", name="log x").click()
    page.get_by_label("Smoothing").fill("20")
    assert "?" not in page.url
    assert complaints.lines == []


def test_a_zoom_brings_more_points_and_can_be_taken_back(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.finished(store)
    live = see_live(page, url, history)
    with page.expect_response("**/live.json?*from=*"):
        drag_over(page, live, 0.4, 0.6)
    until(page, f"{LIVE}.layout.xaxis.range[0] > 150 && {LIVE}.layout.xaxis.range[1] < 450")
    mailed = page.url
    assert "live.zoom=" in mailed
    page.goto("about:blank")
    page.goto(mailed)
    live.scroll_into_view_if_needed()
    until(page, f"{LIVE}.layout?.xaxis.range?.[0] > 150")
    live.get_by_role("button", name="Reset zoom").click()
    until(page, f"{LIVE}.layout.xaxis.range[0] < 20")
    expect(live.get_by_role("button", name="Reset zoom")).to_be_hidden()
    assert "zoom" not in page.url


def test_a_zoom_outlives_what_happens_and_a_change_of_scale(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.running(store)
    live = see_live(page, url, history, "?live.zoom=100,300,,")
    until(page, f"{LIVE}.layout?.xaxis.range?.[0] === 100")
    before = live.locator("[data-table]").text_content() or ""
    history.run()
    expect(live.locator("[data-table]")).not_to_have_text(before)
    live.get_by_role("button", name="log x").click()
    until(page, f"{LIVE}.layout.xaxis.type === 'log' && Math.abs({LIVE}.layout.xaxis.range[0] - 2) < 1e-9")


def test_an_axis_that_reaches_zero_says_why_it_cannot_be_logarithmic(store: MemoryStore, url: str, page: Page) -> None:
    see_live(page, url, histories.finished(store))
    decay = page.locator('[data-keep="decay"]')
    decay.scroll_into_view_if_needed()
    tool = decay.get_by_role("button", name="log x")
    expect(tool).to_have_attribute("title", "No logarithmic x axis: there are values of 0 or below")
    tool.click(force=True)
    assert "decay" not in page.url


@pytest.mark.parametrize(("name", "begins"), [("PNG", b"\x89PNG"), ("SVG", b"<svg")])
def test_a_figure_is_saved_as_an_image(
    store: MemoryStore, url: str, page: Page, complaints: Complaints, name: str, begins: bytes
) -> None:
    live = see_live(page, url, histories.running(store))
    with page.expect_download() as saved:
        live.get_by_role("button", name=f"Save as {name}").click()
    assert saved.value.suggested_filename == f"curves-of-all-trials.{name.lower()}"
    assert Path(saved.value.path()).read_bytes().startswith(begins)
    assert complaints.lines == []


def test_the_data_is_saved_as_csv_as_it_is_looked_at(store: MemoryStore, url: str, page: Page) -> None:
    live = see_live(page, url, histories.finished(store), "?metric=dev_accuracy&smooth=0&select=12")
    expect(live.locator("[data-sentence]")).to_contain_text("Dev accuracy")
    with page.expect_download() as saved:
        live.get_by_role("link", name="Save the data as CSV").click()
    with Path(saved.value.path()).open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["trial", "series", "step", "dev accuracy"]
    assert {row[0] for row in rows} >= {"12", "8"}


def test_the_selected_stand_out_in_every_figure(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.finished(store)
    chosen = history.trial("lr=0.03").number
    live = see_live(page, url, history, f"?select={chosen}")
    until(page, f"{LINES}.at(-1).line.width > 3 && {LINES}.filter({PALE}).length === 3")
    points = page.locator('[data-keep="lr-loss"]')
    points.scroll_into_view_if_needed()
    until(
        page,
        "document.querySelector('[data-keep=lr-loss] .plot').data?.some(trace => trace.selectedpoints?.length === 1)",
    )
    live.scroll_into_view_if_needed()
    page.keyboard.press("Escape")
    until(page, f"{LIVE}.data.every(trace => !trace.meta?.trial || trace.opacity === 1)")


def test_full_width_is_full_width(store: MemoryStore, url: str, page: Page) -> None:
    live = see_live(page, url, histories.running(store))
    live.get_by_role("button", name="Full width").click()
    until(page, f"{LIVE}.querySelector('.main-svg').getBoundingClientRect().width > 1150")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert "live.wide=1" in page.url


def test_the_theme_follows_the_switch_from_the_first_paint_on(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.running(store)
    see_live(page, url, history)
    dark, light = "rgb(19, 21, 25)", "rgb(247, 245, 239)"
    expect(page.locator("body")).to_have_css("background-color", light)
    with page.expect_response("**/live.json?*theme=dark*"):
        page.get_by_label("Theme").select_option("dark")
    expect(page.locator("body")).to_have_css("background-color", dark)
    page.route("**/main.js", lambda route: route.abort())
    page.goto(url)
    expect(page.locator("body")).to_have_css("background-color", dark)
    page.unroute("**/main.js")
    page.reload()
    page.get_by_label("Theme").select_option("")
    expect(page.locator("body")).to_have_css("background-color", light)


def test_on_a_phone_a_finger_scrolls_and_tools_are_within_reach(
    store: MemoryStore, url: str, chromium: Browser
) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    live = see_live(page, url, histories.running(store), "?select=1,2")
    until(page, f"{LIVE}.layout?.dragmode === false")
    live.get_by_role("button", name="Zoom", exact=True).tap()
    until(page, f"{LIVE}.layout.dragmode === 'zoom'")
    live.get_by_role("button", name="Zoom", exact=True).tap()
    until(page, f"{LIVE}.layout.dragmode === false")
    expect(live.get_by_role("button", name="log y")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
