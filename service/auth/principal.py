"""Who asks: what a request may do, and how it was recognised."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from studies.contract.scopes import Scope, including


@dataclass(frozen=True)
class Principal:
    """Whoever sent a request.

    Attributes:
        name: the token's name, for people.
        scopes: all that it may do, included scopes too.
        csrf: what a page must send along with a write; None where no cookie vouches for the request.
    """

    name: str
    scopes: frozenset[Scope]
    csrf: str | None = None

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes


class Forbidden(Exception):
    """The token may not do this: says which scope is needed and how to come by it."""

    def __init__(self, needed: Scope, principal: Principal) -> None:
        granting = " or ".join(each.value for each in Scope if needed in including([each]))
        held = ", ".join(each.value for each in Scope if principal.may(each)) or "none"
        super().__init__(
            f"This needs a token with the scope {granting}; this one has {held}. Make one beside the server's database "
            f"with `stagetune token create NAME --scope {needed}`, and set STAGETUNE_TOKEN to it or log in with it."
        )


EVERYONE = Principal("everyone", including([Scope.ADMIN]))
"""Whoever asks an open server: one that only this machine can reach and that has no token."""

NOBODY = Principal("nobody", frozenset())
"""Whoever asks for what is open to all, without having to say who it is."""


def owner_of(request: Request) -> str:
    """Return whose a study is that this request submits: the token's name, "" where nobody has to say who they are."""
    principal = principal_of(request)
    return "" if principal in (EVERYONE, NOBODY) else principal.name


def principal_of(request: Request) -> Principal:
    """Return who asks; the middleware has found that out."""
    principal: Principal = getattr(request.state, "principal", NOBODY)
    return principal
