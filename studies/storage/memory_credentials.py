"""Tokens and sessions in memory: the model that the tables are held to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from studies.errors import NotFound
from studies.storage.credentials import NewToken, Session, Token, note_due, session_has_ended, token_state


@dataclass
class _OpenSession:
    token_id: str | None
    binding: str
    opened_at: float
    seen_at: float


@dataclass
class MemoryCredentials:
    """`Credentials` in dictionaries under one lock."""

    clock: Callable[[], float]
    _hashes: dict[str, str] = field(default_factory=dict)
    _tokens: dict[str, Token] = field(default_factory=dict)
    _sessions: dict[str, _OpenSession] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def create_token(self, new: NewToken) -> Token:
        with self._lock:
            now = self.clock()
            expires_at = None if new.lifetime is None else now + new.lifetime
            token = Token(new.id, new.name, new.scopes, now, expires_at, None, None, "live")
            self._tokens[token.id] = token
            self._hashes[new.secret_hash] = token.id
            return self._as_of_now(token)

    def tokens(self) -> Sequence[Token]:
        with self._lock:
            return [self._as_of_now(token) for token in reversed(self._tokens.values())]

    def any_token(self) -> bool:
        with self._lock:
            return bool(self._tokens)

    def revoke_token(self, token_id: str) -> Token:
        with self._lock:
            if token_id not in self._tokens:
                raise NotFound(f"there is no token {token_id}: `stagetune token list` shows the ids.")
            token = self._tokens[token_id]
            if token.revoked_at is None:
                token = self._tokens[token_id] = replace(token, revoked_at=self.clock())
            return self._as_of_now(token)

    def use_token(self, secret_hash: str) -> Token | None:
        with self._lock:
            token_id = self._hashes.get(secret_hash)
            return None if token_id is None else self._used(token_id)

    def open_session(self, key_hash: str, token_id: str | None, binding: str = "") -> None:
        with self._lock:
            now = self.clock()
            self._sessions = {key: item for key, item in self._sessions.items() if not _ended(item, now)}
            self._sessions[key_hash] = _OpenSession(token_id, binding, now, now)

    def use_session(self, key_hash: str) -> Session | None:
        with self._lock:
            session, now = self._sessions.get(key_hash), self.clock()
            if session is None or _ended(session, now):
                return None
            token = None if session.token_id is None else self._used(session.token_id)
            if token is not None and token.state != "live":
                return None
            if note_due(session.seen_at, now):
                session.seen_at = now
            return Session(token, session.binding)

    def close_session(self, key_hash: str) -> None:
        with self._lock:
            self._sessions.pop(key_hash, None)

    def _used(self, token_id: str) -> Token:
        token, now = self._as_of_now(self._tokens[token_id]), self.clock()
        if token.state == "live" and note_due(token.last_used_at, now):
            token = self._tokens[token_id] = replace(token, last_used_at=now)
        return token

    def _as_of_now(self, token: Token) -> Token:
        return replace(token, state=token_state(token.expires_at, token.revoked_at, self.clock()))


def _ended(session: _OpenSession, now: float) -> bool:
    return session_has_ended(session.opened_at, session.seen_at, now)
