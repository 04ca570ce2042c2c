"""The pages for what is not there: each says what is wrong and where to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse

from service.pages.rendering import base_path, page


@dataclass(frozen=True)
class MissingContext:
    title: str
    detail: str


def wants_page(request: Request) -> bool:
    """Return whether a person in a browser asked, and not for the API."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(
        (f"{base_path(request)}/api/", f"{base_path(request)}/static/")
    )


def missing_page(request: Request, detail: str) -> HTMLResponse:
    return page(request, "missing.html", MissingContext("There is nothing here", detail), status=404)


def unreadable_page(request: Request, faults: Sequence[str]) -> HTMLResponse:
    detail = f"It may have been cut off or mistyped. {'; '.join(faults)}."
    return page(request, "missing.html", MissingContext("This address cannot be read", detail), status=422)


def forbidden_page(request: Request, detail: str) -> HTMLResponse:
    return page(request, "missing.html", MissingContext("Your token does not go that far", detail), status=403)


def unavailable_page(request: Request, detail: str) -> HTMLResponse:
    context = MissingContext("The database does not answer", detail)
    answer = page(request, "missing.html", context, status=503)
    answer.headers["Retry-After"] = "5"
    return answer
