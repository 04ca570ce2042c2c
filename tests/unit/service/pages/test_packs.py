"""Packs and profiles in words, and the workers page with none, one and many of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from httpx import Client

from service.pages.packs import Throughput, multi_process_service, pack_row, profile_rows, throughput, trained
from studies.contract.packing import EngineTiming, RunProfile
from studies.contract.views import AttemptView, DeviceView, PackView, ProfileView
from studies.storage.memory import MemoryStore
from studies.storage.port import TrialFace
from tests import histories
from tests.histories import HOSTILE

CLASS = "builtin/0123456789abcdef"


def _pack(**fields: Any) -> PackView:
    return PackView(**{"run_class": CLASS, "engine": "batched", "trials": ("a", "b"), **fields})


def _device(*packs: PackView, **fields: Any) -> DeviceView:
    known: dict[str, Any] = {"name": "cuda:0", "model": "H100", "memory_bytes": None, "memory_used_bytes": None}
    return DeviceView(**{**known, "capacity": 8, "packs": packs, **fields})


TRIALS = {
    "a": TrialFace("st", "digits", 0, {"lr": 0.1, "batch_size": 64}),
    "b": TrialFace("st", "digits", 1, {"lr": 0.01, "batch_size": 64}),
}


@pytest.mark.parametrize(
    ("fields", "mode", "facts"),
    [
        pytest.param({}, "Fused, batched layers", "2 runs", id="not measured yet"),
        pytest.param(
            {"samples_per_second": 12_345.6, "alone_rate": 2_000.0, "memory_bytes": 3 << 30},
            "Fused, batched layers",
            "2 runs · 12,346 samples/s · 6.2x one run alone · 3.0 GiB",
            id="measured",
        ),
        pytest.param({"engine": "serial", "trials": ("a",)}, "One process", "1 run", id="one process"),
        pytest.param({"engine": "serial_channels_last"}, "One process, channels last", "2 runs", id="channels last"),
        pytest.param({"trials": ()}, "Measuring", "", id="a probe"),
        pytest.param({"trials": ("gone",)}, "Fused, batched layers", "1 run", id="its trials are not listed"),
        pytest.param({"samples_per_second": 10.0, "alone_rate": 0.0}, "Fused, batched layers", "2 runs · 10 samples/s"),
    ],
)
def test_a_pack_in_words(fields: dict[str, Any], mode: str, facts: str) -> None:
    row = pack_row(_pack(**fields), TRIALS, {CLASS: "small_cnn on digits"})
    assert (row.mode, row.facts, row.about) == (mode, facts, "small_cnn on digits")


def test_members_say_in_what_they_differ_and_one_alone_says_all() -> None:
    both = pack_row(_pack(), TRIALS, {})
    assert [row.params for row in both.members] == ["lr 0.1", "lr 0.01"]
    (one,) = pack_row(_pack(trials=("b",)), TRIALS, {}).members
    assert one.params == "lr 0.01 · batch size 64"


@pytest.mark.parametrize(
    ("rates", "times", "words"),
    [
        pytest.param([(900.0, 300.0)], "3x", "2 together train 3x what one alone would: 900 samples/s.", id="one"),
        pytest.param(
            [(900.0, 300.0), (100.0, 200.0)],
            "3.5x",
            "4 together train 3.5x what one alone would: 1,000 samples/s.",
            id="two",
        ),
        pytest.param([(900.0, 300.0), (100.0, None)], "", "4 runs train 1,000 samples/s.", id="one of unknown gain"),
        pytest.param([(900.0, 300.0), (None, None)], "3x", "2 together train 3x what one alone would: 900 samples/s."),
    ],
)
def test_what_packs_train_together(rates: list[tuple[float | None, float | None]], times: str, words: str) -> None:
    packs = [_pack(samples_per_second=speed, alone_rate=alone) for speed, alone in rates]
    assert throughput(_device(*packs)) == Throughput(times, words)


def test_one_run_is_compared_with_what_was_measured_and_nothing_with_nothing() -> None:
    lone = throughput(_device(_pack(trials=("a",), samples_per_second=270.0, alone_rate=300.0)))
    assert lone == Throughput("0.9x", "One run trains 270 samples/s: 0.9x what was measured of one alone.")
    assert throughput(_device()) is None
    assert throughput(_device(_pack())) is None


@pytest.mark.parametrize(("mps", "words"), [(None, ""), (True, "MPS runs"), (False, "MPS does not run")])
def test_whether_mps_runs(mps: bool | None, words: str) -> None:
    assert multi_process_service(_device(mps=mps)).startswith(words)
    assert bool(multi_process_service(_device(mps=mps))) == bool(words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ""),
        ({"engine": "vmap", "width": 8}, "fused, vmap, one of up to 8"),
        ({"engine": "serial", "width": 1}, "one process"),
        ({"engine": "serial", "width": 1, "alone": True}, "one process, nothing beside it"),
        ({"alone": True}, "nothing beside it"),
    ],
)
def test_how_an_attempt_was_trained(fields: dict[str, Any], words: str) -> None:
    known = {"id": "at", "worker_id": "wk", "worker_name": "node", "device": "cpu", "state": "running"}
    assert trained(AttemptView(**known, started_at=0.0, **fields)) == words


def _profile(**fields: Any) -> ProfileView:
    profile = RunProfile(run_class=CLASS, device_model="H100", **fields)
    return ProfileView(label="small_cnn on digits", measured_at=0.0, profile=profile)


def test_a_profile_in_words() -> None:
    timings = (
        EngineTiming(engine="serial", samples_per_second=2_000.0, memory_bytes=1 << 30),
        EngineTiming(engine="batched", width=8, samples_per_second=9_000.0),
        EngineTiming(engine="vmap", width=8, refused="uses .item()"),
    )
    sizes = {"base_bytes": 1 << 30, "member_bytes": 64 << 20, "processes": 2}
    (row,) = profile_rows(
        [_profile(engine="batched", width=8, alone_rate=2_000.0, timings=timings, note="4.5x as fast", **sizes)]
    )
    assert (row.about, row.choice, row.note) == (
        "small_cnn on digits",
        "fused, batched layers, up to 8 runs at once",
        "4.5x as fast.",
    )
    assert row.facts == "1.0 GiB, 64.0 MiB for each further run · alone 2,000 samples/s · at most 2 side by side"
    assert [(item.speed, item.gain, item.memory) for item in row.timings] == [
        ("2,000", "1x", "1.0 GiB"),
        ("9,000", "4.5x", "—"),
        ("—", "—", "—"),
    ]
    assert row.timings[2].refused == "Uses .item()."


def test_a_profile_of_which_little_is_known() -> None:
    (row,) = profile_rows([_profile().model_copy(update={"label": ""})])
    assert (row.about, row.choice, row.facts, row.timings) == (CLASS, "one process", "", ())


def test_the_page_shows_packs_totals_and_what_was_measured(store: MemoryStore, client: Client) -> None:
    history = histories.packed(store)
    page = client.get("/workers").text
    for text in ("Fused, batched layers", "5 runs train 49,800 samples/s", "MPS runs", "57 % busy", "Measuring"):
        assert text in page
    assert "up to 8 runs at once" in page
    assert len(re.findall(rf"/trials/{history.trial('lr=0.1').id}\"", page)) == 1
    assert client.get("/parts/workers").status_code == 200
    attempt_page = client.get(f"/trials/{history.trial('lr=0.1').id}").text
    assert "Fused, batched layers, one of up to 4." in attempt_page


def test_what_a_worker_says_is_never_markup(store: MemoryStore, client: Client) -> None:
    histories.packed(store, note=HOSTILE)
    page = client.get("/workers").text
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold</b>" not in page
    assert '<a href="javascript' not in page


def test_without_packs_the_page_says_nothing_of_them(store: MemoryStore, client: Client) -> None:
    histories.running(store)
    page = client.get("/workers").text
    assert 'class="pack"' not in page
    assert "What was measured" not in page
