"""The one place where exceptions become problem+json answers."""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from service import problems
from service.auth.principal import Forbidden
from service.middleware.headers import SECURITY_HEADERS
from service.middleware.observing import REQUEST_ID, ids_of
from service.pages.missing import forbidden_page, missing_page, unreadable_page, wants_page
from service.problems import ProblemKind, respond
from studies import errors
from studies.log_lines import fields

logger = logging.getLogger(__name__)

_KINDS: dict[type[errors.StagetuneError], ProblemKind] = {
    errors.InvalidStudy: problems.INVALID_STUDY,
    errors.InvalidFilter: problems.INVALID_FILTER,
    errors.NotFound: problems.NOT_FOUND,
    errors.NameTaken: problems.NAME_TAKEN,
    errors.IdempotencyConflict: problems.IDEMPOTENCY_CONFLICT,
    errors.NotAllowedNow: problems.NOT_ALLOWED_NOW,
    errors.LeaseLost: problems.LEASE_LOST,
    errors.StorageUnavailable: problems.STORAGE_UNAVAILABLE,
    errors.StorageFull: problems.STORAGE_FULL,
    errors.SchemaMismatch: problems.SCHEMA_MISMATCH,
}

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class RequestRefused(Exception):
    """A request that a route cannot take: carries its own problem."""

    def __init__(self, kind: ProblemKind, detail: str, faults: tuple[str, ...] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.faults = faults


def install(app: FastAPI) -> None:
    """Let `app` answer every failure as a problem."""
    app.add_exception_handler(errors.StagetuneError, answer_to)
    app.add_exception_handler(OSError, _on_os_error)
    app.add_exception_handler(Forbidden, _on_forbidden)
    app.add_exception_handler(RequestRefused, _on_refused)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_unexpected)


def fault_lines(found: Sequence[Any]) -> tuple[str, ...]:
    """Return pydantic's errors as ``path: message`` lines; what was given is left out (it may be NaN or a secret)."""
    return tuple(f"{_path(fault['loc'])}: {fault['msg']}" for fault in found)


def refuse_invalid(error: ValidationError) -> RequestRefused:
    """Return the refusal of a body that is not the message it should be."""
    faults = fault_lines(error.errors(include_input=False, include_url=False, include_context=False))
    return RequestRefused(problems.INVALID_REQUEST, "Mend every fault named and send the request again.", faults)


def _path(location: tuple[str | int, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.lstrip(".") or "body"


def answer_to(request: Request, error: Exception) -> Response:
    """Return the answer to a request that ended in an error of the studies package."""
    kind = next((_KINDS[cls] for cls in type(error).__mro__ if cls in _KINDS), problems.INTERNAL)
    if kind.status >= 500:  # noqa: PLR2004 (a server's own fault belongs in its log)
        logger.warning("%s %s: %s", request.method, request.url.path, error, extra=fields(**ids_of(request.scope)))
        request.app.state.instruments.failure(error)
    faults = error.faults if isinstance(error, errors.InvalidStudy) else None
    return respond(kind, str(error), instance=request.url.path, faults=faults)


def _on_forbidden(request: Request, error: Exception) -> Response:
    if wants_page(request):
        return forbidden_page(request, str(error))
    return respond(problems.FORBIDDEN, str(error), instance=request.url.path)


def _on_os_error(request: Request, error: Exception) -> Response:
    """A file of the service that cannot be written for want of space is like a database that is full."""
    assert isinstance(error, OSError)  # registered for this type alone
    if error.errno not in _NO_SPACE:
        raise error
    detail = "A disk of the service is full: make room on it, then try again."
    logger.warning("%s %s: %s", request.method, request.url.path, detail)
    return respond(problems.STORAGE_FULL, detail, instance=request.url.path)


def _on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)  # registered for this type alone
    return respond(error.kind, str(error), instance=request.url.path, faults=error.faults)


def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # registered for this type alone
    detail = "Mend every fault named and send the request again."
    faults = fault_lines(error.errors())
    if wants_page(request):
        return unreadable_page(request, faults)
    return respond(problems.INVALID_REQUEST, detail, instance=request.url.path, faults=faults)


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # registered for this type alone
    kind, detail = _http_problem(request, error)
    if kind is problems.NOT_FOUND and wants_page(request):
        return missing_page(request, f"Nothing stands at {request.url.path}: begin at the list of studies.")
    return respond(kind, detail, instance=request.url.path, headers=error.headers)


def _http_problem(request: Request, error: HTTPException) -> tuple[ProblemKind, str]:
    if error.status_code == problems.NOT_FOUND.status:
        return problems.NOT_FOUND, f"Nothing answers at {request.url.path}: /openapi.json lists every path."
    if error.status_code == problems.METHOD_NOT_ALLOWED.status:
        allowed = (error.headers or {}).get("Allow", "another method")
        return problems.METHOD_NOT_ALLOWED, f"{request.method} is not taken here: use {allowed}."
    return problems.of_status(error.status_code), error.detail


def _on_unexpected(request: Request, error: Exception) -> Response:
    """Answer outside of all middleware, so that what it adds to every other answer is added here."""
    request_id = str(request.scope.get("state", {}).get("request_id", ""))
    about = fields(request=request_id, **ids_of(request.scope))
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error, extra=about)
    detail = (
        f"{type(error).__name__}: this is a fault of the service. Its log says more about the request {request_id}; "
        "trying again may help."
    )
    headers = SECURITY_HEADERS | {REQUEST_ID: request_id}
    return respond(problems.INTERNAL, detail, instance=request.url.path, headers=headers)
