"""What a reader waits for in Chromium: a study's page with its first figure, and what each touch takes to show.

The first figure is *visible* with the first frame that has its curves, axes and names on the screen: those of its
still, or of its plot where that is there first. It is *alive* with the first frame of its plot, which zooms and tells
what it shows. Both are counted from the beginning of the navigation, with an empty cache.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.service.loading import Shape, load_study
from tests.bench.service.section import Bench, Figure
from tests.bench.service.serving import serving

OPENINGS, QUICK_OPENINGS = 10, 3
TOUCHES, QUICK_TOUCHES = 10, 3
"""Times that a page is opened, and that each thing on it is touched, in one repeat."""

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE_MS = 60_000
REST_SECONDS = 0.3
"""Between two touches: what a touch sets off behind what shows (figures out of the way, the address) is over."""

OPEN_MS, TOUCH_MS = 1_500.0, 200.0

_PLOT = "[data-figure] .plot:not(:has(.still)) .scatterlayer path, [data-figure] .plot:not(:has(.still)) .barlayer path"
FIRSTS: Mapping[str, str] = {
    "first figure visible": f"[data-figure] .still path.curve, [data-figure] .still rect, {_PLOT}",
    "first figure alive": _PLOT,
}
"""What is in the page by the time that a frame is painted which the reader waits for."""

FIRST = """(marks) => new Promise((seen) => {
    const look = () => document.querySelector(marks)
        ? requestAnimationFrame(() => seen(performance.now())) : requestAnimationFrame(look);
    look();
})"""
"""Milliseconds from the beginning of the navigation to the frame after the one that painted such marks."""

_LIVE = 'const plot = document.querySelector("[data-keep=live] .plot");'
_DRAWN = "const drawn = new Promise((done) => plot.once('plotly_afterplot', done));"
_ROWS = 'const rows = () => document.querySelector("table.trials tbody").textContent; const before = rows();'
_UNTIL = """const until = (true_now) => new Promise((done) => {
    const look = () => true_now() ? done() : requestAnimationFrame(look);
    look();
});"""


def _field(name: str, values: str) -> str:
    """A field of the curves' controls takes the next of two values."""
    return f"""{_LIVE} {_DRAWN}
        const field = document.querySelector("[data-controls] [name={name}]");
        const [one, other] = {values};
        field.value = field.value === one ? other : one;
        field.dispatchEvent(new Event("input", {{ bubbles: true }}));
        await drawn;"""


def _table(touch: str) -> str:
    """Something that brings other rows into the table."""
    return f"{_ROWS} {touch} await until(() => rows() !== before);"


_FILTER = """const box = document.querySelector("#filter");
    box.value = box.value === "lr < 0.1" ? "lr > 0.01" : "lr < 0.1";
    box.form.requestSubmit();"""

TOUCHED: Mapping[str, str] = {
    "another metric": _field("metric", '["dev_accuracy", "loss"]'),
    "more smoothing": _field("smooth", '["60", "20"]'),
    "a log axis": f'{_LIVE} {_DRAWN} document.querySelector("[data-keep=live] [data-tool=y]").click(); await drawn;',
    "a trial selected": """const row = document.querySelector("table.trials tbody tr:not([aria-selected=true])");
        const chips = document.querySelectorAll(".chip").length;
        row.click();
        await until(() => document.querySelectorAll(".chip").length > chips);""",
    "the table sorted": _table('document.querySelector("table.trials thead th:nth-child(2) a").click();'),
    "the next page of the table": _table(
        '(document.querySelector("#next-page") ?? document.querySelector("#first-page")).click();'
    ),
    "the table filtered": _table(_FILTER),
}
"""What a reader does, as statements that end when it shows."""


def section(bench: Bench) -> Iterator[Figure]:
    """Measure on the first database alone: what the others cost is in the section ``pages``."""
    database = bench.databases[0]
    with _chromium() as browser:
        for size in bench.sizes:
            found: dict[str, list[list[float]]] = {}
            with database.fresh() as url:
                study = load_study(url, "bench", Shape(size))
                with serving(url) as (client, _):
                    for _ in range(bench.repeats):
                        for what, times in measured(browser, f"{client.base_url}/studies/{study}", bench.quick).items():
                            found.setdefault(what, []).append(times)
            for what, repeats in found.items():
                aim = OPEN_MS if what == "first figure visible" else None if what in FIRSTS else TOUCH_MS
                for name, share in (("p50", 50), ("p95", 95)):
                    values = tuple(float(np.percentile(times, share)) for times in repeats)
                    yield Figure(f"{what}, {name}", "ms", database.name, values, size, aim=aim, better="lower")


def measured(browser: Browser, address: str, quick: bool) -> dict[str, list[float]]:
    """Return the milliseconds that opening the page took, and each touch, one a time."""
    openings = [_opened(browser, address) for _ in range(QUICK_OPENINGS if quick else OPENINGS)]
    found = {what: list(times) for what, times in zip(FIRSTS, zip(*openings, strict=True), strict=True)}
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address)
    page.locator("[data-keep=live]").scroll_into_view_if_needed()
    page.locator("[data-keep=live] .plot .main-svg").first.wait_for(timeout=PATIENCE_MS)
    for what, statements in TOUCHED.items():
        _touch(page, statements)  # the first time is not like the others: code is compiled, the store's pages are read
        found[what] = [_touch(page, statements) for _ in range(QUICK_TOUCHES if quick else TOUCHES)]
    context.close()
    return found


def _opened(browser: Browser, address: str) -> list[float]:
    """Return when each of `FIRSTS` was on the screen."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address, wait_until="commit")
    milliseconds = [float(page.evaluate(FIRST, marks)) for marks in FIRSTS.values()]
    context.close()
    return milliseconds


def _touch(page: Page, statements: str) -> float:
    """Return the milliseconds until the frame that shows what came of it; then let the page come to rest."""
    timed = f"""async () => {{
        {_UNTIL}
        const began = performance.now();
        {statements}
        await new Promise(requestAnimationFrame);
        return performance.now() - began;
    }}"""
    milliseconds = float(page.evaluate(timed))
    time.sleep(REST_SECONDS)
    return milliseconds


@contextmanager
def _chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        raise FileNotFoundError("this section needs Chromium: make browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()
