"""Filters and orders over the API: what is answered, and what is refused."""

from __future__ import annotations

import httpx
import pytest

from studies.core.actions import AddTrials, OpenStage
from studies.storage.memory import MemoryStore
from tests.builders import proposal, spec


@pytest.fixture
def path(store: MemoryStore) -> str:
    study_id = store.create_study(spec()).study_id
    trials = tuple(proposal(f"k{n}", params={"lr": (3.0, 1.0, 2.0)[n], "momentum": 0.9}) for n in range(3))
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), AddTrials("lr_sweep", trials)])
    return f"/api/v1/studies/{study_id}/trials"


@pytest.mark.parametrize(
    ("query", "numbers", "total"),
    [
        ({}, [0, 1, 2], None),
        ({"filter": "lr > 1"}, [0, 2], 2),
        ({"sort": "lr"}, [1, 2, 0], 3),
        ({"sort": "lr", "order": "desc", "limit": 2}, [0, 2], 3),
        ({"order": "desc"}, [2, 1, 0], 3),
        ({"offset": 1, "limit": 1}, [1], 3),
        ({"filter": "lr > 1", "sort": "lr", "offset": 1}, [0], 2),
    ],
)
def test_what_is_asked_is_answered(
    http: httpx.Client, path: str, query: dict[str, str | int], numbers: list[int], total: int | None
) -> None:
    answer = http.get(path, params=query).json()
    assert ([trial["number"] for trial in answer["trials"]], answer["total"]) == (numbers, total)


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        (
            {"filter": "lr < 1 and stat = failed"},
            "invalid-filter",
            "Column 12: unknown name 'stat': did you mean state?",
        ),
        ({"filter": "lr <"}, "invalid-filter", "Column 5: a value is missing here."),
        ({"sort": "speed"}, "invalid-filter", "Column 1: unknown name 'speed'"),
        ({"filter": "lr < 1", "after": 2}, "invalid-request", "use `offset`"),
        ({"order": "up"}, "invalid-request", ""),
        ({"filter": "a" * 1_001}, "invalid-request", ""),
        ({"offset": -1}, "invalid-request", ""),
    ],
)
def test_what_cannot_be_asked_is_refused(
    http: httpx.Client, path: str, query: dict[str, str | int], code: str, says: str
) -> None:
    answer = http.get(path, params=query)
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{code}")
    assert says in answer.json()["detail"]


def test_a_file_has_what_is_asked_for(http: httpx.Client, path: str) -> None:
    export = path.replace("/trials", "/export")
    asked = {"filter": "lr > 1", "sort": "lr"}
    assert [trial["key"] for trial in http.get(export, params=asked).json()["trials"]] == ["k2", "k0"]
    table = http.get(export, params={"format": "csv", "columns": "key,lr,dev_accuracy,max(loss)", **asked})
    assert table.text == "key,lr,dev_accuracy,max(loss)\r\nk2,2,,\r\nk0,3,,\r\n"
    assert http.get(export, params={"format": "csv", "columns": "nobody"}).status_code == 422
