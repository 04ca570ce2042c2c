"""A checkpoint as one file: what goes in, what comes out, and what never may."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from workers.archive import BadArchive, Changed, digest, exists, fingerprint, put_in_place, take


def checkpoint(directory: Path) -> Path:
    (directory / "checkpoint/deep").mkdir(parents=True)
    (directory / "checkpoint.pt").write_bytes(b"tensors")
    (directory / "checkpoint.json").write_text('{"step": 7}')
    (directory / "delivered.json").write_text('{"step": 6}')
    (directory / "checkpoint/deep/state").write_bytes(b"mine")
    (directory / "run.log").write_text("not part of it")
    (directory / "checkpoint/link").symlink_to("/etc/passwd")
    return directory


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_what_is_taken_here_is_there_afterwards_and_nothing_else(tmp_path: Path) -> None:
    here, there = checkpoint(tmp_path / "here"), tmp_path / "there"
    (there / "checkpoint").mkdir(parents=True)
    (there / "checkpoint/old").touch()
    (there / "run.log").write_text("stays")
    archive = take(here, tmp_path / "a.tar", fingerprint(here))
    assert (archive.size, archive.sha256) == (archive.path.stat().st_size, digest(archive.path))
    put_in_place(archive.path, there)
    assert contents(there) == {
        "checkpoint.pt": b"tensors",
        "checkpoint.json": b'{"step": 7}',
        "delivered.json": b'{"step": 6}',
        "checkpoint/deep/state": b"mine",
        "run.log": b"stays",
    }


def test_what_was_written_meanwhile_is_not_taken(tmp_path: Path) -> None:
    here = checkpoint(tmp_path / "here")
    before = fingerprint(here)
    (here / "checkpoint/deep/state").write_bytes(b"newer")
    with pytest.raises(Changed):
        take(here, tmp_path / "a.tar", before)


def test_without_a_checkpoint_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "delivered.json").touch()
    assert not exists(tmp_path)
    assert fingerprint(tmp_path) == ()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "info",
    [
        member("../../evil"),
        member("/etc/evil"),
        member("checkpoint/../../evil"),
        member("run.json"),
        member("checkpoint"),
        member("checkpoint.pt", tarfile.SYMTYPE, "/etc/passwd"),
        member("checkpoint/hard", tarfile.LNKTYPE, "checkpoint.pt"),
        member("checkpoint/device", tarfile.CHRTYPE),
        member("checkpoint/pipe", tarfile.FIFOTYPE),
        member("checkpoint/folder", tarfile.DIRTYPE),
        member("checkpoint/sparse", tarfile.GNUTYPE_SPARSE),
    ],
    ids=lambda info: f"{info.name} {info.type.decode()}",
)
def test_only_plain_files_of_a_checkpoint_come_out(tmp_path: Path, info: tarfile.TarInfo) -> None:
    path, home = tmp_path / "a.tar", checkpoint(tmp_path / "home")
    before = contents(home)
    with tarfile.open(path, "w") as archive:
        archive.addfile(info, io.BytesIO())
    with pytest.raises(BadArchive):
        put_in_place(path, home)
    assert contents(home) == before
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("torn", [0, 100, 600, -1200])
def test_a_damaged_archive_changes_nothing(tmp_path: Path, torn: int) -> None:
    here, there = checkpoint(tmp_path / "here"), checkpoint(tmp_path / "there")
    (here / "checkpoint.pt").write_bytes(b"x" * 5000)
    archive = take(here, tmp_path / "a.tar", fingerprint(here))
    whole = archive.path.read_bytes()
    archive.path.write_bytes(whole[:torn] if torn >= 0 else b"\xff" * 1200 + whole[1200:])
    before = contents(there)
    with pytest.raises(BadArchive):
        put_in_place(archive.path, there)
    assert contents(there) == before
