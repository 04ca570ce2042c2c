"""Tokens and browser sessions as a port of the store: who may do what, without a single secret in it.

A token or a session is known by the hash of its secret alone. Concurrency, copies and time are as `port` says: each
method is one transaction, what is returned never changes, and the store's clock decides what has expired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from studies.contract.scopes import Scope

NOTE_SECONDS = 60.0
"""The use of a token or a session is noted at most so often: a node asks every second, nobody reads it that closely."""

SESSION_IDLE_SECONDS = 7 * 86_400.0
"""A session ends when nobody has used it for so long: longer than a weekend and a bank holiday."""

SESSION_SECONDS = 30 * 86_400.0
"""And at the latest so long after the log-in, however much it is used."""

TokenState = Literal["live", "expired", "revoked"]


@dataclass(frozen=True)
class NewToken:
    """A token to be: a fresh id, the hash of its secret, and the seconds that it lives (None = for ever)."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    secret_hash: str
    lifetime: float | None


@dataclass(frozen=True)
class Token:
    """A token, without its secret. Times are seconds since 1970; ``expires_at`` None is never."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None
    state: TokenState


@dataclass(frozen=True)
class Session:
    """A browser's session.

    Attributes:
        token: the token that logged in, live; None for the token of the server's settings, which no store knows.
        binding: whatever the session was opened with; it ties a session without a token to that of the settings.
    """

    token: Token | None
    binding: str


class Credentials(Protocol):
    """Everything that is known of tokens and sessions."""

    def create_token(self, new: NewToken) -> Token:
        """Store a token, live from now on."""

    def tokens(self) -> Sequence[Token]:
        """Return all tokens, the revoked and expired ones too, newest first."""

    def any_token(self) -> bool:
        """Return whether there has ever been a token: what was closed once does not open when its last token ends."""

    def revoke_token(self, token_id: str) -> Token:
        """End a token and the sessions that it opened; to revoke it again changes nothing.

        Raises:
            NotFound
        """

    def use_token(self, secret_hash: str) -> Token | None:
        """Return the token of that secret, live or not, and note (now and then) that a live one was used."""

    def open_session(self, key_hash: str, token_id: str | None, binding: str = "") -> None:
        """Open a session, and forget those that have ended."""

    def use_session(self, key_hash: str) -> Session | None:
        """Return the session of that key while it and its token live, and note (now and then) that it was used."""

    def close_session(self, key_hash: str) -> None:
        """End a session; one that is not there is as good as ended."""


def token_state(expires_at: float | None, revoked_at: float | None, now: float) -> TokenState:
    """Return what has become of a token at the time `now`."""
    if revoked_at is not None:
        return "revoked"
    return "expired" if expires_at is not None and expires_at <= now else "live"


def session_has_ended(opened_at: float, seen_at: float, now: float) -> bool:
    """Return whether a session has run out at the time `now`."""
    return now >= min(opened_at + SESSION_SECONDS, seen_at + SESSION_IDLE_SECONDS)


def note_due(noted_at: float | None, now: float) -> bool:
    """Return whether a use at the time `now` is to be written down."""
    return noted_at is None or now - noted_at >= NOTE_SECONDS
