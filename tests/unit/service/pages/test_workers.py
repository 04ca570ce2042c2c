"""The workers page: devices in words, the queue, which workers are shown, and the page as a whole."""

from __future__ import annotations

import re
from typing import Any

import pytest
from httpx import Client

from service.pages.devices import MemoryBar, device_row, memory_bar
from service.pages.fleet import CARDS, LONG_GONE, fleet, summary
from service.pages.queue import STARTING, STUDIES_SHOWN, queue_of
from service.pages.timelines import WINDOWS
from service.standing import is_missed, standing
from studies.contract.states import StudyState, WorkerHold
from studies.contract.views import DeviceView, PackView, WorkerView
from studies.storage.memory import MemoryStore
from studies.storage.port import Queues, StudyQueue
from tests import builders as build
from tests import fleets
from tests.contract.scenes import running_study
from tests.histories import HOSTILE
from tests.unit.service.pages.conftest import browser

GIB = 2**30
NOW = 10_000.0


def device(*packs: PackView, **fields: Any) -> DeviceView:
    known: dict[str, Any] = {"name": "cuda:0", "model": "H100", "memory_bytes": 80 * GIB, "memory_used_bytes": None}
    return DeviceView(**{**known, "capacity": 8, "packs": packs, **fields})


def pack(held: int | None, reserved: int | None) -> PackView:
    sizes = [None if size is None else size * GIB for size in (held, reserved)]
    return PackView(run_class="builtin/0", engine="serial", memory_bytes=sizes[0], reserved_bytes=sizes[1])


def worker(name: str = "node", silent: float = 0.0, **fields: Any) -> WorkerView:
    known: dict[str, Any] = {"id": f"wk_{name}", "hostname": f"{name}.example", "version": "1", "devices": (device(),)}
    times = {"registered_at": 0.0, "last_sync_at": NOW - silent, "alive": silent < 30}
    return WorkerView(name=name, objectives=(), allow=(), **{**known, **times, **fields})


# --- memory ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "bar"),
    [
        pytest.param(device(memory_bytes=None), None, id="of unknown size"),
        pytest.param(device(), MemoryBar(0, 0, 0, "80.0 GiB in all"), id="nothing known"),
        pytest.param(
            device(memory_used_bytes=20 * GIB), MemoryBar(0, 25, 0, "20.0 GiB of 80.0 GiB used"), id="used by others"
        ),
        pytest.param(
            device(pack(8, 12), pack(8, 20), memory_used_bytes=24 * GIB),
            MemoryBar(
                20, 10, 20, "24.0 GiB of 80.0 GiB used, 16.0 GiB by the runs here, 16.0 GiB more set aside for them"
            ),
            id="used, by whom, and set aside",
        ),
        pytest.param(
            device(pack(8, 4), pack(None, None)),
            MemoryBar(10, 0, 0, "8.0 GiB of 80.0 GiB used, 8.0 GiB by the runs here"),
            id="more than was set aside",
        ),
    ],
)
def test_memory_as_a_bar_and_in_words(shown: DeviceView, bar: MemoryBar | None) -> None:
    assert memory_bar(shown) == bar


def test_a_bar_never_exceeds_the_whole() -> None:
    bar = memory_bar(device(pack(70, 200), memory_used_bytes=90 * GIB))
    assert bar is not None
    assert bar.own + bar.others + bar.aside == 100


def test_a_device_says_how_full_and_how_busy_it_is() -> None:
    row = device_row(device(running=("a", "b"), utilization=1.7, mps=False), {}, {})
    assert row.facts == "2 of 8 slots in use · 100 % busy · MPS does not run: processes take turns"


# --- the queue -------------------------------------------------------------------------------------------------------


def study(waiting: int = 12, because: str = "All 8 places are taken.", **fields: Any) -> StudyQueue:
    return StudyQueue(
        **{"study_id": "st", "name": "s", "state": StudyState.RUNNING, **fields}, waiting=waiting, because=because
    )


FULL = worker(devices=(device(running=tuple("abcdefgh")),))


