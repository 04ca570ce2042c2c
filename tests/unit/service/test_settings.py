from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.app import create_app
from service.settings import (
    LOOPBACK_NAMES,
    Settings,
    UnsafeSettings,
    UnusableSettings,
    is_loopback,
    read_settings,
    require_safe_bind,
)

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


def test_a_public_bind_without_a_token_is_refused_with_the_command_that_mends_it() -> None:
    with pytest.raises(UnsafeSettings, match=r"STAGETUNE_TOKEN=.* stagetune serve --host 0\.0\.0\.0"):
        create_app(Settings(host="0.0.0.0"))


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0", "token": TOKEN}, {"host": "127.0.0.1"}])
def test_a_token_or_loopback_is_safe(settings: dict[str, str]) -> None:
    require_safe_bind(Settings.model_validate(settings))


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
