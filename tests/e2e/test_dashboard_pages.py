"""The pages in a real browser: every shape of study opens, says something, and complains about nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from studies.contract.states import StudyCommand, StudyState
from studies.core.actions import AwaitApproval
from studies.storage.memory import MemoryStore
from tests import histories
from tests.e2e.conftest import Complaints
from tests.histories import History

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def empty(store: MemoryStore) -> History:
    return History(store, "empty")


def paused(store: MemoryStore) -> History:
    history = histories.running(store, "paused")
    store.command(history.study_id, StudyCommand.PAUSE)
    return history


SHAPES: list[Callable[[MemoryStore], History]] = [
    empty,
    paused,
    histories.running,
    histories.finished,
    histories.guided,
    histories.all_diverged,
    histories.with_gaps,
]


def see_every_figure(page: Page) -> None:
    """Scroll to each figure and wait until it has said its sentence and, where it has one, drawn its plot."""
    for figure in page.locator("[data-figure]").all():
        figure.scroll_into_view_if_needed()
        expect(figure.locator("[data-sentence]")).not_to_have_text("Loading…")
        expect(figure.locator(".plot[hidden], .plot .main-svg").first).to_be_attached()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_study_opens_without_a_complaint(
    store: MemoryStore, url: str, page: Page, complaints: Complaints, shape: Callable[[MemoryStore], History]
) -> None:
    study = shape(store).study_id
    trials = store.list_trials(study).trials[-1:]
    for path in (f"/studies/{study}", *(f"/trials/{trial.id}" for trial in trials)):
        page.goto(url + path)
        see_every_figure(page)
        expect(page.locator("#connection")).to_be_hidden()
    assert complaints.lines == []


def test_lists_of_all_of_them_open_without_a_complaint(
    store: MemoryStore, url: str, page: Page, complaints: Complaints
) -> None:
    for path in ("/", "/workers"):
        page.goto(url + path)
        expect(page.locator(".empty")).to_be_visible()
    for shape in SHAPES:
        shape(store)
    for path, item in (("/", ".study-row"), ("/workers", ".worker")):
        page.goto(url + path)
        expect(page.locator(item)).to_have_count(len(SHAPES))
    assert complaints.lines == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (820, "light")])
def test_nothing_sticks_out_at_any_width_in_light_and_dark(
    store: MemoryStore, url: str, chromium: Browser, scheme: str, width: int
) -> None:
    history = histories.finished(store)
    histories.packed(store)
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    for path in ("/", "/workers", f"/studies/{history.study_id}", f"/trials/{history.trial('cosine').id}"):
        page.goto(url + path)
        see_every_figure(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    ink = "rgb(233, 230, 223)" if scheme == "dark" else "rgb(34, 37, 43)"
    expect(page.locator("body")).to_have_css("color", ink)
    context.close()


def test_hostile_words_are_shown_as_words(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.with_gaps(store)
    page.goto(f"{url}/trials/{history.trial('lr=0.1').id}")
    expect(page.locator("[data-log]")).to_contain_text('<a href="javascript:alert(1)">')
    page.goto(f"{url}/trials/{history.trial('lr=0.01').id}")
    expect(page.locator(".because").first).to_contain_text("<b>bold</b>")
    assert page.locator('a[href^="javascript"]').count() == 0


def test_a_table_sorts_by_any_column_and_stays_so(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.all_diverged(store)
    page.goto(f"{url}/studies/{history.study_id}")
    first = page.locator("table.trials tbody tr").first
    page.get_by_role("button", name="Trial").click()
    expect(first).to_contain_text("#2")
    page.get_by_role("button", name="lr", exact=True).click()
    expect(first).to_contain_text("#0")
    expect(page.locator('th[aria-sort="ascending"]')).to_have_text("lr")


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
