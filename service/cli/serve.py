"""``stagetune serve``: the server, in the foreground."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from service.cli.console import complain, err
from service.settings import Settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Beyond loopback a token is required.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    database_url: Annotated[str | None, typer.Option(help="sqlite:///FILE or postgresql://USER@HOST/NAME")] = None,
    token: Annotated[str | None, typer.Option(help="Ask every client for it. Better: STAGETUNE_TOKEN.")] = None,
    allowed_host: Annotated[list[str] | None, typer.Option(help="A name to answer to; may be repeated.")] = None,
    root_path: Annotated[str | None, typer.Option(help="Path prefix that a reverse proxy strips.")] = None,
) -> None:
    """Serve the API and the dashboard. What is left out comes from STAGETUNE_... or the defaults."""
    from service.app import create_app  # the engine's numerics take a while to load: not for `--help`
    from service.server import Server, listen, url_of

    settings = _settings(
        host=host,
        port=port,
        database_url=database_url,
        token=token,
        allowed_hosts=tuple(allowed_host) if allowed_host else None,
        root_path=root_path,
    )
    app = create_app(settings)
    try:
        listening = listen(settings.host, settings.port)
    except OSError as error:
        complain(OSError(f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): choose another --port"))
        raise typer.Exit(1) from error
    url = url_of(listening)
    err.print(f"Stagetune serves at [link]{url}[/link]; add workers with: stagetune-worker --server {url}")
    Server(app).run(sockets=[listening])


def _settings(**given: Any) -> Settings:
    return Settings(**{name: value for name, value in given.items() if value is not None})
