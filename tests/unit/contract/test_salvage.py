"""One report in many that cannot be read: its run fails, the others are taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from studies.contract.salvage import MAX_WORDS, salvaged
from studies.contract.worker_protocol import SyncRequest


def _report(number: int, **fields: Any) -> dict[str, Any]:
    return {"attempt_id": f"at_{number}", "token": f"token-{number}", **fields}


def _chunk(**fields: Any) -> dict[str, Any]:
    return {"name": "loss", "sequence": 0, "steps": [1], "values": [0.5], **fields}


def _salvaged(tree: dict[str, Any]) -> SyncRequest:
    body = json.loads(json.dumps(tree))
    with pytest.raises(ValidationError) as refused:
        SyncRequest.model_validate_json(json.dumps(tree))
    return salvaged(body, refused.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"metrics": [_chunk(name="no name")]}, "metrics.0.name: String should match pattern"),
        ({"metrics": [_chunk(), _chunk(sequence=-1)]}, "metrics.1.sequence"),
        ({"metrics": [_chunk(values=["x"])]}, "metrics.0.values"),
        ({"started_from": "far"}, "started_from"),
        ({"outcome": {"state": "exploded"}}, "outcome.state"),
        ({"surprise": 1}, "surprise: Extra inputs"),
    ],
)
def test_one_in_five_hundred(fields: dict[str, Any], said: str) -> None:
    reports = [_report(number, metrics=[_chunk()]) for number in range(500)]
    reports[250] = _report(250, **fields)
    found = {report.attempt_id: report for report in _salvaged({"attempts": reports}).attempts}
    assert len(found) == 500
    bad = found.pop("at_250")
    assert bad.outcome is not None
    assert (bad.token, bad.outcome.state, bad.metrics) == ("token-250", "failed", ())
    assert said in bad.outcome.reason
    assert all(report.outcome is None and len(report.metrics) == 1 for report in found.values())


def test_devices_and_profiles_that_cannot_be_read_are_left_out() -> None:
    devices = [{"name": "cpu", "capacity": 4}, {"name": "cuda:0", "capacity": -1}]
    found = _salvaged({"attempts": [_report(1)], "devices": devices, "profiles": [{"run_class": 3}]})
    assert [report.attempt_id for report in found.attempts] == ["at_1"]
    assert [device.name for device in found.devices] == ["cpu"]
    assert found.profiles == ()


def test_what_is_wrong_is_said_in_bounded_words() -> None:
    found = _salvaged({"attempts": [_report(1, **{f"key{n}": 1 for n in range(500)})]})
    (report,) = found.attempts
    assert report.outcome is not None
    assert len(report.outcome.reason) < 2 * MAX_WORDS


@pytest.mark.parametrize(
    "tree",
    [
        pytest.param({"attempts": [{"token": "t"}]}, id="nobody's report"),
        pytest.param({"attempts": [{"attempt_id": 3, "token": "t"}]}, id="a name that is none"),
        pytest.param({"attempts": [_report(1), _report(1)]}, id="an attempt twice"),
        pytest.param({"attempts": 3}, id="no list"),
        pytest.param({"surprise": 1, "attempts": [_report(1, surprise=1)]}, id="an unknown key"),
        pytest.param([], id="no object"),
    ],
)
def test_what_is_wrong_as_a_whole_is_refused(tree: Any) -> None:
    with pytest.raises(ValidationError):
        _salvaged(tree)
