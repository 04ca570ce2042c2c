"""One token for the whole service, as ``Authorization: Bearer T`` or as the password of HTTP Basic (browsers)."""

from __future__ import annotations

import base64
import binascii
import hmac

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service import problems
from service.problems import respond

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""Health checks tell nothing, and what asks for them has no token."""

HOW_TO_GET_IN = (
    "This server asks for its token: set STAGETUNE_TOKEN for stagetune and stagetune-worker, send "
    "'Authorization: Bearer TOKEN' with other requests; in a browser take any user name and the token as password."
)


def offered_token(authorization: str) -> str | None:
    """Return the token that an Authorization header carries, None where it carries none."""
    scheme, _, credentials = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return credentials.strip()
        case "basic":
            return _basic_password(credentials.strip())
        case _:
            return None


def _basic_password(credentials: str) -> str | None:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    _, separator, password = decoded.partition(":")
    return password if separator else None


def _path(scope: Scope) -> str:
    """Return the path below the prefix that a reverse proxy strips."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


class TokenGate:
    """Lets a request in with the right token, compared in constant time; answers 401 otherwise."""

    def __init__(self, app: ASGIApp, token: SecretStr) -> None:
        self.app = app
        self._token = token.get_secret_value().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _path(scope) in OPEN_PATHS or self._admits(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        await respond(problems.UNAUTHORIZED, HOW_TO_GET_IN)(scope, receive, send)

    def _admits(self, headers: Headers) -> bool:
        offered = offered_token(headers.get("authorization", ""))
        return offered is not None and hmac.compare_digest(offered.encode(), self._token)
