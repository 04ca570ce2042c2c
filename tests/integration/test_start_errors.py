"""What cannot be started says why, and what to do next, in a sentence; never a traceback."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service.cli import main
from service.server import listen

Refusal = Callable[..., str]


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """Return what a command says that is refused."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.db").write_text("not a database but a letter" * 50)
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "file").touch()

    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["stagetune", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        return capsys.readouterr().err

    return call


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("postgresql://me:geheim@127.0.0.1:1/db", r"port 1 failed: Connection refused.*STAGETUNE_DATABASE_URL"),
        ("postgresql://me:geheim@127.0.0.1:port/db", r"cannot be used: give .* postgresql://user@host/database"),
        ("mysql://me:geheim@host/db", r"cannot be used: give .* postgresql://user@host/database"),
        ("sqlite:///letter.db", r"file is not a database.*start again"),
        ("sqlite:///folder.db", r"unable to open database file.*start again"),
        ("sqlite:///file/stagetune.db", r"file cannot be created .*: choose another place"),
        ("sqlite:////proc/stagetune.db", r"/proc cannot be written .*choose another place"),
    ],
)
@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("db", "upgrade")], ids=" ".join)
def test_a_database_that_cannot_be_used(refusal: Refusal, command: tuple[str, ...], address: str, says: str) -> None:
    said = refusal(*command, "--database-url", address)
    assert said.startswith("stagetune: ")
    assert re.search(says, said)
    assert "geheim" not in said
    assert len(said.splitlines()) == 1


def test_a_database_that_postgresql_does_not_have(refusal: Refusal, postgres_server: str) -> None:
    address = postgres_server.replace("/postgres?", "/no_such_database?")
    assert 'database "no_such_database" does not exist' in refusal("serve", "--port", "0", "--database-url", address)


def test_a_port_that_is_taken(refusal: Refusal) -> None:
    with listen("127.0.0.1", 0) as taken:
        said = refusal("serve", "--database-url", "memory://", "--port", str(taken.getsockname()[1]))
    assert "another program listens there" in said


@pytest.mark.parametrize(("host", "says"), [("no-such-host.invalid", "no machine"), ("192.0.2.1", "does not have")])
def test_a_host_that_is_not_this_one(refusal: Refusal, host: str, says: str) -> None:
    said = refusal("serve", "--database-url", "memory://", "--host", host, "--token", "x" * 16)
    assert says in said
    assert "choose another --host" in said
