from __future__ import annotations

import csv
import io
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.export import neutral
from studies.core.actions import EndTrial, OpenStage
from studies.storage.memory import MemoryStore
from tests.builders import add_trials, chunk, proposal, report, spec, sync, worker


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("", ""),
        ("lr=0.1", "lr=0.1"),
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-0.5", "-0.5"),
        ("+1e-05", "+1e-05"),
        ("-inf", "'-inf"),
        ("-1\n", "'-1\n"),
    ],
)
def test_no_cell_is_taken_for_a_formula(cell: str, written: str) -> None:
    assert neutral(cell) == written


@given(st.text(), st.sampled_from("=+-@\t\r"))
def test_what_begins_like_a_formula_is_prefixed_or_a_number(text: str, start: str) -> None:
    cell = neutral(start + text)
    assert cell.startswith("'") or float(cell) == float(start + text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_stay_numbers(value: float) -> None:
    assert neutral(str(value)) == str(value)


@pytest.fixture
def study_id(store: MemoryStore) -> str:
    """A study with three trials: one with a curve, one that ended for a hostile reason, one that waits."""
    study_id = store.create_study(spec()).study_id
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), add_trials("a", "=b", "c")])
    worker_id = store.register_worker(worker())
    (lease,) = store.sync(worker_id, sync()).leases
    store.sync(worker_id, sync(report(lease, chunk("loss", {1: 2.0, 2: float("nan")}))))
    second = store.list_trials(study_id).trials[1]
    end = EndTrial(second.id, "pruned", '=HYPERLINK("http://evil.example"), "quoted"\nsecond line')
    store.apply(study_id, store.load(study_id).version, [end])
    return study_id


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_csv_has_a_row_per_trial_and_a_column_per_value(http: httpx.Client, study_id: str) -> None:
    answer = http.get(f"/api/v1/studies/{study_id}/export?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="digits-cnn.csv"'
    first, second, third = rows(answer)
    assert (first["number"], first["key"], first["params.lr"], first["metrics.loss.last"]) == ("0", "a", "0.1", "nan")
    assert first["metrics.loss.minimum"] == "2.0"
    assert second["key"] == "'=b"
    assert second["ended_because"].startswith("'=HYPERLINK(")
    assert (third["state"], third["metrics.loss.last"]) == ("waiting", "")


def test_json_is_one_document_with_everything(http: httpx.Client, study_id: str) -> None:
    answer = http.get(f"/api/v1/studies/{study_id}/export?format=json")
    document = json.loads(answer.text)
    assert document.keys() == {"study", "decisions", "trials"}
    assert [trial["number"] for trial in document["trials"]] == [0, 1, 2]
    assert document["trials"][0]["metrics"]["loss"]["last"] == "NaN"


def test_more_trials_than_a_page_are_all_there(
    http: httpx.Client, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.export.PAGE", 2)
    study_id = store.create_study(spec("paged")).study_id
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), add_trials(*"abcde")])
    found = rows(http.get(f"/api/v1/studies/{study_id}/export?format=csv"))
    assert [row["key"] for row in found] == list("abcde")


def test_a_study_without_trials_is_a_header(http: httpx.Client, store: MemoryStore) -> None:
    study_id = store.create_study(spec("empty")).study_id
    assert rows(http.get(f"/api/v1/studies/{study_id}/export?format=csv")) == []
    assert http.get(f"/api/v1/studies/{study_id}/export").json()["trials"] == []


def test_columns_are_those_that_any_trial_has(http: httpx.Client, store: MemoryStore) -> None:
    study_id = store.create_study(spec("mixed")).study_id
    adam = add_trials("adam", params={"lr": 0.001})
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), add_trials("sgd"), adam])
    first, second = rows(http.get(f"/api/v1/studies/{study_id}/export?format=csv"))
    assert (first["params.momentum"], second["params.momentum"]) == (str(proposal().params["momentum"]), "")
