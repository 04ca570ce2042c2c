"""Lets nobody further who does not say who they are: before a byte of the body is read, and whatever the path.

What a route then lets whom do is declared at the route (`service.auth.requires`).
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems
from service.auth.gate import Gate, NotAdmitted, UnknownToken, bearer_token
from service.auth.guesses import Guesses, TooManyGuesses
from service.auth.principal import Principal
from service.auth.secrets import digest, same
from service.errors import answer_to
from service.middleware.origin import SAFE_METHODS
from service.pages.missing import MissingContext, unavailable_page, wants_page
from service.pages.rendering import page
from service.problems import respond
from studies.errors import StagetuneError, StorageUnavailable

LOG_IN = "/login"

OPEN_PATHS = frozenset({"/healthz", "/readyz", LOG_IN, "/logout"})
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

    A browser that asks for a page is sent to the log-in instead, and from there back to the page. Who sends one wrong
    token after the other, here or to the log-in, is answered 429.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self._admit(scope, receive, send)
        except TooManyGuesses as refusal:
            await _made_to_wait(Request(scope), refusal)(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_within(scope)
        if is_open(path):
            logs_in = path == LOG_IN and scope["method"] == "POST"
            await (self._log_in if logs_in else self.app)(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            principal = await _identified(scope, headers)
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

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the page look at the token, and count it as wrong where the page says so."""
        guesses: Guesses = scope["app"].state.guesses
        wrong = False

        async def send_noted(message: Message) -> None:
            nonlocal wrong
            if message["type"] == "http.response.start":
                wrong = message["status"] == problems.UNAUTHORIZED.status
            await send(message)

        guesses.begin(_address(scope))
        try:
            await self.app(scope, receive, send_noted)
        finally:
            if not wrong:
                guesses.take_back(_address(scope))


async def _identified(scope: Scope, headers: Headers) -> Principal:
    """Return who sent a request; see `Gate.identify`.

    Raises:
        TooManyGuesses: it comes with another token, after too many wrong ones.
    """
    gate: Gate = scope["app"].state.gate
    guesses: Guesses = scope["app"].state.guesses
    offered = bearer_token(headers)
    if offered is None or guesses.was_good(hashed := digest(offered)):
        return await gate.identify(headers)
    guesses.begin(_address(scope))
    wrong = False
    try:
        principal = await gate.identify(headers)
    except UnknownToken:
        wrong = True
        raise
    finally:
        if not wrong:  # it fits, or did once, or that cannot be told at the moment
            guesses.take_back(_address(scope))
    guesses.note_good(hashed)
    return principal


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


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
    return RedirectResponse(f"{root}{LOG_IN}?{urlencode({'next': wanted})}", 303, {"Cache-Control": "no-store"})


def _unknown_for_now(request: Request, error: StagetuneError) -> Response:
    if isinstance(error, StorageUnavailable) and _is_navigation(request):
        return unavailable_page(request, str(error))
    return answer_to(request, error)


def _made_to_wait(request: Request, refusal: TooManyGuesses) -> Response:
    if wants_page(request):
        context = MissingContext(problems.TOO_MANY_ATTEMPTS.title, str(refusal))
        answer: Response = page(request, "missing.html", context, problems.TOO_MANY_ATTEMPTS.status)
    else:
        answer = respond(problems.TOO_MANY_ATTEMPTS, str(refusal))
    answer.headers["Retry-After"] = str(refusal.seconds)
    return answer


def _is_navigation(request: Request) -> bool:
    """Return whether a person's browser asked for a page; a page's own script reads the 401 instead."""
    headers = request.headers
    return (
        request.method in ("GET", "HEAD")
        and "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
        and not path_within(request.scope).startswith("/api/")
    )
