from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from service.app import create_app
from service.client import ApiClient, ApiError, ApiProblem, NoServer
from service.settings import Settings
from studies.contract.states import StudyCommand, StudyState
from studies.contract.study_document import to_yaml
from studies.core.actions import OpenStage
from studies.storage.memory import MemoryStore
from tests.asgi import BASE_URL, running
from tests.builders import add_trials, chunk, report, spec, sync, worker

YAML = to_yaml(spec()).encode()


@pytest.fixture
def client(store: MemoryStore, settings: Settings) -> Iterator[ApiClient]:
    app = create_app(settings, store, tick=lambda: None)
    with running(app) as transport, ApiClient(BASE_URL + "/", transport=transport) as found:
        yield found


def test_a_study_is_submitted_found_and_commanded(client: ApiClient) -> None:
    study = client.submit(YAML, "application/yaml", idempotency_key="k")
    assert client.submit(YAML, "application/yaml", idempotency_key="k").id == study.id
    assert [found.id for found in client.studies("digits-cnn")] == [study.id]
    assert client.command(study.id, StudyCommand.PAUSE).state == StudyState.PAUSED
    assert client.study(study.id).state == StudyState.PAUSED
    assert client.decisions(study.id) == []


def test_trials_are_read_page_by_page(client: ApiClient, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.client.PAGE", 2)
    study_id = store.create_study(spec()).study_id
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), add_trials(*"abcde")])
    assert [trial.key for trial in client.trials(study_id)] == list("abcde")


def test_a_trial_its_curve_and_its_worker(client: ApiClient, store: MemoryStore) -> None:
    study_id = store.create_study(spec()).study_id
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), add_trials()])
    worker_id = store.register_worker(worker())
    (lease,) = store.sync(worker_id, sync()).leases
    store.sync(worker_id, sync(report(lease, chunk("loss", {1: 1.0, 2: float("inf")}))))
    assert client.trial(lease.run.trial_id).attempts[0].worker_id == worker_id
    assert client.curve(lease.run.trial_id, "loss", 10).values == (1.0, float("inf"))
    assert [found.id for found in client.workers()] == [worker_id]


def test_an_export_is_read_in_pieces(client: ApiClient, store: MemoryStore) -> None:
    study_id = store.create_study(spec()).study_id
    with client.export(study_id, "csv") as pieces:
        assert b"".join(pieces).startswith(b"number,id,stage")


def test_a_refusal_carries_the_servers_words(client: ApiClient) -> None:
    with pytest.raises(ApiProblem, match="mend every fault") as caught:
        client.submit(b"name: x\nbudgets: 1\n", "application/yaml")
    assert caught.value.code == "invalid-study"
    assert any(fault.startswith("budgets: ") for fault in caught.value.faults)


def test_a_refused_export_says_why(client: ApiClient) -> None:
    with pytest.raises(ApiProblem) as caught, client.export("st_none", "csv"):
        raise AssertionError("nothing to read")
    assert caught.value.code == "not-found"


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> ApiClient:
    return ApiClient("http://somewhere", token="t", transport=httpx.MockTransport(answer))


def test_no_server_says_how_to_start_one() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    with answering(refuse) as client, pytest.raises(NoServer, match="no server at http://somewhere: start one with"):
        client.studies()


def test_a_connection_that_breaks_is_said_plainly() -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("timed out", request=request)

    with answering(break_off) as client, pytest.raises(ApiError, match="did not answer properly"):
        client.studies()


@pytest.mark.parametrize("answer", [httpx.Response(502, text="<html>"), httpx.Response(200, text="<html>")])
def test_what_is_no_stagetune_server_is_told_from_one(answer: httpx.Response) -> None:
    def stranger(request: httpx.Request) -> httpx.Response:
        answer.request = request
        return answer

    with answering(stranger) as client, pytest.raises(ApiError, match=r"Stagetune server|version of stagetune"):
        client.studies()


def test_the_token_travels_in_the_header_alone() -> None:
    def look(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer t"
        assert "t" not in request.url.params
        return httpx.Response(200, text="[]", request=request)

    with answering(look) as client:
        assert client.workers() == []


def test_an_address_without_its_scheme_is_said_plainly() -> None:
    with ApiClient("somewhere:8080") as client, pytest.raises(ApiError, match="write it as http://HOST:PORT"):
        client.studies()
