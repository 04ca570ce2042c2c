"""A study of thousands of trials costs the browser what a small one does: counted, for times differ from day to day.

How long it takes is measured by ``make bench-service ARGS="browser"``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response, expect

from service.app import create_app
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.storage import open_store
from tests.bench.service.loading import Shape, load_study
from tests.e2e.conftest import Complaints, until
from tests.e2e.gallery import see_every_figure

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

TRIALS, POINTS = 1_500, 100

MOST_PAGE_BYTES = 150_000
MOST_FIGURE_BYTES = 600_000
MOST_NODES = 12_000
MOST_POINTS = 60_000
"""Points in all figures of the page together; the study has 150,000."""

NO_REFRESH = "window.setInterval = () => 0"
"""Every quarter of a minute the page fetches its parts anew: that is not what is counted here."""

POINTS_DRAWN = """[...document.querySelectorAll('.plot')].flatMap(plot => plot.data ?? [])
    .reduce((sum, trace) => sum + (trace.x?.length ?? trace.y?.length ?? 0), 0)"""


@dataclass
class Traffic:
    """What the page fetched since it was last asked: names and sizes of the answers, assets left out."""

    answers: list[tuple[str, int]] = field(default_factory=list)

    def note(self, answer: Response) -> None:
        if "/static/" not in answer.url and not answer.url.split("?")[0].endswith("/events"):
            name, size = answer.url.split("?")[0].rsplit("/", 1)[1], answer.headers.get("content-length", 0)
            self.answers.append((name, int(size)))

    def names(self) -> list[str]:
        """Return the names of what was fetched, and forget it."""
        names = sorted(name for name, _ in self.answers)
        self.answers.clear()
        return names


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a study of `TRIALS` trials."""
    database = f"sqlite:///{tmp_path_factory.mktemp('large') / 'studies.db'}"
    study = load_study(database, "large", Shape(TRIALS, POINTS))
    store = open_store(database)
    app = create_app(Settings(database_url=database), store, tick=lambda: None)
    with BackgroundServer(app, listen("127.0.0.1", 0)) as server:
        yield f"{server.url}/studies/{study}"
    store.close()


def test_a_large_study_is_thinned_before_it_is_sent(large: str, page: Page, complaints: Complaints) -> None:
    page.add_init_script(NO_REFRESH)
    traffic = Traffic()
    page.on("response", traffic.note)
    page.goto(large)
    figures = see_every_figure(page)
    assert page.evaluate("document.querySelectorAll('*').length") < MOST_NODES
    assert page.evaluate(POINTS_DRAWN) < MOST_POINTS
    sizes = dict(traffic.answers)
    assert 0 < max(sizes.values()) < MOST_FIGURE_BYTES
    assert sizes[Path(large).name] < MOST_PAGE_BYTES
    assert len(traffic.answers) == 1 + len(figures), "the page and each of its figures, once"
    assert complaints.lines == []


def test_a_touch_fetches_what_it_changes_and_nothing_else(large: str, page: Page) -> None:
    page.add_init_script(NO_REFRESH)
    page.goto(large)
    live = page.locator("[data-keep=live]")
    live.scroll_into_view_if_needed()
    expect(live.locator(".main-svg").first).to_be_attached()
    page.wait_for_load_state("networkidle")
    traffic = Traffic()
    page.on("response", traffic.note)

    live.get_by_role("button", name="log y").click()
    until(page, "document.querySelector('[data-keep=live] .plot').layout.yaxis.type === 'log'")
    assert traffic.names() == []
    page.locator("[name=metric]").select_option("dev_accuracy")
    expect(live.locator("[data-sentence]")).to_contain_text("Dev accuracy")
    assert traffic.names() == ["live.json"]
    page.evaluate("document.querySelector('table.trials thead th:nth-child(4) a').click()")
    expect(page.locator("table.trials th[aria-sort]")).to_have_count(1)
    page.evaluate("document.querySelector('#last-page').click()")
    expect(page.locator("#next-page")).to_have_count(0)
    assert traffic.names() == ["trials", "trials"]
