"""``/login``: a token once, then a session; ``/logout`` ends it. Forms without a script, so that they always work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from service import problems
from service.auth.gate import COOKIE, Gate, NotAdmitted, csrf_token, session_key
from service.auth.secrets import same
from service.dependencies import RawBody
from service.pages.page_route import PageRoute
from service.pages.rendering import href, page
from service.problems import respond
from studies.storage.credentials import SESSION_SECONDS

router = APIRouter(route_class=PageRoute)

_MOST_FIELDS = 8
_LONGEST_FORM = 8_192
_UNCACHED = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class LoginContext:
    """``wanted`` is the page to go on to; ``refusal`` says why the last token would not do."""

    wanted: str
    refusal: str = ""


def get_gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


GateDep = Annotated[Gate, Depends(get_gate)]


def confined(wanted: str, home: str) -> str:
    r"""Return the address `wanted` if it is a path of ours, `home` (the list of studies) otherwise.

    A browser reads ``//host`` and ``/\host`` as another site, and drops tabs and line ends before it reads at all.
    """
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    if not plain or not wanted.startswith(home) or wanted.startswith("//"):
        return home
    parts = urlsplit(wanted)
    inside = not parts.scheme and not parts.netloc and ".." not in parts.path.split("/")
    return wanted if inside else home


@router.get("/login", name="log_in_page")
async def log_in_page(request: Request, gate: GateDep, wanted: Annotated[str, Query(alias="next")] = "") -> Response:
    """Ask for a token; an open server asks nobody."""
    goal = confined(wanted, href(request, "study_list"))
    return _go(goal) if await gate.is_open() else _form(request, LoginContext(goal))


@router.post("/login", name="log_in")
async def log_in(request: Request, gate: GateDep, body: RawBody) -> Response:
    """Open a session for the holder of a token, and go on to the page that was asked for."""
    form = _fields(body)
    goal = confined(form.get("next", ""), href(request, "study_list"))
    try:
        key = await gate.log_in(form.get("token", "").strip())
    except NotAdmitted:
        refusal = "This token is not known here, or it has expired or been revoked."
        return _form(request, LoginContext(goal, refusal), status=problems.UNAUTHORIZED.status)
    answer = _go(goal)
    answer.set_cookie(
        COOKIE,
        key,
        max_age=int(SESSION_SECONDS),
        path=_cookie_path(request),
        secure=_is_https(request),
        httponly=True,
        samesite="lax",  # strict would ask whoever follows a link from a mail to log in again; writes need more anyway
    )
    return answer


@router.post("/logout", name="log_out")
async def log_out(request: Request, gate: GateDep, body: RawBody) -> Response:
    """End the session, and only at the word of one of its own pages."""
    key = session_key(request.headers)
    if key is not None:
        if not same(_fields(body).get("csrf", ""), csrf_token(key)):
            return respond(problems.CSRF, "Reload the page and log out again.")
        await gate.log_out(key)
    answer = _go(href(request, "log_in_page"))
    answer.delete_cookie(COOKIE, path=_cookie_path(request))
    return answer


def _form(request: Request, context: LoginContext, status: int = 200) -> Response:
    answer = page(request, "login.html", context, status)
    answer.headers.update(_UNCACHED)
    return answer


def _go(goal: str) -> RedirectResponse:
    return RedirectResponse(goal, 303, _UNCACHED)


def _fields(body: bytes) -> dict[str, str]:
    """Return the fields of a form; of one that is none of ours, none."""
    try:
        return dict(parse_qsl(body[:_LONGEST_FORM].decode(), max_num_fields=_MOST_FIELDS))
    except ValueError:  # not UTF-8, or too many fields
        return {}


def _cookie_path(request: Request) -> str:
    return request.scope.get("root_path", "") or "/"


def _is_https(request: Request) -> bool:
    """Return whether the browser speaks https, by its own word or its proxy's: who lies only loses their own cookie."""
    origin = request.headers.get("origin", "")
    forwarded = request.headers.get("x-forwarded-proto", "")
    return "https" in (request.url.scheme, urlsplit(origin).scheme, forwarded.partition(",")[0].strip())
