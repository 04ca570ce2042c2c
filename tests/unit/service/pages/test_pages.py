"""Every page, on every shape of study."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable

import pytest
from fastapi import Request, Response
from httpx import Client

from service.pages import assets
from service.pages.devices import TRIALS_SHOWN
from service.pages.trial import param_rows
from studies.contract.packing import PackReport
from studies.contract.states import StudyCommand
from studies.contract.worker_protocol import DeviceReport, SyncRequest
from studies.core.actions import OpenStage
from studies.errors import StorageUnavailable
from studies.storage.memory import MemoryStore
from studies.storage.memory_credentials import MemoryCredentials
from tests import builders as build
from tests import histories
from tests.builders import add_trials
from tests.contract.scenes import running_study
from tests.histories import HOSTILE, History
from tests.unit.service.figures.samples import trial
from tests.unit.service.pages.conftest import browser

FIGURES = ("lr-curves", "lr-loss", "batch-momentum", "decay", "live")


def empty(store: MemoryStore) -> History:
    return History(store, "empty")


def one_trial(store: MemoryStore) -> History:
    history = History(store, "one-trial")
    history.act(OpenStage("lr_sweep"), add_trials("lr=0.1"))
    return history


def paused(store: MemoryStore) -> History:
    history = histories.running(store, "paused")
    store.command(history.study_id, StudyCommand.PAUSE)
    return history


SHAPES: list[Callable[[MemoryStore], History]] = [
    empty,
    one_trial,
    paused,
    histories.running,
    histories.finished,
    histories.all_diverged,
    histories.with_gaps,
]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_page_part_and_figure_opens(store: MemoryStore, client: Client, shape) -> None:
    study = shape(store).study_id
    paths = ["/", "/workers", "/parts/studies", "/parts/workers", f"/studies/{study}"]
    paths += [f"/studies/{study}/parts/{part}" for part in ("header", "story", "controls", "trials")]
    for view in store.list_trials(study, limit=3).trials:
        paths += [f"/trials/{view.id}", f"/trials/{view.id}/parts/summary"]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for name in FIGURES:
        for theme in ("light", "dark"):
            drawing = client.get(f"/studies/{study}/figures/{name}.json?theme={theme}&smooth=20&logy=1").json()
            assert drawing["sentence"], name


@pytest.mark.parametrize("shape", [empty, one_trial])
def test_where_there_is_nothing_to_draw_a_sentence_says_so(store: MemoryStore, client: Client, shape) -> None:
    study = shape(store).study_id
    for name in ("lr-curves", "decay", "live"):
        drawing = client.get(f"/studies/{study}/figures/{name}.json").json()
        assert drawing["figure"] is None
        assert drawing["sentence"].endswith((".", "one does."))


def test_the_empty_list_tells_how_to_submit_a_study(client: Client) -> None:
    page = client.get("/").text
    assert "stagetune submit study.yaml --watch" in page
    assert "stagetune-worker --server http://127.0.0.1:8080" in page


def test_the_list_shows_state_stages_best_and_progress(store: MemoryStore, client: Client) -> None:
    histories.finished(store)
    page = client.get("/").text
    for text in ("digits-cnn", "state-completed", "Decay schedule", "29 of 29", "dev accuracy"):
        assert text in page
    assert re.search(r"just now|\d+ s ago", page)


@pytest.mark.parametrize(
    ("shape", "buttons"),
    [(histories.running, ["pause", "cancel"]), (paused, ["resume", "cancel"]), (histories.finished, [])],
)
def test_only_commands_that_make_sense_have_a_button(store, client: Client, shape, buttons: list[str]) -> None:
    history = shape(store)
    page = client.get(f"/studies/{history.study_id}/parts/header").text
    found = [c for c in ("approve", "resume", "pause", "cancel") if f'/{c}"' in page]
    assert sorted(found) == sorted(buttons)


def test_what_a_users_code_says_is_never_markup(store: MemoryStore, client: Client) -> None:
    history = histories.with_gaps(store)
    for view in store.list_trials(history.study_id).trials:
        page = client.get(f"/trials/{view.id}").text
        assert "<b>bold</b>" not in page
        assert '<a href="javascript' not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in client.get(f"/trials/{history.trial('lr=0.01').id}").text


def test_pages_have_no_inline_script_or_handler(store: MemoryStore, client: Client) -> None:
    study = histories.running(store).study_id
    for path in ("/", "/workers", f"/studies/{study}"):
        page = client.get(path).text
        assert page.count("<script") == 1
        assert '<script type="module" src="/static/' in page
        assert " onclick" not in page


def test_nothing_comes_from_another_host(store: MemoryStore, client: Client) -> None:
    page = client.get(f"/studies/{histories.finished(store).study_id}").text
    assert "//" not in page.replace("http://127.0.0.1:8080", "").replace("http://www.w3.org", "")


def test_under_a_sub_path_every_link_keeps_to_it(store: MemoryStore) -> None:
    study = histories.finished(store).study_id
    with browser(store, root_path="/tune") as client:
        page = client.get(f"/studies/{study}").text
        links = re.findall(r'(?:href|src|data-part|data-figure)="([^"]*)"', page)
        assert all(link.startswith(("/tune/", "#")) for link in links), links
        assert 'data-base="/tune"' in page
        script = next(link for link in links if link.endswith("main.js"))
        assert client.get(script.removeprefix("/tune")).status_code == 200


def test_a_parameter_is_shown_beside_its_parents() -> None:
    child = trial(1, params={"lr": 0.05, "batch_size": 64, "momentum": 0.9})
    parent = trial(0, params={"lr": 0.1, "batch_size": 64})
    assert [(row.name, row.value, row.was) for row in param_rows(child, parent)] == [
        ("lr", "0.05", "0.1"),
        ("batch size", "64", None),
        ("momentum", "0.9", "not set"),
    ]
    assert all(row.was is None for row in param_rows(child, None))


def test_a_trial_tells_parent_schedule_attempts_and_diagnosis(store: MemoryStore, client: Client) -> None:
    history = histories.finished(store)
    late = client.get(f"/trials/{history.trial('linear-late').id}").text
    for text in ("Varies trial", "linear to zero", "completed", "digits-cnn-node"):
        assert text in late
    hot = client.get(f"/trials/{history.trial('lr=1').id}").text
    assert "Usual causes" in hot


def test_a_crowded_device_lists_its_first_trials_and_counts_the_others(store: MemoryStore, client: Client) -> None:
    running_study(store, *(f"t{number}" for number in range(TRIALS_SHOWN + 7)))
    worker_id = store.register_worker(build.worker(capacity=1024))
    leases = store.sync(worker_id, build.sync()).leases
    pack = PackReport(run_class=leases[0].run.run_class, attempts=tuple(lease.attempt_id for lease in leases))
    status = DeviceReport(name=leases[0].device, capacity=1024, packs=(pack,))
    store.sync(worker_id, SyncRequest(attempts=tuple(map(build.report, leases)), devices=(status,)))
    page = client.get("/workers").text
    assert f"{TRIALS_SHOWN + 7} of 1,024 slots in use" in page
    assert f"{TRIALS_SHOWN + 7} runs" in page
    assert page.count('href="/trials/') == TRIALS_SHOWN
    assert "7 more trials run on this device" in page


def test_workers_show_what_runs(store: MemoryStore, client: Client) -> None:
    histories.running(store)
    page = client.get("/workers").text
    assert "in-progress-node" in page
    assert "of 64 slots in use" in page
    assert "lr " in page


@pytest.mark.parametrize("path", ["/studies/st_none", "/trials/tr_none", "/no/such/page", "/studies/%3Cscript%3E"])
def test_a_stale_link_gets_a_page_that_helps(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "all studies" in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", ["/compare?axis=%3Cb%3E", "/workers?window=2h", "/workers?page=none"])
def test_an_address_that_cannot_be_read_is_answered_with_a_page(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert "This address cannot be read" in answer.text
    assert "query." + path.partition("?")[2].partition("=")[0] in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/static/nothing/at/all.js"])
def test_programs_get_problems_not_pages(client: Client, path: str) -> None:
    answer = client.get(path, headers={"Accept": "*/*"})
    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["decay-probes", "joint-search", "confirm", "rungs"])
def test_a_figure_of_a_stage_that_a_study_does_not_have_is_empty(store: MemoryStore, client: Client, name: str) -> None:
    drawing = client.get(f"/studies/{histories.finished(store).study_id}/figures/{name}.json").json()
    assert drawing["figure"] is None
    assert drawing["sentence"]


def test_a_figure_comes_with_a_still_of_the_size_that_is_asked_for(store: MemoryStore, client: Client) -> None:
    history = histories.finished(store)
    trial = store.list_trials(history.study_id).trials[0].id
    paths = [f"/studies/{history.study_id}/figures/{name}.json?" for name in ("lr-curves", "batch-momentum", "live")]
    for path in (*paths, f"/trials/{trial}/figures/curve.json?", f"/compare/figures/curves.json?trials={trial}&"):
        assert 'viewBox="0 0 640 320"' in client.get(f"{path}still=640x320").json()["still"]
        assert client.get(path).json()["still"] == ""


@pytest.mark.parametrize("size", ["640", "640x320x1", "-1x300", "9x9", "99999x300"])
def test_a_still_of_no_size_is_refused(store: MemoryStore, client: Client, size: str) -> None:
    study = histories.finished(store).study_id
    assert client.get(f"/studies/{study}/figures/live.json?still={size}").status_code == 422


def test_an_unknown_figure_is_a_problem(store: MemoryStore, client: Client) -> None:
    answer = client.get(f"/studies/{empty(store).study_id}/figures/pie.json")
    assert answer.status_code == 404
    assert "lr-curves" in answer.json()["detail"]


def test_when_the_database_is_away_the_page_says_so() -> None:
    class Away:
        credentials = MemoryCredentials(time.time)

        def last_event_id(self) -> int:
            raise StorageUnavailable

    with browser(Away()) as client:
        answer = client.get("/")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "database does not answer" in answer.text


def test_static_files_are_cached_for_good_under_their_version(client: Client) -> None:
    path = f"/static/{assets.version()}/js/main.js"
    answer = client.get(path)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert client.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert client.get("/static/older/js/main.js").headers["cache-control"] == "no-cache"


def test_plotly_comes_from_the_package_compressed_for_whoever_takes_that() -> None:
    def ask(encoding: bytes) -> Response:
        request = Request({"type": "http", "headers": [(b"accept-encoding", encoding)]})
        return assets.plotly_file(request, assets.plotly_name())

    small, plain = ask(b"gzip, br"), ask(b"identity")
    assert small.headers["content-encoding"] == "gzip"
    assert "immutable" in small.headers["cache-control"]
    assert gzip.decompress(small.body) == plain.body
    assert b"plotly.js v" in plain.body[:200]
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("path", ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "js/none.js", ""])
def test_no_path_leads_out_of_the_static_folder(client: Client, path: str) -> None:
    assert client.get(f"/static/{assets.version()}/{path}").status_code == 404


def test_nan_never_reaches_a_figures_json(store: MemoryStore, client: Client) -> None:
    study = histories.with_gaps(store).study_id

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    for name in FIGURES:
        json.loads(client.get(f"/studies/{study}/figures/{name}.json").text, parse_constant=refuse)


def test_hostile_words_reach_no_figure_as_markup(store: MemoryStore, client: Client) -> None:
    study = histories.with_gaps(store).study_id
    assert all(HOSTILE not in client.get(f"/studies/{study}/figures/{name}.json").text for name in FIGURES)


def test_a_worker_that_is_held_back_says_why_and_can_be_released(store: MemoryStore, client: Client) -> None:
    worker_id = store.register_worker(build.worker("node-3"))
    page = client.get("/workers").text
    assert f"/api/v1/workers/{worker_id}/drain" in page
    assert "data-confirm" in page
    store.drain_worker(worker_id)
    page = client.get("/workers").text
    assert "Drained just now. Takes no new runs and has none left" in page
    assert f"/api/v1/workers/{worker_id}/release" in page
    assert "/drain" not in page


def test_a_trial_that_waits_says_why(store: MemoryStore, client: Client) -> None:
    study_id = running_study(store)
    (waiting,) = store.list_trials(study_id).trials
    assert "No worker is connected" in client.get(f"/trials/{waiting.id}").text


@pytest.mark.parametrize(("path", "says"), [("/", True), ("/workers", True), ("/no/such/page", False)])
def test_a_page_that_lives_says_what_it_cannot_do_without_javascript(client: Client, path: str, says: bool) -> None:
    assert ("need JavaScript" in client.get(path).text) is says
