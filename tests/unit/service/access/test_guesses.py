"""Wrong tokens are counted by address; whoever sends too many waits, whoever was let in before does not."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from service.auth import guesses as module
from service.auth.guesses import MOST_WRONG, WINDOW_SECONDS, Guesses, TooManyGuesses
from studies.contract.scopes import Scope
from studies.errors import StorageUnavailable
from studies.storage.memory import MemoryStore
from tests.asgi import client_of
from tests.contract.conftest import HandClock
from tests.unit.service.access.conftest import SETTINGS_TOKEN, MakeToken, bearing

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def guesses(clock: HandClock) -> Guesses:
    return Guesses(clock)


def guess(guesses: Guesses, address: str, times: int) -> None:
    for _ in range(times):
        guesses.begin(address)


# --- the count -------------------------------------------------------------------------------------------------------


def test_an_address_waits_for_the_rest_of_its_minute_and_no_other_does(guesses: Guesses, clock: HandClock) -> None:
    guess(guesses, HERE, 1)
    clock.advance(20)
    guess(guesses, HERE, MOST_WRONG - 1)
    with pytest.raises(TooManyGuesses) as refused:
        guesses.begin(HERE)
    assert refused.value.seconds == WINDOW_SECONDS - 20
    guess(guesses, THERE, MOST_WRONG)
    clock.advance(WINDOW_SECONDS - 20)
    guess(guesses, HERE, MOST_WRONG)


def test_what_was_no_wrong_token_is_not_counted(guesses: Guesses) -> None:
    for _ in range(3 * MOST_WRONG):
        guesses.begin(HERE)
        guesses.take_back(HERE)
    guesses.take_back(THERE)
    guess(guesses, HERE, MOST_WRONG)


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "", True),
    ],
)
def test_a_network_that_a_host_has_to_itself_counts_as_one(
    guesses: Guesses, one: str, other: str, together: bool
) -> None:
    guess(guesses, one, MOST_WRONG)
    if together:
        with pytest.raises(TooManyGuesses):
            guesses.begin(other)
    else:
        guesses.begin(other)


def test_what_is_remembered_is_bounded(guesses: Guesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 3)
    for number in range(10):
        guesses.begin(f"192.0.2.{number}")
        guesses.note_good(str(number))
    assert len(guesses._windows) == len(guesses._good) == 3
    assert [guesses.was_good(name) for name in ("0", "9")] == [False, True]


# --- at the door -----------------------------------------------------------------------------------------------------

PAGE = {"Accept": "text/html"}
PATH = "/api/v1/studies"


def try_tokens(client: httpx.Client, headers: dict[str, str] | None = None) -> list[int]:
    """Try one wrong token more than may be."""
    return [
        client.get(PATH, headers=bearing(f"wrong-{number}") | (headers or {})).status_code
        for number in range(MOST_WRONG + 1)
    ]


def test_one_wrong_token_after_the_other_ends_in_429_that_says_how_long(client: httpx.Client) -> None:
    assert try_tokens(client) == [401] * MOST_WRONG + [429]
    refused = client.get(PATH, headers=bearing(SETTINGS_TOKEN))
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-attempts")
    assert 1 <= int(refused.headers["Retry-After"]) <= WINDOW_SECONDS
    assert refused.headers["Retry-After"] in refused.json()["detail"]
    assert client.post("/login", data={"token": SETTINGS_TOKEN}).status_code == 429


def test_a_request_that_looks_like_a_browsers_counts_as_well(client: httpx.Client) -> None:
    codes = [
        client.get("/workers", headers=bearing(f"wrong-{number}") | PAGE).status_code
        for number in range(MOST_WRONG + 1)
    ]
    assert codes == [303] * MOST_WRONG + [429]


def test_the_log_in_counts_too_and_answers_a_person_with_a_page(client: httpx.Client) -> None:
    answers = [client.post("/login", data={"token": f"wrong-{number}"}, headers=PAGE) for number in range(20)]
    assert [answer.status_code for answer in answers] == [401] * MOST_WRONG + [429] * (20 - MOST_WRONG)
    assert "text/html" in answers[-1].headers["content-type"]
    assert "wrong tokens" in answers[-1].text
    assert client.get("/login").status_code == 200
    assert client.get("/healthz").status_code == 200


def test_who_was_let_in_before_goes_on(client: httpx.Client, make_token: MakeToken) -> None:
    token = make_token(Scope.READ)
    assert client.get(PATH, headers=bearing(token)).status_code == 200
    assert client.post("/login", data={"token": token}).status_code == 303
    with_cookie = dict(client.cookies)
    client.cookies.clear()
    assert try_tokens(client)[-1] == 429
    assert client.get(PATH, headers=bearing(token)).status_code == 200
    assert (
        client.get(PATH, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in with_cookie.items())}).status_code == 200
    )
    assert client.get(PATH).status_code == 401, "no token is no guess"


def test_a_token_that_was_good_once_is_no_guess(
    client: httpx.Client, make_token: MakeToken, store: MemoryStore
) -> None:
    """A fleet of nodes whose token has been revoked must not lock out the person who comes to mend that."""
    token = make_token(Scope.WORKER)
    store.credentials.revoke_token(token.partition(".")[0])
    assert [client.get(PATH, headers=bearing(token)).status_code for _ in range(3 * MOST_WRONG)] == [401] * 30
    assert client.get(PATH, headers=bearing(SETTINGS_TOKEN)).status_code == 200


def test_a_database_that_is_away_makes_nobody_a_guesser(
    closed: FastAPI, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> None:
        raise StorageUnavailable

    monkeypatch.setattr(store.credentials, "use_token", away)
    with client_of(closed) as client:
        assert try_tokens(client) == [503] * (MOST_WRONG + 1)


def test_an_open_server_counts_nothing(http: httpx.Client) -> None:
    assert try_tokens(http) == [200] * (MOST_WRONG + 1)
