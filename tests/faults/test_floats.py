"""NaN, the infinities, 1e400 and -0.0 as metrics: kept as what they are, shown as gaps, and never a broken answer."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.settings import Settings
from studies.contract.views import CurveView
from studies.contract.worker_protocol import Lease, SyncAnswer
from studies.storage import StudyStore, open_store
from tests import builders as build
from tests.asgi import client_of
from tests.contract.scenes import running_study, take

ODD = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308]
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "1e400": math.inf, "-1e400": -math.inf}
"""What programs write into JSON for numbers that it does not have."""


@pytest.fixture
def store(sqlite_store_url: str) -> Iterator[StudyStore]:
    opened = open_store(sqlite_store_url)
    yield opened
    opened.close()


@pytest.fixture
def http(store: StudyStore) -> Iterator[httpx.Client]:
    app = create_app(Settings(database_url="sqlite:///unused"), store, tick=lambda: None)
    with client_of(app) as client:
        yield client


def leased(store: StudyStore) -> tuple[str, Lease]:
    """Return a fresh worker with the one trial of a fresh study."""
    running_study(store, spec=build.spec(f"s{store.last_event_id()}"))
    worker_id = store.register_worker(build.worker())
    return worker_id, take(store, worker_id)


def post(http: httpx.Client, worker_id: str, body: str) -> SyncAnswer:
    answer = http.post(f"/api/v1/workers/{worker_id}/sync", content=body)
    assert answer.status_code == 200, answer.text
    return SyncAnswer.model_validate_json(answer.content)


def strict(answer: httpx.Response) -> Any:
    """Parse as a browser does: NaN and Infinity are no JSON."""

    def refuse(constant: str) -> object:
        raise AssertionError(f"{constant} in {answer.url}")

    assert answer.status_code == 200, answer.text
    return json.loads(answer.content, parse_constant=refuse)


def alike(first: list[float], second: list[float]) -> bool:
    """Compare bit by bit, but for a NaN's payload."""
    return [repr(value) for value in first] == [repr(value) for value in second]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(values=ODD)
@given(values=st.lists(st.floats() | st.sampled_from(ODD), min_size=1, max_size=8))
def test_every_float_goes_to_the_database_and_back_and_no_page_breaks(
    http: httpx.Client, store: StudyStore, values: list[float]
) -> None:
    worker_id, lease = leased(store)
    points = dict(enumerate(values, 1))
    news = build.report(lease, build.chunk("loss", points), build.chunk("dev_accuracy", points), outcome="completed")
    answer = post(http, worker_id, build.sync(news, capacity=0).model_dump_json())
    assert answer.acknowledged == (lease.attempt_id,)
    assert alike(store.curve(lease.run.trial_id, "loss").values.tolist(), values)
    trial, study = f"/api/v1/trials/{lease.run.trial_id}", f"/api/v1/studies/{lease.run.study_id}"
    shown = http.get(f"{trial}/metrics", params={"name": "loss"})
    strict(shown)
    assert alike(list(CurveView.model_validate_json(shown.content).values), values)
    for path in (trial, study, f"{study}/trials", "/api/v1/studies"):
        strict(http.get(path))
    figure = strict(http.get(f"/trials/{lease.run.trial_id}/figures/curve.json"))
    assert all(value is None or math.isfinite(value) for value in drawn(figure))
    for page in (f"/studies/{lease.run.study_id}", f"/trials/{lease.run.trial_id}", "/"):
        assert http.get(page).status_code == 200


def drawn(figure: Any) -> Iterator[Any]:
    """Yield what the figure's traces draw upwards, if there is anything to draw; a None is a gap."""
    for trace in figure["figure"]["data"] if figure["figure"] else ():
        found = trace.get("y", [])
        yield from (value for value in found if not isinstance(value, str)) if isinstance(found, list) else ()


@pytest.mark.parametrize("quoted", [False, True], ids=["bare", "quoted"])
@pytest.mark.parametrize("word", WORDS)
def test_what_programs_write_for_such_numbers_is_understood(
    http: httpx.Client, store: StudyStore, word: str, quoted: bool
) -> None:
    worker_id, lease = leased(store)
    body = build.sync(build.report(lease, build.chunk("loss", {1: 123456.75}))).model_dump_json()
    post(http, worker_id, body.replace("123456.75", f'"{word}"' if quoted else word))
    assert alike(store.curve(lease.run.trial_id, "loss").values.tolist(), [WORDS[word]])
