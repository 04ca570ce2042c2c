"""``stagetune token`` on a real database, as a user types it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import typer

from service.auth.secrets import digest
from service.cli import main
from service.cli.token import lifetime_of
from studies.contract.scopes import Scope
from studies.storage import open_store

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sqlite_store_url: str) -> Call:
    monkeypatch.setenv("STAGETUNE_DATABASE_URL", sqlite_store_url)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["stagetune", "token", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_a_token_is_shown_once_and_alone_on_standard_output(token: Call, sqlite_store_url: str) -> None:
    code, out, err = token("create", "gpu nodes", "--scope", "worker", "--scope", "read")
    text = out.strip()
    store = open_store(sqlite_store_url)
    found = store.credentials.use_token(digest(text))
    store.close()
    assert code == 0
    assert found is not None
    assert (found.name, found.scopes) == ("gpu nodes", (Scope.WORKER, Scope.READ))
    assert found.expires_at == pytest.approx(found.created_at + 90 * 86_400)
    assert found.id in err
    assert "not shown again" in err
    secret = text.partition(".")[2]
    assert secret not in err
    assert secret not in token("list")[1]


def test_the_list_shows_what_has_become_of_each(token: Call) -> None:
    assert "stagetune token create" in token("list")[1]
    _, out, _ = token("create", "old", "--scope", "admin", "--expires", "never")
    old = out.partition(".")[0]
    assert token("revoke", old)[0] == 0
    token("create", "new", "--scope", "submit", "--expires", "12h")
    _, listed, _ = token("list")
    new_line, old_line = [line for line in listed.splitlines() if "tk_" in line]
    assert old in old_line
    assert "revoked" in old_line
    assert "submit" in new_line
    assert "live" in new_line


def test_an_unknown_id_says_where_the_ids_are(token: Call) -> None:
    code, _, err = token("revoke", "tk_none")
    assert code == 1
    assert "stagetune token list" in err


def test_a_scope_has_to_be_chosen(token: Call) -> None:
    assert token("create", "x")[0] == 2
    assert token("create", "x", "--scope", "root")[0] == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("12h", 43_200.0), ("90d", 7_776_000.0), ("8w", 4_838_400.0), ("never", None)]
)
def test_a_lifetime_is_read(text: str, seconds: float | None) -> None:
    assert lifetime_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0d", "-1d", "90", "1y", "1.5d", "d", "999999d"])
def test_another_lifetime_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="12h, 90d, 8w"):
        lifetime_of(text)


@pytest.mark.parametrize("arguments", [("list",), ("revoke", "tk_none")], ids=" ".join)
def test_looking_makes_no_database_and_upgrades_none(token: Call, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, _, err = token(*arguments, "--database-url", f"sqlite:///{tmp_path}/none.db")
    assert (code, "There is no database" in err) == (1, True)
    assert not (tmp_path / "none.db").exists()
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        connection.execute("CREATE TABLE x (y)")
    code, _, err = token(*arguments, "--database-url", f"sqlite:///{tmp_path}/empty.db")
    assert (code, "stagetune db upgrade" in err) == (1, True)


@pytest.mark.parametrize("arguments", [("create", "me", "--scope", "admin"), ("list",), ("revoke", "x")], ids=" ".join)
def test_a_token_that_nobody_could_use_is_not_made(token: Call, arguments: tuple[str, ...]) -> None:
    code, out, err = token(*arguments, "--database-url", "memory://")
    assert (code, out) == (1, "")
    assert "--database-url" in err
