"""What the pages do in a real browser: tables, buttons, gates, packs. (That each opens: `test_every_page`.)"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from studies.contract.states import StudyState
from studies.core.actions import AwaitApproval
from studies.storage.memory import MemoryStore
from tests import histories
from tests.e2e.conftest import Complaints
from tests.histories import History

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_the_numbers_behind_a_figure_are_a_table(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.finished(store)
    page.goto(f"{url}/studies/{history.study_id}")
    figure = page.locator('[data-figure*="lr-loss"]')
    figure.scroll_into_view_if_needed()
    figure.get_by_text("The numbers").click()
    expect(figure.locator("tbody tr")).to_have_count(8)


def test_buttons_command_the_study(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.running(store)
    page.goto(f"{url}/studies/{history.study_id}")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert store.get_study(history.study_id).state is StudyState.PAUSED
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Cancel").click()
    assert store.get_study(history.study_id).state is StudyState.PAUSED
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1 + .state")).to_have_text("cancelled")


def test_a_gate_is_approved_on_the_page(store: MemoryStore, url: str, page: Page) -> None:
    history = History(store, gates="approve")
    histories.sweep(history)
    history.run()
    histories.close_sweep(history)
    history.act(AwaitApproval("batch_momentum", "look at the sweep first"))
    page.goto(f"{url}/studies/{history.study_id}")
    expect(page.locator(".because").first).to_have_text("Look at the sweep first.")
    gate = page.locator("#gate-batch_momentum")
    expect(gate.locator(".price")).to_contain_text("trials, at most")
    gate.get_by_role("button", name="Approve this stage").click()
    expect(page.locator("h1 + .state")).to_have_text("running")


def test_packs_and_what_was_measured_are_shown(
    store: MemoryStore, url: str, page: Page, complaints: Complaints
) -> None:
    history = histories.packed(store)
    page.goto(f"{url}/workers")
    expect(page.locator(".pack")).to_have_count(3)
    fused = page.locator(".pack").first
    expect(fused).to_contain_text("Fused, batched layers")
    expect(fused).to_contain_text("4 runs · 40,800 samples/s · 3.4x one run alone · 3.0 GiB")
    expect(fused.get_by_role("link")).to_have_count(4)
    page.locator(".profile summary").click()
    expect(page.locator(".profile tbody tr")).to_have_count(3)
    fused.get_by_role("link", name=f"#{history.trial('lr=0.03').number}").click()
    expect(page.locator(".attempts")).to_contain_text("Fused, batched layers, one of up to 4.")
    assert complaints.lines == []


def test_a_refused_command_says_why(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.running(store)
    page.goto(f"{url}/studies/{history.study_id}")
    page.route("**/pause", lambda route: route.fulfill(status=409, json={"detail": "Resume it first."}))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("alert")).to_have_text("Resume it first.")
    before = page.locator("#facts").inner_text()
    history.run()
    expect(page.locator("#facts")).not_to_have_text(before, use_inner_text=True)
    expect(page.get_by_role("alert")).to_have_text("Resume it first.")
