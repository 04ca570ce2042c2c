"""Comparing trials, and the page of one, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studies.contract.worker_protocol import LogChunk
from studies.storage.memory import MemoryStore
from tests import histories
from tests.builders import report, sync
from tests.e2e.conftest import Complaints, until
from tests.histories import History

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FIGURE = '[data-figure*="/compare/figures/"]'


def drawn(page: Page) -> None:
    figure = page.locator(FIGURE)
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".plot .main-svg").first).to_be_attached()


def test_trials_of_two_studies_are_compared_added_and_left_out(
    store: MemoryStore, url: str, page: Page, complaints: Complaints
) -> None:
    histories.finished(store)
    histories.finished(store, "second")
    page.goto(f"{url}/compare")
    expect(page.locator(".empty")).to_be_visible()
    page.get_by_label("Add trials").fill("digits-cnn/1 second/4, nobody/7")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("h1")).to_have_text("Compare 2 trials")
    expect(page.locator(".problem")).to_contain_text("There is no trial nobody/7")
    drawn(page)
    sentence = page.locator(f"{FIGURE} [data-sentence]")
    expect(sentence).to_contain_text("Dev accuracy of 2 trials over steps.")
    page.get_by_role("combobox", name="Over").select_option("samples")
    expect(sentence).to_contain_text("over samples seen")
    page.get_by_role("combobox", name="Metric").select_option("loss")
    page.get_by_role("button", name="log y").click()
    expect(sentence).to_contain_text("Loss of 2 trials over samples seen. Lowest is")
    until(page, f"document.querySelector('{FIGURE} .plot')._fullLayout?.yaxis.type === 'log'")
    assert page.locator(f"{FIGURE} .textpoint").all_text_contents() == ["digits-cnn #1", "second #4"]
    page.get_by_label("Add trials").fill("digits-cnn/2")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("h1")).to_have_text("Compare 3 trials")
    expect(page.get_by_role("combobox", name="Over")).to_have_value("samples")
    expect(page.get_by_role("button", name="log y")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Leave out digits-cnn #1").click()
    expect(page.locator("h1")).to_have_text("Compare 2 trials")
    expect(page.get_by_role("combobox", name="Metric")).to_have_value("loss")
    page.get_by_text("the same in all").click()
    expect(page.locator(".same dl")).to_contain_text("batch size")
    assert complaints.lines == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_thirty_trials_fit_any_width(store: MemoryStore, url: str, chromium: Browser, width: int, scheme: str) -> None:
    histories.finished(store)
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{url}/compare?trials={','.join(f'digits-cnn/{number}' for number in range(29))}&metric=loss")
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator(".compare thead a.name")).to_have_count(29)
    color = "rgb(98, 181, 240)" if scheme == "dark" else "rgb(0, 114, 178)"
    expect(page.locator(".line-mark").first).to_have_css("stroke", color)
    context.close()


def test_a_comparison_of_what_runs_keeps_up(store: MemoryStore, url: str, page: Page) -> None:
    history = History(store)
    histories.sweep(history, (0.1, 0.01))
    leases = history.lease()
    page.goto(f"{url}/compare?trials={','.join(lease.run.trial_id for lease in leases)}")
    expect(page.locator("#run")).to_contain_text("0 of 600")
    history.tell(leases[0], {"loss": {1: 2.0, 40: 1.0}}, None)
    expect(page.locator("#run")).to_contain_text("40 of 600")


def test_a_trial_is_looked_up_searched_and_taken_along(
    store: MemoryStore, url: str, page: Page, complaints: Complaints
) -> None:
    history = histories.finished(store)
    late = history.trial("linear-late")
    page.goto(f"{url}/trials/{late.id}")
    expect(page.locator("#usage")).to_contain_text("600 of 600")
    log = page.locator("[data-log]")
    expect(log).to_contain_text("step  501")
    page.get_by_label("Find").fill("STEP  501")
    expect(page.locator("[data-log-note]")).to_have_text("1 line found.")
    expect(log).not_to_contain_text("step    1")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download").click()
    assert "step    1" in Path(taken.value.path()).read_text()
    expect(page.locator("#again")).to_have_text(f"stagetune reproduce digits-cnn/{late.number} --server {url}")
    with page.expect_download() as run:
        page.get_by_role("link", name="what is run").click()
    assert json.loads(Path(run.value.path()).read_text())["num_steps"] == 600
    page.get_by_role("link", name="←").click()
    expect(page.locator("h1")).to_have_text(f"Trial #{late.number - 1}")
    assert complaints.lines == []


def test_a_long_log_begins_near_its_end_and_follows(store: MemoryStore, url: str, page: Page) -> None:
    history = History(store)
    histories.sweep(history, (0.1,))
    (lease,) = history.lease()
    for sequence in range(6):
        text = "".join(f"line {sequence}-{number} {'x' * 40}\n" for number in range(1_000))
        chunk = LogChunk(sequence=sequence, text=text)
        store.sync(history.worker_id, sync(report(lease).model_copy(update={"logs": (chunk,)}), capacity=64))
    page.goto(f"{url}/trials/{lease.run.trial_id}")
    log = page.locator("[data-log]")
    expect(log).to_contain_text("line 5-999")
    assert (log.text_content() or "").count("line 5-998") == 1
    expect(log).not_to_contain_text("line 0-0")
    expect(page.locator("[data-log-note]")).to_have_text("Only its end is here; the download has all of it.")
    until(
        page, "(log => log.scrollHeight - log.scrollTop - log.clientHeight < 4)(document.querySelector('[data-log]'))"
    )
