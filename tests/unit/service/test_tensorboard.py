"""Event files, read back by another implementation's messages and checksums (tensorboardX)."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from httpx import Client
from hypothesis import given
from hypothesis import strategies as st
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
from tensorboardX.record_writer import masked_crc32c

from service.tensorboard import export
from service.tensorboard.messages import scalar_events, session_end, session_start, varint, version_event
from service.tensorboard.records import crc32c, record
from studies.storage.memory import MemoryStore
from tests import histories
from tests.histories import History


def read(data: bytes) -> Iterator[Event]:
    """Yield the events of a file; each record's checksums must be right."""
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        body, rest = data[12 : 12 + length], data[12 + length :]
        assert struct.unpack("<I", data[8:12])[0] == masked_crc32c(data[:8])
        assert struct.unpack("<I", rest[:4])[0] == masked_crc32c(body)
        yield Event.FromString(body)
        data = rest[4:]


def test_a_checksum_is_the_known_one() -> None:
    rows = np.frombuffer(b"123456789" + bytes(9), np.uint8).reshape(2, 9)
    assert [hex(value) for value in crc32c(rows)] == ["0xe3069283", hex(_crc(bytes(9)))]


def _crc(data: bytes) -> int:
    """Bit by bit, as the standard has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@given(st.binary(max_size=300))
def test_any_data_is_a_record(data: bytes) -> None:
    assert struct.unpack("<Q", (whole := record(data))[:8])[0] == len(data)
    assert whole[12:-4] == data
    assert struct.unpack("<I", whole[-4:])[0] == masked_crc32c(data)


@given(
    tag=st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", fullmatch=True),
    points=st.lists(
        st.tuples(st.integers(0, 2**31 - 1), st.floats(width=32), st.floats(0, 4e9)), min_size=1, max_size=20
    ),
)
def test_every_point_comes_back(tag: str, points: list[tuple[int, float, float]]) -> None:
    steps, values, times = zip(*points, strict=True)
    events = list(read(scalar_events(tag, steps, values, times)))
    assert [event.step for event in events] == list(steps)
    assert [event.wall_time for event in events] == list(times)
    assert all(event.summary.value[0].tag == tag for event in events)
    found = [event.summary.value[0].simple_value for event in events]
    assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(found, values, strict=True))


def test_a_value_beyond_single_precision_is_infinite_and_no_points_are_no_bytes() -> None:
    (event,) = read(scalar_events("loss", [1], [1e300], [0.0]))
    assert event.summary.value[0].simple_value == math.inf
    assert scalar_events("loss", [], [], []) == b""


@pytest.mark.parametrize(("value", "data"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_numbers_in_groups_of_seven_bits(value: int, data: bytes) -> None:
    assert varint(value) == data


def _plugin(data: bytes) -> HParamsPluginData:
    (event,) = read(data)
    (value,) = event.summary.value
    assert value.metadata.plugin_data.plugin_name == "hparams"
    return HParamsPluginData.FromString(value.metadata.plugin_data.content)


def test_hyperparameters_are_there_for_the_hparams_tab() -> None:
    params = {"lr": 0.01, "batch_size": 64, "nesterov": True, "act": "gelu \u202e <b>", "": ""}
    start = _plugin(session_start(params, "group", 12.5)).session_start_info
    found = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}
    assert found == params
    assert (start.group_name, start.start_time_secs) == ("group", 12.5)
    assert _plugin(session_end("failure", 3.0)).session_end_info.status == 2
    (version,) = read(version_event(1.0))
    assert version.file_version == "brain.Event:2"


# --- a trial's file over the API ------------------------------------------------------------------------------------


def _file(http: Client, trial_id: str) -> list[Event]:
    answer = http.get(f"/api/v1/trials/{trial_id}/tensorboard")
    assert 'filename="events.out.tfevents.' in answer.headers["content-disposition"]
    return list(read(answer.content))


def _scalars(events: list[Event], tag: str) -> list[tuple[int, float]]:
    values = ((event.step, value) for event in events for value in event.summary.value)
    return [(step, value.simple_value) for step, value in values if value.tag == tag]


def test_a_trials_file_has_all_that_was_reported(store: MemoryStore, http: Client, monkeypatch) -> None:
    monkeypatch.setattr(export, "POINTS", 100)
    trial = histories.finished(store).trial("linear-late")
    events = _file(http, trial.id)
    assert events[0].file_version == "brain.Event:2"
    for name in trial.metrics:
        whole = store.curve(trial.id, name)
        assert [step for step, _ in _scalars(events, name)] == whole.steps.tolist()
        assert [value for _, value in _scalars(events, name)] == whole.values.astype(np.float32).tolist()
    assert trial.started_at is not None
    times = [event.wall_time for event in events]
    assert min(times) >= trial.started_at
    assert len(_scalars(events, "_hparams_/session_end_info")) == 1


@pytest.mark.parametrize("shape", [histories.all_diverged, histories.running, histories.with_gaps])
def test_every_shape_of_study_can_be_written(
    store: MemoryStore, http: Client, shape: Callable[[MemoryStore], History]
) -> None:
    for trial in store.list_trials(shape(store).study_id, limit=12).trials:
        assert len(_file(http, trial.id)) == 3 + sum(summary.count for summary in trial.metrics.values())


def test_trials_that_differ_in_their_seed_alone_are_one_group(store: MemoryStore, http: Client) -> None:
    history = histories.finished(store)
    first, second = (history.trial(key) for key in ("lr=0.1", "lr=0.03"))
    detail = store.get_trial(first.id)
    assert export._group(detail) == export._group(detail.model_copy(update={"seed": 7}))
    assert export._group(detail) != export._group(store.get_trial(second.id))


def test_a_trial_that_is_not_there_is_a_problem(http: Client) -> None:
    for name in ("tensorboard", "run", "log.txt"):
        answer = http.get(f"/api/v1/trials/tr_none/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_the_whole_log_is_a_file(store: MemoryStore, http: Client) -> None:
    trial = histories.with_gaps(store).trial("lr=0.1")
    answer = http.get(f"/api/v1/trials/{trial.id}/log.txt")
    assert answer.text == histories.HOSTILE
    assert answer.headers["content-disposition"] == 'attachment; filename="with-gaps-0.log"'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
