"""Scopes: what the holder of a token may do."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """What a token is for.

    ``read`` sees everything; ``submit`` also creates and commands studies; ``worker`` runs trials and nothing else
    (a node that is broken into must not give away the studies of others); ``admin`` may do all of it, and looks after
    workers, tokens and old studies.
    """

    READ = "read"
    SUBMIT = "submit"
    WORKER = "worker"
    ADMIN = "admin"


_INCLUDED: dict[Scope, frozenset[Scope]] = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.SUBMIT: frozenset({Scope.SUBMIT, Scope.READ}),
    Scope.WORKER: frozenset({Scope.WORKER}),
    Scope.ADMIN: frozenset(Scope),
}


def including(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Return `scopes` with all that they include: submit includes read, admin includes every other."""
    return frozenset().union(*(_INCLUDED[scope] for scope in scopes))
