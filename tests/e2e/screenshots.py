"""The README's pictures, made anew from a real study: ``make screenshots``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.e2e.conftest import FLAGS, until
from tests.e2e.gallery import see_every_figure

WIDTH, HEIGHT = 1180, 1500
TABLE_HEIGHT = 740
PATIENCE_MS = 60_000

WORKERS_WINDOW = "15m"
"""Of the workers' timeline: the study that was just run fills it."""


def main(folder: Path, data: Path) -> None:
    """Write the pictures of the study in `data` to `folder`; where there is none yet, the demo's study is run first."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (data / "stagetune.db").exists():
        subprocess.run([sys.executable, "-m", "service.cli", "demo", "--data-dir", str(data)], check=True)
    expect.set_options(timeout=PATIENCE_MS)
    with served(data) as server, chromium() as browser:
        study = f"{server}/studies/{httpx.get(f'{server}/api/v1/studies').json()[0]['id']}"
        for name, picture in PICTURES.items():
            scheme: Any = "dark" if name == "dark" else "light"
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
            picture(page, server, study).screenshot(path=folder / f"{name}.png")
            page.close()


def story(page: Page, _: str, study: str) -> Locator:
    """The card of the sweep, with its decision and figures."""
    page.goto(study)
    return seen(page, "#stage-lr_sweep")


def batch(page: Page, _: str, study: str) -> Locator:
    page.goto(study)
    return seen(page, "#stage-batch_momentum")


AT_THE_TABLE = """(() => {
    const section = document.querySelector("section[aria-labelledby=trials-title]");
    section.scrollIntoView();
    const atTheEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 1;
    return section.getBoundingClientRect().top < 40 || atTheEnd;
})()"""
"""Scrolls until the table is at the top, or as far as the page goes: a plot that takes the place of its still may push
it away again."""


def table(page: Page, _: str, study: str) -> Page:
    """The best trials, by a filter, with two of them selected."""
    page.goto(f"{study}?filter=lr+%3C+0.1+and+state+%3D+completed&sort=dev_accuracy&order=desc&rows=25")
    rows = page.locator("table.trials tbody tr")
    rows.nth(0).locator("td").last.click()
    rows.nth(1).locator("td").last.click()
    expect(page.locator(".chip")).to_have_count(2)
    page.mouse.move(0, 0)
    page.set_viewport_size({"width": WIDTH, "height": TABLE_HEIGHT})
    see_every_figure(page)  # what is drawn later would push the table away
    until(page, AT_THE_TABLE)
    return page


def compare(page: Page, server: str, study: str) -> Locator:
    """The three best trials beside each other."""
    best = httpx.get(
        f"{server}/api/v1/studies/{study.rsplit('/', 1)[1]}/trials",
        params={"sort": "dev_accuracy", "order": "desc", "limit": 3},
    ).json()["trials"]
    page.goto(f"{server}/compare?trials={','.join(trial['id'] for trial in best)}")
    see_every_figure(page)
    return page.locator("main")


def workers(page: Page, server: str, _: str) -> Locator:
    page.goto(f"{server}/workers?window={WORKERS_WINDOW}")
    return seen(page, ".worker figure")


PICTURES: Mapping[str, Callable[[Page, str, str], Locator | Page]] = {
    "study": story,
    "batch": batch,
    "table": table,
    "compare": compare,
    "workers": workers,
    "dark": story,
}


def seen(page: Page, card: str) -> Locator:
    """Return the first of such cards, with all its figures drawn."""
    see_every_figure(page)
    shown = page.locator(card).first
    shown.scroll_into_view_if_needed()
    return shown


@contextmanager
def served(data: Path) -> Iterator[str]:
    """Serve the demo's database; yields the address."""
    environment = os.environ | {"STAGETUNE_DATABASE_URL": f"sqlite:///{data / 'stagetune.db'}"}
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "http://" in line)
            server = line[line.index("http://") :].split(";")[0].split()[0]
            httpx.get(f"{server}/readyz", timeout=30)
            yield server
        finally:
            process.terminate()


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as fresh:
            main(Path(sys.argv[1]), Path(fresh))
