"""Templates: autoescaped, strict about unknown names, with links that keep to the root path of a reverse proxy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, Literal

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from service import format as people
from service.auth.principal import principal_of
from service.pages.assets import module_names, plotly_name, version

THEME_COOKIE: Final = "stagetune_theme"
"""Set by the page's switch (theme.js); read here, so that the right theme stands there from the first paint on."""


@cache
def environment() -> Environment:
    """Return the one Jinja environment; its filters are the functions of `service.format`."""
    loader = PackageLoader("service", "templates")
    env = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    filters: tuple[Callable[..., str], ...] = (
        people.number,
        people.scalar,
        people.params,
        people.duration,
        people.ago,
        people.memory,
        people.words,
        people.sentence,
        people.stage_title,
    )
    env.filters.update({function.__name__: function for function in filters})
    env.globals["count"] = people.count
    return env


def base_path(request: Request) -> str:
    """Return the path below which the application is mounted, without a slash at its end; usually empty."""
    return request.base_url.path.rstrip("/")


def href(request: Request, route: str, **parts: object) -> str:
    """Return the path of a route of ours. A path and no origin: behind a proxy we cannot know the browser's."""
    return request.url_for(route, **parts).path


class Links:
    """Paths of our routes for one page: a table of a hundred trials asks for the route of a trial once."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._shapes: dict[str, str] = {}

    def __call__(self, route: str, **parts: str) -> str:
        """Return what `href` does."""
        shape = self._shapes.get(route)
        if shape is None:
            shape = self._shapes[route] = href(self._request, route, **{name: f"{{{name}}}" for name in parts})
        for name, value in parts.items():
            shape = shape.replace(f"{{{name}}}", value)
        return shape


def wanted_theme(request: Request) -> Literal["light", "dark", ""]:
    """Return the theme that the reader has switched to, "" to follow the system."""
    match request.cookies.get(THEME_COOKIE):
        case "light":
            return "light"
        case "dark":
            return "dark"
        case _:
            return ""


def page(request: Request, template: str, context: object, status: int = 200) -> HTMLResponse:
    """Render `template` with `context` as its variable ``page``."""
    link = Links(request)
    text = (
        environment()
        .get_template(template)
        .render(
            page=context,
            href=link,
            asset=lambda path: link("static_file", at_version=version(), path=path),
            modules=module_names(),
            plotly_url=link("plotly", name=plotly_name()),
            base=base_path(request),
            me=principal_of(request),
            after=getattr(request.state, "after", ""),
            theme=wanted_theme(request),
        )
    )
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-cache"})
