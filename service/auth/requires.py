"""The scope that a route needs, declared where the route is; one that declares none fails a test."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, params
from fastapi.security import APIKeyCookie, HTTPBearer, SecurityScopes

from service.auth.gate import COOKIE
from service.auth.principal import Forbidden, principal_of
from studies.contract.scopes import Scope

_BEARER = HTTPBearer(auto_error=False, description="A token: `stagetune token create NAME --scope read`.")
_SESSION = APIKeyCookie(name=COOKIE, auto_error=False, description="A browser's session, opened at `/login`.")


def requires(scope: Scope) -> params.Security:
    """Return the dependency of a route that only holders of `scope` may use."""
    return params.Security(_authorise, scopes=[scope.value])


def _open() -> None:
    """Nobody is asked who they are."""


OPEN = Depends(_open)
"""The dependency of a route that is open to all: health checks, files of the pages, the log-in."""


def declared(dependencies: list[params.Depends]) -> frozenset[Scope] | None:
    """Return the scopes that a route's dependencies declare; empty for an open route, None where nothing is said."""
    scopes = [Scope(name) for one in dependencies if isinstance(one, params.Security) for name in one.scopes or ()]
    return frozenset(scopes) if scopes or OPEN in dependencies else None


async def _authorise(
    needed: SecurityScopes,
    request: Request,
    _bearer: Annotated[object, Depends(_BEARER)],  # these two only document the ways in: the middleware has looked
    _session: Annotated[object, Depends(_SESSION)],
) -> None:
    principal = principal_of(request)
    for scope in map(Scope, needed.scopes):
        if not principal.may(scope):
            raise Forbidden(scope, principal)
