"""Who may address the service and who may write: the Host and Origin checks.

The Host check ends DNS rebinding (a page whose name suddenly resolves to 127.0.0.1). The Origin check ends
cross-site writes: browsers name the page's origin with every POST, programs other than browsers send none.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service import problems
from service.problems import respond

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def hostname(netloc: str) -> str | None:
    """Return the name in ``name:port``, ``[::1]:port`` or ``name``; None where it is no host at all."""
    try:
        return urlsplit(f"//{netloc}").hostname
    except ValueError:
        return None


def from_another_site(headers: Headers, allowed: tuple[str, ...]) -> bool:
    """Return whether a browser sent this for a page of another origin.

    A proxy may rewrite Host, so an origin whose name is among the `allowed` hosts is at home too.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    netloc = urlsplit(origin).netloc
    return netloc != headers.get("host", "") and (not netloc or hostname(netloc) not in _proxied(allowed))


def _proxied(allowed: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for name in allowed if hostname(name) not in ("localhost", "127.0.0.1", "::1"))


class HostAndOrigin:
    """Refuses requests for foreign names (400) and writes from other sites' pages (403).

    Args:
        app: what comes after.
        hosts: names that the Host header may carry; empty allows any.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self.hosts and hostname(headers.get("host", "")) not in self.hosts:
            detail = "Address it by one of its names, or add this one to STAGETUNE_ALLOWED_HOSTS."
            await respond(problems.HOST_NOT_ALLOWED, detail)(scope, receive, send)
        elif scope["method"] not in SAFE_METHODS and from_another_site(headers, self.hosts):
            detail = "Open the service's own pages and do it there."
            await respond(problems.CROSS_ORIGIN, detail)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
