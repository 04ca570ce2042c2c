"""Copying an SQLite database while it is in use, into one file that is whole or not there."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from studies.errors import StagetuneError, StorageFull, StorageUnavailable
from studies.storage.sql.failures import PRIMARY


def back_up(database: Path, target: Path) -> int:
    """Copy `database` as it is at one moment to `target`, check the copy, and return its size in bytes.

    Servers go on reading and writing meanwhile: the copy is taken by SQLite's own online backup in one read
    transaction, so that writers do not wait for it. It is written beside the target under another name, and takes the
    target's name when it is complete, checked and on the disk. Its owner alone may read it.

    Raises:
        StagetuneError: there is no such database, the target is there already, or its folder cannot be written.
        StorageFull: no room for the copy.
        StorageUnavailable: the database cannot be read, or is damaged.
    """
    if not database.is_file():
        raise StagetuneError(f"There is no database {database}: name one with --database-url.")
    if target.exists():
        raise _taken(target)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")  # mode 0600
    except OSError as error:
        raise StagetuneError(f"{target} cannot be written ({error.strerror}): choose another place.") from error
    os.close(handle)
    partial = Path(name)
    try:
        _copy(database, partial)
        check_file(partial)
        _publish(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target.stat().st_size


def _copy(database: Path, partial: Path) -> None:
    """Copy in one step: in steps, every write of a server would begin it anew."""
    try:
        with (
            closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(partial)) as copy,
        ):
            source.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & PRIMARY in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise StorageFull(f"No room for a copy of {database} ({error}): choose another disk.") from error
        raise StorageUnavailable(f"{database} cannot be copied: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise StorageUnavailable(f"{database} cannot be copied: {error}. Restore an earlier backup.") from error


def check_file(database: Path) -> None:
    """Return when SQLite finds nothing wrong with the file: neither its pages and indexes nor its references.

    Raises:
        StorageUnavailable: the file is damaged; the message tells the first fault.
    """
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
            dangling = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise StorageUnavailable(f"{database} is damaged: {error}. Restore an earlier backup.") from error
    if found != ["ok"]:
        raise StorageUnavailable(f"{database} is damaged: {found[0]}. Restore an earlier backup.")
    if dangling is not None:
        raise StorageUnavailable(f"{database} is damaged: rows of {dangling[0]} refer to nothing.")


def _publish(partial: Path, target: Path) -> None:
    """Give the copy its name, unless somebody was faster with that name, and see both to the disk."""
    _to_disk(partial)
    try:
        os.link(partial, target)  # unlike a rename, it never replaces
    except FileExistsError:
        raise _taken(target) from None
    except OSError:  # the disks that people carry backups away on (FAT, some of the network) know no links
        if target.exists():
            raise _taken(target) from None
        partial.rename(target)
    _to_disk(target.parent)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _taken(target: Path) -> StagetuneError:
    return StagetuneError(f"{target} is there already and is not overwritten: choose another name.")
