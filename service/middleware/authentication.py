"""Lets nobody further who does not say who they are: before a byte of the body is read, and whatever the path.

What a route then lets whom do is declared at the route (`service.auth.requires`).
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service import problems
from service.auth.gate import Gate, NotAdmitted
from service.auth.principal import Principal
from service.auth.secrets import same
from service.errors import answer_to
from service.middleware.origin import SAFE_METHODS
from service.pages.missing import unavailable_page
from service.problems import respond
from studies.errors import StagetuneError, StorageUnavailable

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/login", "/logout"})
"""Open to all: health checks tell nothing, and what asks for them has no token; the way in, and the way out."""

OPEN_FOLDER = "/static/"

CSRF_HEADER = "X-CSRF-Token"


def path_within(scope: Scope) -> str:
    """Return the path below the prefix that a reverse proxy strips."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


class Authentication:
    """Answers 401 to whom the gate does not know, and 403 to a write that a session's cookie alone vouches for.

    A browser that asks for a page is sent to the log-in instead, and from there back to the page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(path_within(scope)):
            await self.app(scope, receive, send)
            return
        gate: Gate = scope["app"].state.gate
        headers = Headers(scope=scope)
        try:
            principal = await gate.identify(headers)
        except NotAdmitted as refusal:
            await _not_admitted(Request(scope), str(refusal))(scope, receive, send)
        except StagetuneError as error:
            await _unknown_for_now(Request(scope), error)(scope, receive, send)
        else:
            if _lacks_csrf(principal, scope["method"], headers):
                await respond(problems.CSRF, "Reload the page and do it again.")(scope, receive, send)
                return
            scope.setdefault("state", {})["principal"] = principal
            await self.app(scope, receive, send)


def _lacks_csrf(principal: Principal, method: str, headers: Headers) -> bool:
    """Return whether a write comes with a cookie but without what only our own pages know.

    The Origin check refuses other sites' writes before; this holds where a browser or a proxy leaves the origin out.
    """
    if principal.csrf is None or method in SAFE_METHODS:
        return False
    return not same(headers.get(CSRF_HEADER, ""), principal.csrf)


def _not_admitted(request: Request, detail: str) -> Response:
    if not _is_navigation(request):
        return respond(problems.UNAUTHORIZED, detail)
    root, path = request.scope.get("root_path", ""), path_within(request.scope)
    wanted = quote(f"{root}{path}") + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"{root}/login?{urlencode({'next': wanted})}", 303, {"Cache-Control": "no-store"})


def _unknown_for_now(request: Request, error: StagetuneError) -> Response:
    if isinstance(error, StorageUnavailable) and _is_navigation(request):
        return unavailable_page(request, str(error))
    return answer_to(request, error)


def _is_navigation(request: Request) -> bool:
    """Return whether a person's browser asked for a page; a page's own script reads the 401 instead."""
    headers = request.headers
    return (
        request.method in ("GET", "HEAD")
        and "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
        and not path_within(request.scope).startswith("/api/")
    )
