"""A backup is one moment of a database in use, whole or not there, and a server goes on from it."""

from __future__ import annotations

import errno
import shlex
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.app import create_app
from service.cli import main
from service.client import ApiClient
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.worker_protocol import Lease
from studies.errors import StagetuneError, StorageFull, StorageUnavailable
from studies.storage import open_store
from studies.storage.sql import backup
from studies.storage.sql.backup import back_up, check_file
from studies.storage.sql.store import SqlStore
from tests import builders as build
from tests.contract.scenes import finish, running_study, take

ROOT = Path(__file__).parents[2]
TARGET = "backup.db"


@pytest.fixture
def database(sqlite_store_url: str) -> Path:
    return Path(sqlite_store_url.removeprefix("sqlite:///"))


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Stagetune = Callable[..., Ran]


@pytest.fixture
def stagetune(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stagetune:
    """Run the command line in a folder of its own."""

    def call(*arguments: str) -> Ran:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["stagetune", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ran(int(ended.value.code or 0), *capsys.readouterr())

    return call


@contextmanager
def reporting(store: SqlStore, worker_id: str, lease: Lease) -> Iterator[Callable[[], int]]:
    """Report point after point meanwhile; yields how many were acknowledged so far."""
    ended, acknowledged = threading.Event(), [0]

    def report() -> None:
        while not ended.is_set():
            number = acknowledged[0]
            chunk = build.chunk("loss", {number: float(number)}, sequence=number)
            store.sync(worker_id, build.sync(build.report(lease, chunk), capacity=0))
            acknowledged[0] += 1

    writer = threading.Thread(target=report)
    writer.start()
    try:
        yield lambda: acknowledged[0]
    finally:
        ended.set()
        writer.join(30)


def test_a_backup_taken_while_points_arrive_is_served_while_more_arrive(
    sqlite_store_url: str, database: Path, tmp_path: Path
) -> None:
    store = SqlStore(sqlite_store_url)
    study_id = running_study(store, "a")
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    with reporting(store, worker_id, lease) as acknowledged:
        before = acknowledged()
        back_up(database, tmp_path / TARGET)
        after = acknowledged() + 1  # one may be on its way
        restored = Settings(database_url=f"sqlite:///{tmp_path / TARGET}")
        with (
            BackgroundServer(create_app(restored), listen("127.0.0.1", 0)) as server,
            ApiClient(server.url) as client,
        ):
            assert client.study(study_id).state == "running"
            steps = client.curve(lease.run.trial_id, "loss", 100_000).steps
    assert before <= len(steps) <= after
    assert list(steps) == list(range(len(steps)))
    check_file(database)
    store.close()


def test_a_study_goes_on_from_its_backup(sqlite_store_url: str, database: Path, tmp_path: Path) -> None:
    """What came after the backup is gone; the worker's lease and its chunks count on from where the backup is."""
    store = SqlStore(sqlite_store_url)
    running_study(store, "a")
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    back_up(database, tmp_path / TARGET)
    finish(store, worker_id, lease)
    store.close()
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    (tmp_path / TARGET).rename(database)
    again = open_store(sqlite_store_url)
    finish(again, worker_id, lease)
    assert again.get_trial(lease.run.trial_id).state == "completed"
    again.close()


def test_the_command_says_what_it_wrote_and_never_overwrites(
    stagetune: Stagetune, sqlite_store_url: str, tmp_path: Path
) -> None:
    arguments = ["backup", TARGET, "--database-url", sqlite_store_url]
    written = stagetune(*arguments)
    assert (written.code, written.err) == (0, "")
    assert f"{TARGET}: " in written.out
    assert stat.S_IMODE((tmp_path / TARGET).stat().st_mode) == 0o600
    before = (tmp_path / TARGET).read_bytes()
    refused = stagetune(*arguments)
    assert refused.code == 1
    assert "choose another name" in refused.err
    assert (tmp_path / TARGET).read_bytes() == before


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if TARGET in path.name)


def test_somebody_who_was_faster_with_the_name_keeps_it(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / TARGET
    monkeypatch.setattr("studies.storage.sql.backup.check_file", lambda _: target.write_text("theirs"))
    with pytest.raises(StagetuneError, match="not overwritten"):
        back_up(database, target)
    assert (target.read_text(), _left(tmp_path)) == ("theirs", [TARGET])


def test_a_damaged_database_makes_no_backup(database: Path, tmp_path: Path) -> None:
    content = bytearray(database.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    database.write_bytes(content)
    with pytest.raises(StorageUnavailable, match="damaged"):
        back_up(database, tmp_path / TARGET)
    assert _left(tmp_path) == []


def test_without_room_nothing_is_left_behind(database: Path, tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow."""
    code = (
        "import resource, sys; from pathlib import Path; from studies.storage.sql.backup import back_up\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "back_up(*map(Path, sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, str(database), str(tmp_path / TARGET)]
    tried = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert StorageFull.__name__ in tried.stderr
    assert _left(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["backup", TARGET], "There is no database stagetune-data/stagetune.db"),
        (["backup", TARGET, "--database-url", "memory://"], "memory:// keeps nothing"),
        (["backup", "/proc/none/b.db", "--database-url", "sqlite:///there.db"], "choose another place"),
    ],
    ids=["none", "memory", "folder"],
)
def test_what_cannot_be_backed_up_is_said_in_a_sentence(
    stagetune: Stagetune, tmp_path: Path, arguments: list[str], says: str
) -> None:
    (tmp_path / "there.db").touch()
    tried = stagetune(*arguments)
    assert tried.code == 1
    assert says in tried.err


def test_postgresql_is_left_to_its_own_tool(stagetune: Stagetune) -> None:
    url = "postgresql://me:a-secret@host.example/stagetune"
    tried = stagetune("backup", "a file.dump", "--database-url", url)
    (command,) = (line for line in tried.err.splitlines() if line.startswith("  pg_dump"))
    assert shlex.split(command) == [
        "pg_dump",
        "--format=custom",
        "--file=a file.dump",
        "postgresql://me@host.example/stagetune",
    ]
    assert "a-secret" not in tried.err


@pytest.fixture
def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk such as people carry backups away on."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(backup.os, "link", refuse)


@pytest.mark.usefixtures("without_links")
def test_a_disk_without_links_takes_a_backup_too(database: Path, tmp_path: Path) -> None:
    target = tmp_path / TARGET
    assert back_up(database, target) == target.stat().st_size
    check_file(target)
    assert list(tmp_path.glob(".*")) == []
    before = target.read_bytes()
    with pytest.raises(StagetuneError, match="not overwritten"):
        back_up(database, target)
    with pytest.raises(StagetuneError, match="not overwritten"):
        backup._publish(database, target)
    assert target.read_bytes() == before
