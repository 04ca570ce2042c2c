"""The gate: finds out who asks, from the Authorization header or the session's cookie.

A server is open to everyone only while nobody but this machine can reach it *and* it has no token: neither
STAGETUNE_TOKEN nor, ever, one in its database. The latter closes it even on loopback, because a server behind a proxy
listens there too, and whoever made a token expects to be asked for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from service.auth.principal import EVERYONE, Principal
from service.auth.recent import Recent
from service.auth.secrets import digest, keyed, new_secret, same
from service.settings import Settings, is_loopback
from studies.contract.scopes import Scope, including
from studies.storage.credentials import Credentials, Token

TRUST_SECONDS = 5.0
"""For so long what was found out about a token counts: a revoked one is refused after at most this time."""

COOKIE = "stagetune_session"

_SETTINGS_TOKEN = "STAGETUNE_TOKEN"  # noqa: S105 (a name)


class NotAdmitted(Exception):
    """A token is needed: this says why what was sent will not do, and what will."""


class UnknownToken(NotAdmitted):
    """What was sent never was a token of this server: perhaps a guess."""


HOW_TO_GET_IN = (
    "This server asks for a token. Make one beside its database with `stagetune token create NAME --scope SCOPE` "
    "(read, submit, worker or admin) and set STAGETUNE_TOKEN to it for stagetune and stagetune-worker; other "
    "programs send 'Authorization: Bearer TOKEN'; in a browser, log in at /login."
)


class Gate:
    """Recognises requests for one server."""

    def __init__(
        self, settings: Settings, credentials: Credentials, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._credentials = credentials
        self._settings_token = settings.token.get_secret_value() if settings.token else None
        self._may_be_open = self._settings_token is None and is_loopback(settings.host)
        self._open_lately: Recent[bool] = Recent(TRUST_SECONDS, clock)
        self._tokens: Recent[Token] = Recent(TRUST_SECONDS, clock)
        self._sessions: Recent[Principal] = Recent(TRUST_SECONDS, clock)

    async def identify(self, headers: Headers) -> Principal:
        """Return who sent these headers.

        Raises:
            NotAdmitted: the server is closed, and they name no token or session that is good.
            StorageUnavailable: that cannot be found out at the moment.
        """
        if await self.is_open():
            return EVERYONE
        offered = bearer_token(headers)
        if offered is not None:
            return await self.holder(offered)
        key = session_key(headers)
        session = None if key is None else await self._in_session(key)
        if session is None:
            raise NotAdmitted(HOW_TO_GET_IN)
        return session

    async def is_open(self) -> bool:
        """Return whether this server asks nobody for a token. One that was found closed stays so until its end."""
        if self._may_be_open and self._open_lately.get("") is None:
            self._may_be_open = not await run_in_threadpool(self._credentials.any_token)
            self._open_lately.put("", True)  # noqa: FBT003 (a value, not a flag)
        return self._may_be_open

    async def holder(self, offered: str) -> Principal:
        """Return who holds the token `offered`.

        Raises:
            NotAdmitted: it is no token of this server, or no longer.
            StorageUnavailable
        """
        if self._is_of_settings(offered):
            return _of_settings()
        return _of(await self._token(digest(offered)))

    async def _token(self, hashed: str) -> Token:
        known = self._tokens.get(hashed)
        if known is not None:
            return known
        token = await run_in_threadpool(self._credentials.use_token, hashed)
        if token is None:
            raise UnknownToken(f"This is no token of this server. {HOW_TO_GET_IN}")
        if token.state != "live":
            raise NotAdmitted(f"The token {token.id} ({token.name}) is {token.state}. {HOW_TO_GET_IN}")
        self._tokens.put(hashed, token)
        return token

    # --- browser sessions ----------------------------------------------------------------------------------------

    async def log_in(self, offered: str) -> str:
        """Open a session for the holder of the token `offered`; return its key, the value of the cookie.

        Raises:
            NotAdmitted, StorageUnavailable
        """
        key = new_secret()
        if self._is_of_settings(offered):
            known_by: tuple[str | None, str] = (None, keyed(key, offered))
        else:
            known_by = ((await self._token(digest(offered))).id, "")
        await run_in_threadpool(self._credentials.open_session, digest(key), *known_by)
        return key

    async def log_out(self, key: str) -> None:
        self._sessions.forget(digest(key))
        await run_in_threadpool(self._credentials.close_session, digest(key))

    async def _in_session(self, key: str) -> Principal | None:
        hashed = digest(key)
        principal = self._sessions.get(hashed)
        if principal is None:
            principal = await self._opened(key)
            if principal is not None:
                self._sessions.put(hashed, principal)
        return principal

    async def _opened(self, key: str) -> Principal | None:
        session = await run_in_threadpool(self._credentials.use_session, digest(key))
        if session is None:
            return None
        csrf = csrf_token(key)
        if session.token is not None:
            return replace(_of(session.token), csrf=csrf)
        if self._settings_token is not None and same(session.binding, keyed(key, self._settings_token)):
            return replace(_of_settings(), csrf=csrf)
        return None  # STAGETUNE_TOKEN is another one now

    def _is_of_settings(self, offered: str) -> bool:
        return self._settings_token is not None and same(offered, self._settings_token)


def bearer_token(headers: Headers) -> str | None:
    """Return the token that the Authorization header carries, None where there is none."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def session_key(headers: Headers) -> str | None:
    """Return the value of the session's cookie, None where there is none."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE) or None


def csrf_token(key: str) -> str:
    """Return what the pages of a session send with their writes: only they and the server can know it."""
    return keyed(key, "csrf")


def _of(token: Token) -> Principal:
    return Principal(token.name, including(token.scopes))


def _of_settings() -> Principal:
    return Principal(_SETTINGS_TOKEN, including([Scope.ADMIN]))
