"""``stagetune serve``: the server, in the foreground."""

from __future__ import annotations

import logging
import socket
from contextlib import closing
from typing import Annotated, Any

import typer

from service.cli.common import DatabaseOption
from service.cli.console import err
from service.settings import Settings, read_settings, require_safe_bind
from studies.log_lines import LogFormat

logger = logging.getLogger(__name__)

_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (compared with, not bound)


def serve(
    host: Annotated[
        str | None,
        typer.Option(
            envvar="STAGETUNE_HOST",
            help="Address to listen on. Default: 127.0.0.1; beyond loopback a token is required (`stagetune token`).",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(envvar="STAGETUNE_PORT", help="Port to listen on. Default: 8080; 0 takes a free one."),
    ] = None,
    database_url: DatabaseOption = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="STAGETUNE_TOKEN",
            help="A token that may do everything, 16 characters or more; better set in the environment.",
        ),
    ] = None,
    allowed_host: Annotated[list[str] | None, typer.Option(help="A name to answer to; may be repeated.")] = None,
    root_path: Annotated[str | None, typer.Option(help="Path prefix that a reverse proxy strips.")] = None,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(envvar="STAGETUNE_LOG_FORMAT", help="text (the default), or json: one object a line."),
    ] = None,
    access_log: Annotated[
        bool | None, typer.Option(envvar="STAGETUNE_ACCESS_LOG", help="Write a log line for every request.")
    ] = None,
) -> None:
    """Serve the API and the dashboard. What is left out comes from STAGETUNE_... or the defaults."""
    from service.app import create_app  # the engine's numerics take a while to load: not for `--help`
    from service.cli.listening import listen_or_explain
    from service.logs import configure_logs
    from service.server import Server, url_of
    from service.storage import open_database

    settings = _settings(
        host=host,
        port=port,
        database_url=database_url,
        token=token,
        allowed_hosts=tuple(allowed_host) if allowed_host else None,
        root_path=root_path,
        log_format=log_format,
        access_log=access_log,
    )
    configure_logs(settings)
    with listen_or_explain(settings.host, settings.port) as listening, closing(open_database(settings)) as store:
        require_safe_bind(settings, store.credentials)
        server = Server(create_app(settings, store))
        _announce(settings, url_of(listening), listening.getsockname()[1])
        server.run(sockets=[listening])


def _announce(settings: Settings, url: str, port: int) -> None:
    """Say where the server is: to a person with the next step, to a machine as a line of its own."""
    if settings.log_format is LogFormat.TEXT:
        # Bound to every address it is asked by other machines, to whom this one's loopback is their own.
        seen = f"http://{socket.gethostname()}:{port}" if settings.host in _EVERY_ADDRESS else url
        err.print(f"Stagetune serves at {url}; add workers with: stagetune-worker --server {seen}  (Ctrl-C stops it)")
    else:
        logger.info("Stagetune serves at %s", url)


def _settings(**given: Any) -> Settings:
    return read_settings(**{name: value for name, value in given.items() if value is not None})
