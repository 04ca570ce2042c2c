"""Every request has an id, in its answer and in its log lines; and none of its secrets are in them."""

from __future__ import annotations

import errno
import logging
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.logs import secrets_of
from service.settings import Settings
from studies.log_lines import TextLines
from studies.storage.memory import MemoryStore
from tests.asgi import client_of

TOKEN = "a-token-that-is-long-enough"


class Failing(MemoryStore):
    """Raises `error` when studies are listed."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def find_studies(self, *_: object) -> Any:
        raise self.error


def ask(store: MemoryStore, path: str, headers: dict[str, str] | None = None, **settings: Any) -> httpx.Response:
    chosen = Settings(database_url="memory://", access_log=True, **settings)
    with client_of(create_app(chosen, store, tick=lambda: None)) as http:
        return http.get(path, headers=headers)


def test_an_id_that_is_given_is_given_back() -> None:
    assert ask(MemoryStore(), "/healthz", {"X-Request-ID": "proxy-1.a_b"}).headers["x-request-id"] == "proxy-1.a_b"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a;b", "a\tb", 'a"b'])
def test_what_no_id_looks_like_is_replaced(given: str) -> None:
    answered = ask(MemoryStore(), "/healthz", {"X-Request-ID": given}).headers["x-request-id"]
    assert answered != given
    assert len(answered) == 32


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/api/v1/studies/st_none", 404), ("/%00", 404), ("/api/v1/studies", 500)]
)
def test_every_answer_carries_one_and_the_security_headers(path: str, status: int) -> None:
    answer = ask(Failing(ZeroDivisionError()), path)
    assert answer.status_code == status
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_answer_without_a_token_carries_one_too() -> None:
    answer = ask(MemoryStore(), "/api/v1/studies", token=TOKEN)
    assert (answer.status_code, len(answer.headers["x-request-id"])) == (401, 32)


def test_a_failure_is_found_in_the_log_by_the_id_in_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(TextLines())
    answer = ask(Failing(ZeroDivisionError("secret")), "/api/v1/studies", {"X-Request-ID": "r-1"})
    assert "r-1" in answer.json()["detail"]
    assert "request=r-1" in caplog.text
    assert "secret" not in answer.text


def test_the_access_log_has_ids_and_no_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stagetune.access")
    caplog.handler.setFormatter(TextLines())
    ask(MemoryStore(), f"/api/v1/studies/st_1%0a/trials?token={TOKEN}", {"Authorization": f"Bearer {TOKEN}"})
    ask(MemoryStore(), "/api/v1/studies/st_1/trials?limit=3", {"X-Request-ID": "r-2"})
    first, second = (line for line in caplog.text.splitlines() if " GET /" in line)
    assert "st_1\\n/trials" in first
    assert TOKEN not in caplog.text
    assert "limit" not in second
    assert "request=r-2 status=404" in second


def test_nothing_is_logged_of_requests_unless_it_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with client_of(create_app(Settings(database_url="memory://"), MemoryStore(), tick=lambda: None)) as http:
        http.get("/healthz")
    assert "/healthz" not in [record.message for record in caplog.records if record.name == "stagetune.access"]


def test_the_settings_secrets_are_known() -> None:
    settings = Settings(database_url="postgresql://me:p%40ss@host/db", token=TOKEN)
    assert secrets_of(settings) == [TOKEN, ":p%40ss@", ":p@ss@"]
    assert secrets_of(Settings()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_beside_the_database_is_507_as_well(number: int) -> None:
    answer = ask(Failing(OSError(number, "no space")), "/api/v1/studies")
    assert (answer.status_code, answer.json()["type"]) == (507, "/problems/storage-full")


def test_another_fault_of_a_file_is_a_fault_of_the_service() -> None:
    assert ask(Failing(OSError(errno.EIO, "broken")), "/api/v1/studies").status_code == 500
