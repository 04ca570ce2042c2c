"""The dashboard under a real server, and Debian's Chromium that looks at it."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from service.app import create_app
from service.server import BackgroundServer, listen, url_of
from service.settings import Settings
from studies.storage.memory import MemoryStore

DEADLINE_MS = 30_000
"""A page is waited for as long as this: only a page that never gets there takes it."""

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--process-per-site"]
"""One process draws all pages of a context, so that it has read Plotly before: a page costs half as much."""


def until(page: Page, expression: str) -> None:
    """Wait until `expression` is true in the page (``wait_for_function`` would need eval, which our CSP forbids)."""
    deadline = time.monotonic() + DEADLINE_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"never became true: {expression}"
        page.wait_for_timeout(50)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser: while it is open Playwright keeps an event loop running, which tests elsewhere cannot bear."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        expect.set_options(timeout=DEADLINE_MS)
        yield browser
        browser.close()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="package")
def door() -> Iterator[socket.socket]:
    """Where the tests' servers listen, one after the other: what the browser has read of one it knows of the next."""
    with listen("127.0.0.1", 0) as listening:
        yield listening


@pytest.fixture
def url(store: MemoryStore, door: socket.socket) -> Iterator[str]:
    """The address of the service on `store`; no engine moves the studies."""
    settings = Settings(database_url="memory://")
    with BackgroundServer(create_app(settings, store, tick=lambda: None), door.dup()) as server:
        yield server.url


@dataclass
class Complaints:
    """What a page complained about: its console's errors and warnings, and uncaught exceptions."""

    lines: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.lines.append(str(error)))
        page.on("console", lambda said: self.lines.append(said.text) if said.type in ("error", "warning") else None)


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture(scope="package")
def profile(chromium: Browser, door: socket.socket) -> Iterator[tuple[BrowserContext, Page]]:
    """A context for all tests, and a page of it that stays open, for the process that draws to stay alive."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(DEADLINE_MS)
    anchor = context.new_page()
    anchor.route("**", lambda route: route.fulfill(body=""))
    anchor.goto(url_of(door))
    yield context, anchor
    context.close()


@pytest.fixture
def context(profile: tuple[BrowserContext, Page]) -> Iterator[BrowserContext]:
    """The browser as if new: without a page, a cookie or a setting of the test before."""
    context, anchor = profile
    yield context
    for page in context.pages:
        if page != anchor:
            page.close()
    context.clear_cookies()
    anchor.evaluate("localStorage.clear()")


@pytest.fixture
def page(context: BrowserContext, complaints: Complaints) -> Page:
    page = context.new_page()
    complaints.watch(page)
    return page
