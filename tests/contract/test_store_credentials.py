"""Tokens and sessions: what every store promises of them."""

from __future__ import annotations

import pytest

from studies.contract.ids import new_id
from studies.contract.scopes import Scope
from studies.errors import NotFound
from studies.storage import StudyStore
from studies.storage.credentials import (
    NOTE_SECONDS,
    SESSION_IDLE_SECONDS,
    SESSION_SECONDS,
    Credentials,
    NewToken,
    Token,
)
from tests.contract.conftest import Advance

DAY = 86_400.0


def make(credentials: Credentials, name: str, *scopes: Scope, lifetime: float | None = None) -> Token:
    return credentials.create_token(NewToken(new_id("token"), name, scopes, f"hash of {name}", lifetime))


@pytest.fixture
def credentials(store: StudyStore) -> Credentials:
    return store.credentials


@pytest.fixture
def token(credentials: Credentials) -> Token:
    return make(credentials, "ci", Scope.SUBMIT, Scope.WORKER, lifetime=90 * DAY)


def test_a_token_comes_back_as_it_was_made(credentials: Credentials, token: Token) -> None:
    assert token.id.startswith("tk_")
    assert (token.name, token.scopes, token.state) == ("ci", (Scope.SUBMIT, Scope.WORKER), "live")
    assert token.expires_at == pytest.approx(token.created_at + 90 * DAY)
    assert list(credentials.tokens()) == [token]


def test_tokens_are_listed_newest_first(credentials: Credentials) -> None:
    made = [make(credentials, name, Scope.READ) for name in ("a", "b", "c")]
    assert [found.id for found in credentials.tokens()] == [each.id for each in reversed(made)]
    assert made[0].expires_at is None


def test_nobody_has_a_token_before_the_first(credentials: Credentials) -> None:
    assert not credentials.any_token()
    assert list(credentials.tokens()) == []
    assert credentials.use_token("hash of ci") is None


def test_a_token_is_found_by_its_hash_alone(credentials: Credentials, token: Token) -> None:
    found = credentials.use_token("hash of ci")
    assert found is not None
    assert (found.id, found.state) == (token.id, "live")
    assert credentials.use_token("other") is None
    assert credentials.use_token(token.id) is None


def test_a_token_expires_by_the_stores_clock(credentials: Credentials, token: Token, advance: Advance) -> None:
    advance(91 * DAY)
    found = credentials.use_token("hash of ci")
    assert found is not None
    assert found.state == "expired"
    assert found.last_used_at is None


def test_a_revoked_token_stays_known_and_revoked(credentials: Credentials, token: Token) -> None:
    first = credentials.revoke_token(token.id)
    assert first.state == "revoked"
    assert credentials.revoke_token(token.id).revoked_at == first.revoked_at
    found = credentials.use_token("hash of ci")
    assert found is not None
    assert found.state == "revoked"
    assert credentials.any_token(), "what was closed once stays closed"


def test_to_revoke_an_unknown_token_is_an_error_that_says_where_the_ids_are(credentials: Credentials) -> None:
    with pytest.raises(NotFound, match="stagetune token list"):
        credentials.revoke_token("tk_none")


def test_use_is_noted_at_most_once_a_minute(credentials: Credentials, token: Token, advance: Advance) -> None:
    credentials.use_token("hash of ci")
    (first,) = credentials.tokens()
    assert first.last_used_at is not None
    credentials.use_token("hash of ci")
    assert credentials.tokens()[0].last_used_at == first.last_used_at
    advance(NOTE_SECONDS + 1)
    aged = credentials.tokens()[0].last_used_at
    credentials.use_token("hash of ci")
    noted = credentials.tokens()[0].last_used_at
    assert aged is not None
    assert noted is not None
    assert noted >= aged + NOTE_SECONDS


# --- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_has_its_token_until_it_is_closed(credentials: Credentials, token: Token) -> None:
    credentials.open_session("key", token.id)
    found = credentials.use_session("key")
    assert found is not None
    assert found.token is not None
    assert found.token.id == token.id
    credentials.close_session("key")
    credentials.close_session("key")
    assert credentials.use_session("key") is None


def test_a_session_of_no_stored_token_keeps_what_it_is_bound_to(credentials: Credentials) -> None:
    credentials.open_session("key", None, "bound")
    found = credentials.use_session("key")
    assert found is not None
    assert (found.token, found.binding) == (None, "bound")
    assert credentials.use_session("other") is None


def test_a_session_ends_with_its_token(credentials: Credentials, token: Token) -> None:
    credentials.open_session("key", token.id)
    credentials.revoke_token(token.id)
    assert credentials.use_session("key") is None


def test_a_session_ends_when_its_token_expires(credentials: Credentials, advance: Advance) -> None:
    token = make(credentials, "short", Scope.READ, lifetime=DAY)
    credentials.open_session("key", token.id)
    advance(DAY + 1)
    assert credentials.use_session("key") is None


def test_a_session_that_nobody_uses_ends(credentials: Credentials, advance: Advance) -> None:
    credentials.open_session("key", None)
    advance(SESSION_IDLE_SECONDS - 60)
    assert credentials.use_session("key") is not None
    advance(SESSION_IDLE_SECONDS - 60)
    assert credentials.use_session("key") is not None
    advance(SESSION_IDLE_SECONDS + 60)
    assert credentials.use_session("key") is None


def test_no_session_lives_for_ever(credentials: Credentials, advance: Advance) -> None:
    credentials.open_session("key", None)
    for _ in range(int(SESSION_SECONDS // DAY) - 1):
        advance(DAY)
        assert credentials.use_session("key") is not None
    advance(DAY)
    assert credentials.use_session("key") is None


def test_a_log_in_forgets_sessions_that_have_ended(credentials: Credentials, advance: Advance) -> None:
    credentials.open_session("old", None)
    advance(SESSION_IDLE_SECONDS + 1)
    credentials.open_session("new", None)
    assert credentials.use_session("new") is not None
    assert credentials.use_session("old") is None
