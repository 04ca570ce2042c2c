"""A pack's folder: what it holds, what is left of it, and that it does not fill the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers import pack_folder
from workers.files import read_error
from workers.pack_folder import TAIL_BYTES, PackFolder
from workers.pack_protocol import PackOrder

ORDER = PackOrder(device="cpu", engine="batched", width=4, members=(("at_1", "/runs/tr_1"),))


def folder(root: Path, number: int = 0) -> PackFolder:
    made = PackFolder(root / "packs" / f"pk_{number}")
    made.prepare(ORDER)
    return made


def test_the_order_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert folder(tmp_path).read_order() == ORDER


def test_the_tail_is_the_end_of_what_was_printed(tmp_path: Path) -> None:
    pack = folder(tmp_path)
    assert pack.tail() == ""
    pack.log.write_bytes(b"first\n" + b"\xff" * TAIL_BYTES + b"last\n")
    assert pack.tail().endswith("last")
    assert "first" not in pack.tail()


def test_a_pack_that_ended_well_leaves_nothing(tmp_path: Path) -> None:
    pack = folder(tmp_path)
    pack.close("")
    assert not pack.path.exists()


def test_the_latest_of_those_that_ended_badly_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_folder, "MAX_KEPT", 2)
    live = folder(tmp_path, 99)
    for number in range(5):
        pack = folder(tmp_path, number)
        pack.close("killed by SIGKILL")
    assert sorted(path.name for path in (tmp_path / "packs").iterdir()) == ["pk_3", "pk_4", "pk_99"]
    assert live.read_order() == ORDER


def test_what_a_killed_worker_left_goes_after_a_week(tmp_path: Path) -> None:
    left, pack = folder(tmp_path, 1), folder(tmp_path, 2)
    os.utime(left.path, (0, 0))
    pack.close("killed by SIGKILL")
    assert not left.path.exists()


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    PackFolder(tmp_path / "packs" / "pk_never").close("the disk is full")


@pytest.mark.parametrize("left", [b"{", b"[1]", b'{"type": {"a": 1}}', b"\xff"])
def test_an_error_record_that_user_code_has_spoilt_is_none(tmp_path: Path, left: bytes) -> None:
    pack = folder(tmp_path)
    pack.error.write_bytes(left)
    assert pack.read_error() is None
    assert read_error(tmp_path / "nothing") is None
