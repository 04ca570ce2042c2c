"""A run's checkpoint as one file: a plain tar of what is needed to go on elsewhere, taken and opened with care.

checkpoint.pt, checkpoint.json   the task's checkpoint and its step
checkpoint/                      a function's or command's own files
delivered.json                   the last step whose metrics the server had acknowledged

Nothing in it is ever run or unpickled here. Only plain files under these names come out of an archive.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

FILES = ("checkpoint.pt", "checkpoint.json", "delivered.json")
FOLDER = "checkpoint"
CHECKPOINTS = ("checkpoint.pt", FOLDER)
"""Without one of these there is nothing to go on from."""

MAX_FILES = 10_000
READ_BYTES = 1024 * 1024

Fingerprint = tuple[tuple[str, int, int], ...]
"""Name, size and time of change (ns) of every file: equal while nothing was written."""


class BadArchive(Exception):
    """It is damaged, or holds what no checkpoint holds; the message says what."""


class Changed(Exception):
    """A file was written while the archive was taken: what was taken may be torn."""


@dataclass(frozen=True)
class Archive:
    """An archive on disk."""

    path: Path
    size: int
    sha256: str


def exists(directory: Path) -> bool:
    """Return whether a run directory has anything to go on from."""
    folder = directory / FOLDER
    return (directory / "checkpoint.pt").exists() or (folder.is_dir() and any(folder.iterdir()))


def fingerprint(directory: Path) -> Fingerprint:
    """Return what identifies the checkpoint as it stands; `delivered.json` moves all the time and is left out."""
    found = []
    for path in _files(directory):
        name = str(path.relative_to(directory))
        if name != "delivered.json":
            status = path.stat()
            found.append((name, status.st_size, status.st_mtime_ns))
    return tuple(found)


def take(directory: Path, target: Path, expected: Fingerprint) -> Archive:
    """Write the checkpoint of a run directory into one file.

    Raises:
        Changed: it is not, or did not stay, as `expected`.
        OSError: the disk is full.
    """
    try:
        with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
            for path in _files(directory):
                archive.add(path, str(path.relative_to(directory)), recursive=False)
        if fingerprint(directory) != expected:
            raise Changed
    except FileNotFoundError as fault:
        raise Changed from fault
    return Archive(target, target.stat().st_size, digest(target))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_in_place(archive: Path, directory: Path) -> None:
    """Replace the checkpoint of a run directory by that of an archive. No process may be at work there.

    Raises:
        BadArchive: nothing was changed.
        OSError: the disk is full; nothing was changed.
    """
    fresh = directory / ".incoming"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        _unpack(archive, fresh)
        if not exists(fresh):
            raise BadArchive("it holds no checkpoint")
        for name in (*FILES, FOLDER):
            _remove(directory / name)
            if (fresh / name).exists():
                (fresh / name).replace(directory / name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _unpack(archive: Path, target: Path) -> None:
    try:
        with tarfile.open(archive, "r:") as opened:
            for count, member in enumerate(opened):
                if count >= MAX_FILES:
                    raise BadArchive(f"it holds more than {MAX_FILES} files")
                _extract(opened, member, target / _confined(member))
    except (tarfile.TarError, EOFError, ValueError) as fault:
        raise BadArchive(f"it is damaged: {fault}") from fault


def _confined(member: tarfile.TarInfo) -> PurePosixPath:
    """Return the path of a plain file under a name that checkpoints have; everything else is refused."""
    path = PurePosixPath(member.name)
    known = member.name in FILES or (path.parts[:1] == (FOLDER,) and len(path.parts) > 1)
    if not known or path.is_absolute() or ".." in path.parts or "\0" in member.name:
        raise BadArchive(f"it holds {member.name[:100]!r}, which is no part of a checkpoint")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise BadArchive(f"{member.name[:100]!r} is no plain file")
    return path


def _extract(opened: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = opened.extractfile(member)
    if content is None:
        raise BadArchive(f"{member.name[:100]!r} is no plain file")
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file, READ_BYTES)
    if path.stat().st_size != member.size:
        raise BadArchive(f"{member.name[:100]!r} breaks off")


def _files(directory: Path) -> Iterator[Path]:
    """Yield the plain files of a checkpoint in a fixed order; links and other things are not part of it."""
    if not exists(directory):
        return
    for name in FILES:
        if (directory / name).is_file():
            yield directory / name
    for folder, subfolders, names in os.walk(directory / FOLDER):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
