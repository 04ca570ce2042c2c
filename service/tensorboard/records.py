"""TFRecords: length, checksum of the length, data, checksum of the data. Checksums are masked CRC-32C (Castagnoli)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8
HEAD = 12
"""Bytes of a record before its data."""

FOOT = 4
"""Bytes of a record behind its data."""

Bytes = NDArray[np.uint8]


@cache
def _table() -> NDArray[np.uint32]:
    """Return what each byte adds to a checksum, [256]."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


def crc32c(rows: Bytes) -> NDArray[np.uint32]:
    """Return the CRC-32C of each row of `rows` [n, bytes] as [n]."""
    crc = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    for column in rows.T:
        crc = _table()[(crc ^ column) & 0xFF] ^ (crc >> 8)
    return crc ^ np.uint32(0xFFFFFFFF)


def masked(crc: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return checksums as records hold them: turned and shifted, for data that itself holds checksums."""
    turned = (crc >> np.uint32(15)) | (crc << np.uint32(17))
    return np.asarray(turned + np.uint32(_MASK), np.uint32)


def checksums(rows: Bytes) -> NDArray[np.uint32]:
    return masked(crc32c(rows))


def record(data: bytes) -> bytes:
    """Return `data` as one record."""
    length = np.array([len(data)], "<u8")
    head = checksums(length.view(np.uint8).reshape(1, -1)).astype("<u4")
    foot = checksums(np.frombuffer(data, np.uint8).reshape(1, -1)).astype("<u4")
    return length.tobytes() + head.tobytes() + data + foot.tobytes()
