"""Secrets: how tokens and session keys are made, and what is kept of them.

A token reads ``tk_<id>.<secret>``. The id is no secret: lists and messages name a token by it, and whoever finds a
token in a file knows which one to revoke. What is kept is the SHA-256 of the whole. That is enough, and a slow hash
(bcrypt, argon2) would only cost: those protect passwords, which people choose and others guess, while 256 random bits
cannot be guessed however fast a hash is; and a thousand nodes are to be recognised once a second.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from studies.contract.ids import new_id
from studies.contract.scopes import Scope
from studies.storage.credentials import NewToken

_SECRET_BYTES = 32


def new_secret() -> str:
    """Return 256 random bits as text that is safe in a header, a cookie and a shell."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def new_token(name: str, scopes: tuple[Scope, ...], lifetime: float | None) -> tuple[str, NewToken]:
    """Return a fresh token as its holder needs it, and as the store does."""
    token_id = new_id("token")
    text = f"{token_id}.{new_secret()}"
    return text, NewToken(token_id, name, scopes, digest(text), lifetime)


def digest(secret: str) -> str:
    """Return the hash by which a token or a session key is known."""
    return hashlib.sha256(secret.encode()).hexdigest()


def keyed(key: str, message: str) -> str:
    """Return what only who knows `key` can derive from `message`."""
    return hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())
