"""The words of packing: classes of runs, and what workers say of devices and packs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from studies.contract.packing import STACKABLE, EngineTiming, PackReport, RunProfile, class_label, run_class
from studies.contract.study_file import FunctionObjective
from studies.contract.worker_protocol import DeviceReport, Lease, SyncRequest
from tests import builders as build

SPEC = build.spec()
PARAMS: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "batch_size": 64}


def _class(objective: Any = SPEC.objective, optimizer: Any = "sgd", precision: Any = "float32", **params: Any) -> str:
    return run_class(objective, optimizer, precision, PARAMS | params)


@given(st.dictionaries(st.sampled_from(sorted(STACKABLE)), st.floats(0, 1)))
def test_what_can_be_stacked_does_not_tell_classes_apart(stackable: dict[str, float]) -> None:
    assert _class(**stackable) == _class()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"batch_size": 32}, id="batch size"),
        pytest.param({"optimizer": "adam"}, id="optimiser"),
        pytest.param({"precision": "bfloat16"}, id="precision"),
        pytest.param({"depth": 3}, id="a hyperparameter that shapes the model"),
        pytest.param({"objective": build.function_spec().objective}, id="objective"),
        pytest.param({"objective": FunctionObjective(kind="function", target="a.py:f", args={"x": 1})}, id="arguments"),
    ],
)
def test_everything_else_does(other: dict[str, Any]) -> None:
    assert _class(**other) != _class()


def test_the_order_of_hyperparameters_does_not_matter() -> None:
    assert run_class(SPEC.objective, "sgd", "float32", dict(reversed(PARAMS.items()))) == _class()


def test_a_class_begins_with_its_kind_and_is_a_name_that_profiles_accept() -> None:
    assert _class().startswith("builtin/")
    assert RunProfile(run_class=_class(), device_model="A").engine == "serial"
    assert run_class(build.function_spec().objective, "sgd", "float32", {}).startswith("function/")


def test_a_class_in_words() -> None:
    assert class_label(SPEC.objective, "sgd", "float32", PARAMS) == "small_cnn on digits, batch size 64, sgd"
    function = FunctionObjective(kind="function", target="train.py:train", args={"secret": "x"})
    words = class_label(function, "adam", "bfloat16", {"lr": 1.0, "depth": 3})
    assert words == "train.py:train, depth 3, adam, bfloat16"


@pytest.mark.parametrize(
    "profile",
    [
        {"run_class": "builtin/short", "device_model": "A"},
        {"run_class": "script/0123456789abcdef", "device_model": "A"},
        {"run_class": "builtin/0123456789abcdef", "device_model": "A", "width": 0},
        {"run_class": "builtin/0123456789abcdef", "device_model": "A", "alone_rate": float("inf")},
        {"run_class": "builtin/0123456789abcdef", "device_model": "A", "base_bytes": -1},
        {"run_class": "builtin/0123456789abcdef", "device_model": "A", "engine": "magic"},
    ],
)
def test_a_profile_that_cannot_be_is_refused(profile: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RunProfile.model_validate(profile)


@pytest.mark.parametrize(
    "report",
    [
        {"room": {"builtin": -1}},
        {"utilization": float("nan")},
        {"packs": [{"run_class": "builtin/0123456789abcdef", "samples_per_second": -1}]},
        {"packs": [{"run_class": "nonsense"}]},
        {"surprise": 1},
    ],
)
def test_a_device_report_that_cannot_be_is_refused(report: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DeviceReport.model_validate({"name": "cpu", "capacity": 1} | report)


def test_news_of_packs_and_profiles_come_back_from_json_as_they_were() -> None:
    timing = EngineTiming(engine="vmap", width=8, refused="uses .item()")
    profile = RunProfile(run_class=_class(), device_model="A", engine="batched", width=8, timings=(timing,))
    pack = PackReport(run_class=_class(), engine="batched", attempts=("at_1",), samples_per_second=10.0, note="fast")
    device = DeviceReport(name="cuda:0", capacity=8, room={_class(): 4, "function": 0}, packs=(pack,), mps=False)
    request = SyncRequest(devices=(device,), profiles=(profile,))
    assert SyncRequest.model_validate_json(request.model_dump_json()) == request


def test_workers_that_say_nothing_of_packs_are_understood() -> None:
    report = DeviceReport.model_validate({"name": "cpu", "capacity": 2})
    assert (report.room, report.packs, report.mps, report.utilization) == ({}, (), None, None)
    assert Lease.model_fields["alone"].default is False
