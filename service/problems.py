"""Errors as values: every way in which a request can fail has one code, status and title (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Response

from studies.contract.views import Problem

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class ProblemKind:
    """A way to fail. ``code`` ends the problem's ``type``; ``headers`` go with every answer of this kind."""

    code: str
    status: int
    title: str
    headers: tuple[tuple[str, str], ...] = ()


INVALID_STUDY = ProblemKind("invalid-study", 422, "The study file has faults")
INVALID_REQUEST = ProblemKind("invalid-request", 422, "The request has faults")
INVALID_FILTER = ProblemKind("invalid-filter", 422, "The filter cannot be read")
NOT_FOUND = ProblemKind("not-found", 404, "There is nothing here")
METHOD_NOT_ALLOWED = ProblemKind("method-not-allowed", 405, "This path does not take this method")
NAME_TAKEN = ProblemKind("name-taken", 409, "Another study has this name")
IDEMPOTENCY_CONFLICT = ProblemKind("idempotency-conflict", 409, "The Idempotency-Key was used before")
NOT_ALLOWED_NOW = ProblemKind("not-allowed-now", 409, "The study's state does not allow this")
LEASE_LOST = ProblemKind("lease-lost", 409, "The lease has ended")
BODY_TOO_LARGE = ProblemKind("body-too-large", 413, "The body is too large")
BODY_TOO_SLOW = ProblemKind("body-too-slow", 408, "The body took too long", (("Connection", "close"),))
UNSUPPORTED_MEDIA_TYPE = ProblemKind("unsupported-media-type", 415, "This media type is not read here")
UNAUTHORIZED = ProblemKind(
    "unauthorized",
    401,
    "A token is needed",
    (("WWW-Authenticate", 'Bearer realm="stagetune"'),),
)
TOO_MANY_ATTEMPTS = ProblemKind("too-many-attempts", 429, "Too many wrong tokens")
FORBIDDEN = ProblemKind("forbidden", 403, "The token may not do this")
CSRF = ProblemKind("csrf", 403, "The page is out of date")
HOST_NOT_ALLOWED = ProblemKind("host-not-allowed", 400, "The service does not answer to this name")
CROSS_ORIGIN = ProblemKind("cross-origin", 403, "Another site may not write here")
TOO_MANY_STREAMS = ProblemKind("too-many-streams", 503, "Too many pages follow events here", (("Retry-After", "30"),))
STORAGE_UNAVAILABLE = ProblemKind("storage-unavailable", 503, "The database does not answer", (("Retry-After", "2"),))
STORAGE_FULL = ProblemKind("storage-full", 507, "A disk of the service is full", (("Retry-After", "5"),))
SCHEMA_MISMATCH = ProblemKind("schema-mismatch", 503, "The database has another schema", (("Retry-After", "30"),))
NOT_READY = ProblemKind("not-ready", 503, "The service is not ready", (("Retry-After", "2"),))
DIGEST_MISMATCH = ProblemKind("digest-mismatch", 422, "The body is not what was announced")
ARTIFACTS_FULL = ProblemKind("artifacts-full", 507, "The artifact folder takes no more")
INTERNAL = ProblemKind("internal-error", 500, "The service failed")


def of_status(status: int) -> ProblemKind:
    """Return a kind for an HTTP error that has none of its own."""
    phrase = HTTPStatus(status).phrase
    return ProblemKind(phrase.lower().replace(" ", "-").replace("'", ""), status, phrase)


def respond(
    kind: ProblemKind,
    detail: str,
    *,
    instance: str | None = None,
    faults: tuple[str, ...] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the problem+json answer: what went wrong, and in `detail` what to do about it."""
    problem = Problem(
        type=f"/problems/{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=instance,
        faults=faults,
    )
    answer = Response(
        problem.model_dump_json(exclude_none=True),
        status_code=kind.status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )
    for name, value in kind.headers:
        answer.headers.append(name, value)
    return answer
