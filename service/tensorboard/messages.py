"""The few messages of an event file, written by hand in protobuf's wire format (tag, then value).

Field numbers are those of TensorBoard's ``event.proto``, ``summary.proto`` and ``plugins/hparams/plugin_data.proto``.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from service.tensorboard.records import FOOT, HEAD, checksums, record
from studies.contract.base import Scalar

VERSION = "brain.Event:2"
HPARAMS = "hparams"
_VARINT, _DOUBLE, _BYTES, _SINGLE = 0, 1, 2, 5
_STEP_BYTES = 5
"""A step takes as many bytes whatever it is, so that all points of a curve are of one length; 35 bits are enough."""

Status = Literal["success", "failure", "running"]
_STATUS: Mapping[Status, int] = {"success": 1, "failure": 2, "running": 3}


# --- the wire format ---------------------------------------------------------------------------------------------


def _key(field: int, kind: int) -> bytes:
    return varint(field << 3 | kind)


def varint(value: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first."""
    parts = []
    while value > 0x7F:  # noqa: PLR2004 - what seven bits hold
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _text(field: int, value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _key(field, _BYTES) + varint(len(data)) + data


def _number(field: int, value: float) -> bytes:
    return _key(field, _DOUBLE) + struct.pack("<d", value)


# --- events ------------------------------------------------------------------------------------------------------


def version_event(wall_time: float) -> bytes:
    """Return the record that every event file begins with."""
    return record(_number(1, wall_time) + _text(3, VERSION))


def scalar_events(tag: str, steps: ArrayLike, values: ArrayLike, wall_times: ArrayLike) -> bytes:
    """Return the records of a curve.

    Args:
        tag: the metric's name, at most 64 characters of ASCII.
        steps: int [n], below 2 to the 35th.
        values: float [n], kept as float32.
        wall_times: float [n], seconds since 1970.
    """
    values = np.asarray(values, np.float64)
    layout, fixed = _layout(tag)
    events = np.zeros(len(values), layout)
    for name, value in fixed.items():
        events[name] = value
    events["wall_time"], events["step"] = wall_times, _padded(steps)
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite to TensorBoard
        events["value"] = values
    raw = events.view(np.uint8).reshape(len(values), layout.itemsize)
    events["length_checksum"] = checksums(raw[:, :8])
    events["checksum"] = checksums(raw[:, HEAD:-FOOT])
    return events.tobytes()


def _layout(tag: str) -> tuple[np.dtype[np.void], dict[str, bytes | int]]:
    """Return how a point lies in its record, and those of its parts that are the same for all points."""
    head = _text(1, tag) + _key(2, _SINGLE)
    around = _key(5, _BYTES) + varint(len(head) + 4 + 2) + _key(1, _BYTES) + varint(len(head) + 4) + head
    fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = [
        ("length", "<u8"),
        ("length_checksum", "<u4"),
        ("wall_time_key", "u1"),
        ("wall_time", "<f8"),
        ("step_key", "u1"),
        ("step", "u1", (_STEP_BYTES,)),
        ("around", f"S{len(around)}"),
        ("value", "<f4"),
        ("checksum", "<u4"),
    ]
    layout = np.dtype(fields)
    return layout, {
        "length": layout.itemsize - HEAD - FOOT,
        "wall_time_key": _key(1, _DOUBLE)[0],
        "step_key": _key(2, _VARINT)[0],
        "around": around,
    }


def _padded(steps: ArrayLike) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Return each step as a varint of `_STEP_BYTES` bytes, [n, bytes]: leading zeros are as good as none."""
    places = np.arange(_STEP_BYTES)
    groups = np.asarray(steps, np.int64)[:, None] >> (7 * places) & 0x7F
    return (groups | np.where(places < _STEP_BYTES - 1, 0x80, 0)).astype(np.uint8)


# --- the HParams plugin --------------------------------------------------------------------------------------------


def session_start(params: Mapping[str, Scalar], group: str, wall_time: float) -> bytes:
    """Return the record that says with which hyperparameters a run began; runs of one `group` are averaged."""
    entries = b"".join(_text(1, _text(1, name) + _text(2, _value(value))) for name, value in params.items())
    info = entries + _text(4, group) + _number(5, wall_time)
    return _plugin_event("_hparams_/session_start_info", _text(3, info), wall_time)


def session_end(status: Status, wall_time: float) -> bytes:
    """Return the record that says how a run stands."""
    info = _key(1, _VARINT) + varint(_STATUS[status]) + _number(2, wall_time)
    return _plugin_event("_hparams_/session_end_info", _text(4, info), wall_time)


def _value(value: Scalar) -> bytes:
    if isinstance(value, bool):
        return _key(4, _VARINT) + varint(int(value))
    return _text(3, value) if isinstance(value, str) else _number(2, float(value))


def _plugin_event(tag: str, content: bytes, wall_time: float) -> bytes:
    plugin = _text(1, HPARAMS) + _text(2, content)
    value = _text(1, tag) + _text(9, _text(1, plugin))
    return record(_number(1, wall_time) + _text(5, _text(1, value)))