@pytest.mark.parametrize(
    ("queue", "workers", "help_"),
    [
        pytest.param(study(), [FULL], "One more device like cuda:0 of node would start 8 of them at once.", id="full"),
        pytest.param(study(3), [FULL], "One more device like cuda:0 of node would start 3 of them at once.", id="few"),
        pytest.param(study(), [FULL, worker("free")], "", id="something is free"),
        pytest.param(study(), [worker("free", hold=WorkerHold.DRAINED)], "", id="nobody is given runs"),
        pytest.param(study(state=StudyState.PAUSED), [FULL], "", id="it waits for a person"),
        pytest.param(study(because=""), [FULL], "", id="about to start"),
    ],
)
def test_the_queue_says_what_would_help(queue: StudyQueue, workers: list[WorkerView], help_: str) -> None:
    (row,) = queue_of(Queues((queue,), 1), workers).rows
    assert row.help == help_


def test_the_queue_in_words() -> None:
    rows = queue_of(Queues((study(1, ""), study(1_200), study(0, "Approve it.")), 3), []).rows
    assert [(row.waiting, row.because) for row in rows] == [
        ("1 trial waits", STARTING),
        ("1,200 trials wait", "All 8 places are taken."),
        ("", "Approve it."),
    ]
    assert queue_of(Queues((study(),) * STUDIES_SHOWN, STUDIES_SHOWN + 2), []).more == 2


# --- which workers ---------------------------------------------------------------------------------------------------


def test_those_that_need_somebody_come_first_and_no_sync_changes_the_order() -> None:
    bad = worker("z", hold=WorkerHold.QUARANTINED)
    some = [worker("b"), worker("a", hold=WorkerHold.DRAINING), bad, worker("c", silent=60)]
    assert [item.name for item in fleet(some, NOW).shown] == ["z", "c", "a", "b"]
    assert fleet(some[::-1], NOW).shown == fleet(some, NOW).shown


def test_a_worker_without_runs_is_gone_and_one_that_had_some_is_missed() -> None:
    busy = device(running=("tr_1",))
    assert (standing(worker(silent=60)), is_missed(worker(silent=60))) == ("gone", False)
    assert (standing(worker(devices=(busy,), silent=60)), is_missed(worker(devices=(busy,), silent=60))) == (
        "silent",
        True,
    )
    assert standing(worker(hold=WorkerHold.DRAINED, silent=60)) == "drained, gone"
    assert not is_missed(worker(devices=(busy,)))


def test_long_silent_ones_fold_away_and_former_starts_are_left_out() -> None:
    again, before = worker("a"), worker("a", silent=LONG_GONE + 1)
    gone, longer = worker("b", silent=LONG_GONE + 1), worker("b", silent=LONG_GONE + 9)
    found = fleet([again, before, gone, longer], NOW)
    assert (found.shown, found.gone, found.all_gone, found.known) == ((again,), (gone,), 1, 2)
    assert fleet([again, worker("a", id="wk_beside")], NOW).matching == 2, "two processes of one node, both alive"


def test_workers_come_in_pages_and_are_searched_by_name_host_and_model() -> None:
    many = [worker(f"node-{number:03}") for number in range(2 * CARDS + 1)]
    assert [len(fleet(many, NOW, page=page).shown) for page in (1, 2, 3)] == [CARDS, CARDS, 1]
    assert fleet(many, NOW, page=99).page == 3
    assert [item.name for item in fleet(many, NOW, "NODE-007").shown] == ["node-007"]
    assert fleet(many, NOW, "h100 example").matching == len(many)
    assert fleet(many, NOW, "h100 nowhere").matching == 0


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        ([], ""),
        ([worker(silent=900)], "No worker is alive"),
        ([FULL, worker("b", hold=WorkerHold.DRAINED)], "2 workers alive · 8 of 16 slots in use · 1 held back"),
    ],
)
def test_all_workers_in_a_line(workers: list[WorkerView], words: str) -> None:
    assert summary(workers) == words


# --- time windows ----------------------------------------------------------------------------------------------------


def test_a_window_stays_in_its_place_for_a_while() -> None:
    hour = WINDOWS["1h"]
    assert hour.span(36_000.0) == (32_400.0, 36_000.0)
    assert hour.span(36_299.0).since == 32_400.0
    assert hour.span(36_300.0).since == 32_700.0
    assert WINDOWS["all"].span(36_000.0) == (0.0, 36_000.0)


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> fleets.Clock:
    return fleets.Clock(1_700_000_000.0)


