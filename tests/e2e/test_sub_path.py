"""Behind a reverse proxy under a path of its own: pages, figures, event stream, log-in and downloads stay below it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from studies.contract.states import StudyCommand
from tests.e2e.conftest import Complaints
from tests.e2e.gallery import Gallery, gallery, see_every_figure
from tests.e2e.proxy import Proxy, proxied

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PREFIX = "/tools/tune"
TOKEN = "a-token-for-the-proxy-test"

DOWNLOADS = ("Download as a report", "these columns", "all columns")


@pytest.fixture(scope="module")
def behind() -> Iterator[tuple[Gallery, Proxy]]:
    with gallery(root_path=PREFIX, token=TOKEN) as served, proxied(served.url, PREFIX) as proxy:
        yield served, proxy


def test_everything_works_below_the_prefix(behind: tuple[Gallery, Proxy], page: Page, complaints: Complaints) -> None:
    served, proxy = behind
    running = served.studies["running"]
    page.goto(f"{proxy.url}/studies/{running.study_id}?select=1")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{proxy.url}/studies/{running.study_id}?select=1")
    complaints.lines.clear()  # the browser notes the 401

    for name, path in served.pages.items():
        if name != "nothing there":
            page.goto(proxy.url + path)
            see_every_figure(page)

    page.goto(f"{proxy.url}/studies/{running.study_id}")
    for link in DOWNLOADS:
        with page.expect_download() as taken:
            page.get_by_role("link", name=link).click()
        assert taken.value.failure() is None
    served.store.command(running.study_id, StudyCommand.PAUSE)
    expect(page.locator("h1 + .state")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("h1 + .state")).to_have_text("running")
    page.locator("table.trials tbody a").first.click()
    expect(page.locator("h1")).to_have_text("Trial #0")
    with page.expect_download() as log:
        page.get_by_role("link", name="Download").first.click()
    assert log.value.failure() is None
    page.get_by_role("link", name="Stagetune").click()
    expect(page.locator(".study-row").first).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert [path for path in proxy.astray if path != "/favicon.ico"] == []
    assert complaints.lines == []
