"""The page's stream of events: nothing is missed, nothing is fetched for nothing, nobody draws what nobody sees."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from service.app import create_app
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.states import StudyCommand
from studies.storage.memory import MemoryStore
from tests import histories

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def serve(store: MemoryStore, port: int = 0) -> BackgroundServer:
    app = create_app(Settings(database_url="memory://"), store, tick=lambda: None)
    return BackgroundServer(app, listen("127.0.0.1", port))


class Fetched:
    """How often the page has fetched its header, its refresh every quarter of a minute left out."""

    def __init__(self, page: Page) -> None:
        self.times = 0
        page.add_init_script("window.setInterval = () => 0")
        page.on("request", lambda request: self.count(request.url))

    def count(self, url: str) -> None:
        self.times += url.endswith("/parts/header")


def state_of(page: Page) -> str:
    return page.locator("h1 + .state").inner_text()


def test_a_page_fetches_once_what_happened_once(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.running(store)
    fetched = Fetched(page)
    page.goto(f"{url}/studies/{history.study_id}")
    store.command(history.study_id, StudyCommand.PAUSE)
    expect(page.locator("h1 + .state")).to_have_text("paused")
    assert fetched.times == 1


def test_what_happens_while_the_page_loads_is_not_missed(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.running(store)

    def meanwhile(route: object) -> None:
        store.command(history.study_id, StudyCommand.PAUSE)
        route.continue_()  # type: ignore[attr-defined]

    page.route("**/main.js", meanwhile)
    page.goto(f"{url}/studies/{history.study_id}")
    expect(page.locator("h1 + .state")).to_have_text("paused")


def test_a_connection_that_comes_back_to_nothing_new_changes_nothing(store: MemoryStore, page: Page) -> None:
    history = histories.running(store)
    fetched = Fetched(page)
    with serve(store) as server:
        port = int(server.url.rsplit(":", 1)[1])
        page.goto(f"{server.url}/studies/{history.study_id}")
        store.command(history.study_id, StudyCommand.PAUSE)
        expect(page.locator("h1 + .state")).to_have_text("paused")
    expect(page.locator("#connection")).to_have_text("Reconnecting to the server…")
    before = fetched.times
    with serve(store, port):
        expect(page.locator("#connection")).to_be_hidden()
        assert fetched.times == before
        store.command(history.study_id, StudyCommand.RESUME)
        expect(page.locator("h1 + .state")).to_have_text("running")
        assert fetched.times == before + 1
        page.close()


def test_a_hidden_page_rests_and_catches_up_when_it_is_shown(
    store: MemoryStore, url: str, page: Page, context: BrowserContext
) -> None:
    history = histories.running(store)
    address = f"{url}/studies/{history.study_id}"
    fetched = Fetched(page)
    page.goto(address)
    page.evaluate(HIDE, arg=True)
    other = context.new_page()
    other.goto(address)
    for command, state in (
        (StudyCommand.PAUSE, "paused"),
        (StudyCommand.RESUME, "running"),
        (StudyCommand.PAUSE, "paused"),
    ):
        store.command(history.study_id, command)
        expect(other.locator("h1 + .state")).to_have_text(state)
    assert (state_of(page), fetched.times) == ("running", 0)
    page.evaluate(HIDE, arg=False)
    expect(page.locator("h1 + .state")).to_have_text("paused")
    assert fetched.times == 1
