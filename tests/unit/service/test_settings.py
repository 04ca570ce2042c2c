from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.app import create_app
from service.auth.secrets import new_token
from service.settings import (
    DEFAULT_DATABASE,
    LOOPBACK_NAMES,
    Settings,
    UnsafeSettings,
    UnusableSettings,
    is_loopback,
    read_settings,
    require_safe_bind,
)
from studies.contract.scopes import Scope
from studies.storage.memory import MemoryStore
from tests.asgi import client_of

TOKEN = "a-token-that-is-long-enough"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.4", False),
        ("stagetune.example", False),
        ("", False),
    ],
)
def test_only_loopback_addresses_are_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


OPEN_TO_ALL = Settings(host="0.0.0.0")


def made(store: MemoryStore, *scopes: Scope, lifetime: float | None = None) -> str:
    _, new = new_token("test", scopes, lifetime)
    return store.credentials.create_token(new).id


def test_a_public_bind_without_a_token_is_refused_with_the_commands_that_mend_it() -> None:
    with pytest.raises(UnsafeSettings) as caught, client_of(create_app(OPEN_TO_ALL, MemoryStore(), tick=lambda: None)):
        raise AssertionError("it serves")
    assert "stagetune token create me --scope admin" in str(caught.value)
    assert "stagetune serve --host 0.0.0.0" in str(caught.value)


@pytest.mark.parametrize(
    ("address", "environment", "option"),
    [
        ("sqlite:////srv/a b.db", None, " --database-url 'sqlite:////srv/a b.db'"),
        ("sqlite:////srv/a.db", "sqlite:////srv/b.db", " --database-url sqlite:////srv/a.db"),
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db", ""),
        (DEFAULT_DATABASE, None, ""),
        (DEFAULT_DATABASE, "sqlite:////srv/b.db", f" --database-url {DEFAULT_DATABASE}"),
        ("postgresql://me@db/x?sslmode=require", None, " --database-url 'postgresql://me@db/x?sslmode=require'"),
        ("postgresql://me:geheim@db:5/x", None, " --database-url 'postgresql://me:***@db:5/x'"),
        ("postgresql://me:ge%40heim@[::1]:5/x", None, " --database-url 'postgresql://me:***@[::1]:5/x'"),
    ],
)
def test_the_commands_that_mend_it_name_the_servers_own_database(
    monkeypatch: pytest.MonkeyPatch, address: str, environment: str | None, option: str
) -> None:
    monkeypatch.delenv("STAGETUNE_DATABASE_URL", raising=False)
    if environment is not None:
        monkeypatch.setenv("STAGETUNE_DATABASE_URL", environment)
    with pytest.raises(UnsafeSettings) as caught:
        require_safe_bind(Settings(host="0.0.0.0", database_url=address), MemoryStore().credentials)
    lines = str(caught.value).splitlines()
    assert f"  stagetune token create me --scope admin{option}" in lines
    assert any(line.endswith(f" stagetune serve --host 0.0.0.0{option}") for line in lines)
    assert "heim" not in str(caught.value)


def test_a_server_that_keeps_nothing_is_told_of_the_token_in_its_environment_alone() -> None:
    with pytest.raises(UnsafeSettings) as caught:
        require_safe_bind(Settings(host="::", database_url="memory://"), MemoryStore().credentials)
    assert "token create" not in str(caught.value)
    assert "STAGETUNE_TOKEN=" in str(caught.value)


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0", "token": TOKEN}, {"host": "127.0.0.1"}])
def test_a_token_or_loopback_is_safe(settings: dict[str, str]) -> None:
    require_safe_bind(Settings.model_validate(settings), MemoryStore().credentials)


def test_an_admins_token_in_the_database_is_safe_while_it_lives() -> None:
    store = MemoryStore()
    token_id = made(store, Scope.ADMIN)
    require_safe_bind(OPEN_TO_ALL, store.credentials)
    store.credentials.revoke_token(token_id)
    with pytest.raises(UnsafeSettings):
        require_safe_bind(OPEN_TO_ALL, store.credentials)


@pytest.mark.parametrize("scope", [Scope.READ, Scope.SUBMIT, Scope.WORKER])
def test_a_lesser_token_is_not_enough_to_look_after_a_server(scope: Scope) -> None:
    store = MemoryStore()
    made(store, scope)
    with pytest.raises(UnsafeSettings):
        require_safe_bind(OPEN_TO_ALL, store.credentials)


def test_a_short_token_is_refused() -> None:
    with pytest.raises(ValidationError, match="token"):
        Settings(token="short")


def test_the_token_is_never_printed() -> None:
    assert TOKEN not in repr(Settings(token=TOKEN))


def test_loopback_answers_to_loopback_names_only() -> None:
    assert Settings().hosts == LOOPBACK_NAMES
    assert Settings(host="0.0.0.0").hosts == ()
    assert Settings(allowed_hosts=("tune.example",)).hosts == ("tune.example",)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGETUNE_PORT", "9000")
    monkeypatch.setenv("STAGETUNE_ALLOWED_HOSTS", '["a.example", "b.example"]')
    assert Settings().port == 9000
    assert Settings().allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STAGETUNE_TOKEN", "hunter2", "--token or STAGETUNE_TOKEN: "),
        ("STAGETUNE_PORT", "99999", "--port or STAGETUNE_PORT: "),
        ("STAGETUNE_ALLOWED_HOSTS", "a.example", "allowed_hosts"),
    ],
)
def test_an_unusable_setting_is_named_but_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UnusableSettings) as caught:
        read_settings()
    assert said in str(caught.value)
    assert value not in str(caught.value)
    assert caught.value.__suppress_context__
