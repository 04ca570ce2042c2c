"""The trial table in a browser: sorted across its pages, filtered with mistakes named, its columns chosen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from studies.core.actions import AddTrials, OpenStage
from studies.storage.memory import MemoryStore
from tests import histories
from tests.builders import proposal
from tests.e2e.conftest import Complaints
from tests.histories import History

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def history(store: MemoryStore) -> History:
    """A study with 120 waiting trials, the last of them with the smallest rate."""
    history = History(store, budget={"steps": 600, "trials": 500})
    rates = (1.0 - place / 1_000 for place in range(120))
    history.act(
        OpenStage("lr_sweep"),
        AddTrials("lr_sweep", tuple(proposal(f"k{place}", lr=rate) for place, rate in enumerate(rates))),
    )
    return history


def rows(page: Page) -> Locator:
    return page.locator("table.trials tbody tr")


def test_sorting_filtering_and_paging_stand_in_the_address(
    history: History, url: str, page: Page, complaints: Complaints
) -> None:
    page.goto(f"{url}/studies/{history.study_id}")
    expect(page.locator(".found")).to_have_text("120 trials")
    page.get_by_role("link", name="lr", exact=True).click()
    expect(rows(page).first).to_contain_text("#119")
    page.get_by_role("link", name="Last page").click()
    expect(rows(page).last).to_contain_text("#0")
    expect(page.locator(".pager .span")).to_have_text("101 to 120")
    box = page.get_by_role("searchbox", name="Filter")
    box.fill("number < 100 and lrr < 2")
    box.press("Enter")
    expect(page.locator(".mistake")).to_have_text("Column 18: unknown name 'lrr': did you mean lr?")
    expect(page.locator(".mistake-place mark")).to_have_text("lrr")
    box.fill("number < 100 and lr < 2")
    box.press("Enter")
    expect(page.locator(".mistake")).to_have_count(0)
    expect(page.locator(".found")).to_have_text(re.compile("100 of 120 trials"))
    expect(rows(page).first).to_contain_text("#99")
    expect(box).to_be_focused()
    page.reload()
    expect(rows(page).first).to_contain_text("#99")
    expect(page.get_by_role("searchbox", name="Filter")).to_have_value("number < 100 and lr < 2")
    assert complaints.lines == []


def test_a_page_keeps_its_place_while_trials_come(history: History, url: str, page: Page) -> None:
    page.goto(f"{url}/studies/{history.study_id}?page=2&rows=25")
    expect(rows(page).first).to_contain_text("#25")
    page.locator("#filter").fill("half a filt")
    history.act(AddTrials("lr_sweep", (proposal("later", lr=0.5),)))
    expect(page.locator(".found")).to_have_text("121 trials")
    expect(rows(page).first).to_contain_text("#25")
    expect(page.locator("#filter")).to_have_value("half a filt")


def test_columns_are_chosen_and_unchosen(store: MemoryStore, url: str, page: Page) -> None:
    history = histories.finished(store)
    page.goto(f"{url}/studies/{history.study_id}?filter=stage%20%3D%20lr_sweep")
    page.locator("#columns summary").click()
    page.get_by_label("Find a column").fill("weight")
    expect(page.locator("#columns fieldset label:visible")).to_have_count(1)
    page.get_by_label("weight decay").check()
    head = page.locator("table.trials thead")
    expect(head.get_by_role("link", name="weight decay")).to_be_visible()
    expect(page.locator("#columns fieldset label:visible")).to_have_count(1)
    assert "columns=state,stage,schedule,steps,lr,batch_size,momentum,weight_decay,dev_accuracy" in page.url
    with page.expect_download() as started:
        page.get_by_role("link", name="these columns").click()
    file = Path(started.value.path()).read_text()
    assert file.splitlines()[0].split(",")[:3] == ["number", "state", "stage"]
    assert len(file.splitlines()) == 1 + 8
    page.get_by_role("link", name="Default columns").click()
    expect(head.get_by_role("link", name="weight decay")).to_have_count(0)
    expect(page.get_by_label("weight decay")).not_to_be_checked()


def test_the_first_column_stays_on_a_phone(history: History, url: str, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/studies/{history.study_id}")
    rows(page).first.wait_for()
    page.locator("#trials").evaluate("part => { part.scrollLeft = 200; }")
    box, table = rows(page).first.locator("th").bounding_box(), page.locator("#trials").bounding_box()
    assert box is not None
    assert table is not None
    assert box["x"] == pytest.approx(table["x"], abs=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
