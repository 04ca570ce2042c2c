"""The dashboard under a real server, and Debian's Chromium that looks at it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from service.app import create_app
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.storage.memory import MemoryStore

DEADLINE_MS = 30_000
"""A page is waited for as long as this: only a page that never gets there takes it."""

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def until(page: Page, expression: str) -> None:
    """Wait until `expression` is true in the page (``wait_for_function`` would need eval, which our CSP forbids)."""
    deadline = time.monotonic() + DEADLINE_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"never became true: {expression}"
        page.wait_for_timeout(50)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser a module: while it is open Playwright keeps an event loop running, which other tests cannot bear."""
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


@pytest.fixture
def url(store: MemoryStore) -> Iterator[str]:
    """The address of the service on `store`; no engine moves the studies."""
    settings = Settings(database_url="memory://")
    with BackgroundServer(create_app(settings, store, tick=lambda: None), listen("127.0.0.1", 0)) as server:
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


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(DEADLINE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, complaints: Complaints) -> Page:
    page = context.new_page()
    complaints.watch(page)
    return page
