"""Logging in with a real browser, and what the content security policy keeps out and has to let in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from service.app import create_app
from service.auth.secrets import new_token
from service.middleware import headers
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.scopes import Scope
from studies.contract.states import StudyState
from studies.storage.memory import MemoryStore
from tests import histories
from tests.e2e.conftest import Complaints
from tests.histories import History

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def closed(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that has tokens, and hears of a revoked one at once."""
    monkeypatch.setattr("service.auth.gate.TRUST_SECONDS", 0.0)
    store.credentials.create_token(new_token("first", (Scope.ADMIN,), None)[1])
    with BackgroundServer(
        create_app(Settings(database_url="memory://"), store, tick=lambda: None), listen("127.0.0.1", 0)
    ) as server:
        yield server.url


def enter(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


def test_a_person_logs_in_commands_a_study_and_logs_out(
    store: MemoryStore, closed: str, page: Page, complaints: Complaints
) -> None:
    text, new = new_token("laptop", (Scope.SUBMIT,), None)
    store.credentials.create_token(new)
    study_id = histories.running(store).study_id
    page.goto(f"{closed}/studies/{study_id}")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    enter(page, "nonsense")
    expect(page.get_by_role("alert")).to_contain_text("not known here")
    complaints.lines.clear()  # the browser notes the 401
    enter(page, text)
    expect(page).to_have_url(f"{closed}/studies/{study_id}")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".title-row .state")).to_have_text("paused")
    assert store.get_study(study_id).state is StudyState.PAUSED
    assert complaints.lines == []  # from here on the browser may note a 401: figures that were still being fetched
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()


def test_who_may_only_look_is_told_so_and_is_out_when_the_token_is_revoked(
    store: MemoryStore, closed: str, page: Page
) -> None:
    text, new = new_token("guest", (Scope.READ,), None)
    store.credentials.create_token(new)
    history = histories.running(store)
    page.goto(f"{closed}/studies/{history.study_id}")
    enter(page, text)
    expect(page.locator("#commands")).to_contain_text("You may look only")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    store.credentials.revoke_token(new.id)
    history.run()
    expect(page.get_by_label("Token")).to_be_visible()


def test_styles_in_the_page_still_have_to_be_allowed(
    store: MemoryStore, page: Page, complaints: Complaints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plotly writes styles: when this test fails, 'unsafe-inline' can go from the policy."""
    policy = headers.CONTENT_SECURITY_POLICY
    monkeypatch.setitem(headers.SECURITY_HEADERS, "Content-Security-Policy", policy.replace(" 'unsafe-inline'", ""))
    history: History = histories.finished(store)
    with BackgroundServer(
        create_app(Settings(database_url="memory://"), store, tick=lambda: None), listen("127.0.0.1", 0)
    ) as server:
        page.goto(f"{server.url}/studies/{history.study_id}")
        page.locator('[data-figure*="live"]').scroll_into_view_if_needed()
        expect(page.locator('[data-figure*="live"] .plot .main-svg').first).to_be_attached()
    assert any("inline style" in line for line in complaints.lines)
    assert not any("script" in line and "Refused" in line for line in complaints.lines)
