"""The pages live: what happens on the server appears by itself, and the page outlives the server's restart."""

from __future__ import annotations

import socket
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from service.app import create_app
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.states import StudyCommand
from studies.contract.worker_protocol import DeviceReport, Lease, SyncRequest
from studies.core.actions import EndTrial
from studies.storage.memory import MemoryStore
from tests import histories
from tests.builders import chunk, report, sync
from tests.histories import History

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def serve(store: MemoryStore, port: int = 0) -> tuple[BackgroundServer, socket.socket]:
    listening = listen("127.0.0.1", port)
    return BackgroundServer(
        create_app(Settings(database_url="memory://"), store, tick=lambda: None), listening
    ), listening


def test_a_study_unfolds_before_the_readers_eyes(store: MemoryStore, url: str, page: Page) -> None:
    history = History(store)
    page.goto(url)
    expect(page.locator(".study-row")).to_contain_text("queued")
    page.goto(f"{url}/studies/{history.study_id}")
    histories.sweep(history)
    expect(page.locator(".card.now .standing")).to_have_text("0 of 8 trials ended so far.")
    expect(page.locator("table.trials tbody tr")).to_have_count(8)
    history.run()
    expect(page.locator('[data-figure*="lr-curves"] .plot .main-svg').first).to_be_attached()
    histories.close_sweep(history)
    expect(page.locator(".decision .headline")).to_contain_text("lr 0.03 falls fastest")


def test_a_refresh_keeps_focus_zoom_and_what_is_open(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.running(store)
    page.goto(f"{url}/studies/{history.study_id}")
    figure = page.locator('[data-figure*="lr-loss"]')
    figure.scroll_into_view_if_needed()
    figure.get_by_text("The numbers").click()
    page.get_by_role("button", name="Pause").focus()
    page.evaluate("document.querySelector('[data-figure*=\"lr-loss\"] .plot').mark = 'same'")
    before = page.locator("table.trials").inner_text()
    history.run()
    expect(page.locator("table.trials")).not_to_have_text(before, use_inner_text=True)
    assert page.evaluate("document.querySelector('[data-figure*=\"lr-loss\"] .plot').mark") == "same"
    expect(figure.locator("details")).to_have_attribute("open", "")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()


def test_packs_come_and_go_and_what_is_open_stays_open(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.packed(store)
    page.goto(f"{url}/workers")
    page.locator(".profile summary").click()
    expect(page.locator(".pack")).to_have_count(3)
    store.sync(history.worker_id, SyncRequest(devices=(DeviceReport(name="cpu", capacity=64),)))
    history.act(EndTrial(history.trial("lr=0.01").id, "pruned", "worse"))
    expect(page.locator(".pack")).to_have_count(0)
    expect(page.locator(".slots a")).to_have_count(5)
    expect(page.locator("details.profile")).to_have_attribute("open", "")


def test_a_log_follows(store: MemoryStore, url: str, page: Page) -> None:
    history = History(store)
    histories.sweep(history, (0.1,))
    (lease,) = history.lease()
    page.goto(f"{url}/trials/{lease.run.trial_id}")
    expect(page.locator("[data-log-empty]")).to_be_visible()
    history.tell(lease, {"loss": {1: 2.0}}, outcome=None, log="epoch 1 begins\n")
    expect(page.locator("[data-log]")).to_have_text("epoch 1 begins\n")


def test_at_most_two_redraws_a_second(store: MemoryStore, url: str, page: Page) -> None:
    history = History(store)
    histories.sweep(history, (0.1,))
    (lease,) = history.lease()
    page.goto(f"{url}/studies/{history.study_id}")
    times = (
        "performance.getEntriesByType('resource').filter(e => e.name.endsWith('/parts/header')).map(e => e.startTime)"
    )
    step = 0
    while len(started := page.evaluate(times)) < 4:
        store.sync(history.worker_id, _news(lease, step))
        store.command(history.study_id, (StudyCommand.PAUSE, StudyCommand.RESUME)[step % 2])
        step += 1
    assert all(later - earlier > 450 for earlier, later in pairwise(started))


def _news(lease: Lease, step: int) -> SyncRequest:

    return sync(report(lease, chunk("loss", {step + 1: 1.0}, sequence=step)), capacity=64)


def test_after_a_restart_of_the_server_the_page_catches_up_by_itself(store: MemoryStore, page: Page) -> None:
    history = histories.running(store)
    server, listening = serve(store)
    port = listening.getsockname()[1]
    with server:
        page.goto(f"{server.url}/studies/{history.study_id}")
        expect(page.locator("h1 + .state")).to_have_text("running")
    expect(page.locator("#connection")).to_have_text("Reconnecting to the server…")
    store.command(history.study_id, StudyCommand.PAUSE)
    server, _ = serve(store, port)
    with server:
        expect(page.locator("h1 + .state")).to_have_text("paused")
        expect(page.locator("#connection")).to_be_hidden()
        page.close()