@pytest.fixture
def store(clock: fleets.Clock) -> MemoryStore:
    return MemoryStore(clock)


def test_the_page_tells_of_a_busy_card(store: MemoryStore, clock: fleets.Clock, client: Client) -> None:
    card = fleets.busy(store, clock)
    page = client.get("/workers").text
    for text in (
        "1 worker alive · 8 of 8 slots in use",
        "8 together train 3.1x what one alone would: 49,600 samples/s.",
        "17.0 GiB of 80.0 GiB used, 11.0 GiB by the runs here, 8.0 GiB more set aside for them",
        "digits-cnn",
        "45 trials wait",
        "What failed here last",
        "CUDA error: an illegal memory access was encountered.",
    ):
        assert text in page, text
    assert "Traceback" not in page
    assert f"/workers/{card.worker_id}/devices/cuda:0/timeline.json?window=1h&amp;color=study" in page


def test_the_timeline_of_a_busy_card(store: MemoryStore, clock: fleets.Clock, client: Client) -> None:
    path = f"/workers/{fleets.busy(store, clock).worker_id}/devices/cuda:0/timeline.json"
    drawing = client.get(f"{path}?window=all").json()
    assert drawing["sentence"].startswith("33 runs of 2 studies on cuda:0 so far, up to 8 at once")
    assert len(drawing["figure"]["layout"]["shapes"]) == 1
    assert len(drawing["table"]["rows"]) == 33
    hour = client.get(f"{path}?window=1h").json()
    assert hour["sentence"].startswith("8 runs on cuda:0"), "those that still run, by this process's clock for years"


def test_a_worker_or_a_device_that_there_is_not_is_a_problem(store: MemoryStore, client: Client) -> None:
    worker_id = store.register_worker(build.worker())
    assert client.get("/workers/wk_none/devices/cpu/timeline.json").status_code == 404
    assert client.get(f"/workers/{worker_id}/devices/tpu/timeline.json").status_code == 422
    assert client.get(f"/workers/{worker_id}/devices/cpu/timeline.json?window=9y").status_code == 422
    assert client.get(f"/workers/{worker_id}/devices/cuda:7/timeline.json").json()["figure"] is None


def test_what_is_asked_for_stays_in_every_link(store: MemoryStore, client: Client) -> None:
    for number in range(2 * CARDS):
        store.register_worker(build.worker(f"node-{number:02}"))
    page = client.get("/workers?window=6h&q=node&page=2").text
    assert 'data-part="/parts/workers?window=6h&amp;q=node&amp;page=2"' in page
    assert 'href="/workers?window=6h&amp;q=node"' in page, "the page before"
    assert 'href="/workers?window=6h&amp;color=state&amp;q=node&amp;page=2"' in page
    assert 'href="/workers?window=1d&amp;q=node&amp;page=2"' in page
    assert 'aria-current="true">6 hours' in page
    assert page.count("<article") == CARDS
    assert page.count('value="node"') == 1


def test_a_search_that_finds_nothing_says_so_and_names_are_never_markup(store: MemoryStore, client: Client) -> None:
    store.register_worker(build.worker(HOSTILE))
    page = client.get("/workers", params={"q": HOSTILE + "?"}).text
    assert "No worker has this in its name" in page
    assert "<b>bold</b>" not in page + client.get("/workers").text


def test_long_silent_workers_are_folded_and_can_still_be_released(
    store: MemoryStore, clock: fleets.Clock, client: Client
) -> None:
    running_study(store)
    for name in ("old-1", "old-2"):
        store.register_worker(build.worker(name))
    held = store.register_worker(build.worker("held"))
    store.drain_worker(held)
    clock.seconds += 3600
    store.register_worker(build.worker("alive"))
    page = client.get("/workers").text
    assert "3 workers long gone" in page
    assert "1 worker alive" in page
    assert f"/api/v1/workers/{held}/release" in page


def test_two_hundred_workers_are_a_page_of_a_few(store: MemoryStore) -> None:
    for number in range(200):
        store.register_worker(build.worker(f"node-{number:03}"))
    with browser(store) as client:
        page = client.get("/workers").text
    assert len(re.findall("data-figure", page)) <= CARDS
