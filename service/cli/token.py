"""``stagetune token``: who may do what. Works on the database itself: whoever holds that may do everything anyway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from service.auth.secrets import new_token
from service.cli.common import DatabaseOption, existing_database, kept_database, seconds_of
from service.cli.console import err, out, show
from service.settings import read_settings
from studies.contract.scopes import Scope
from studies.storage.credentials import Credentials, Token

app = typer.Typer(help="Tokens: who may read, submit, work and administer.", no_args_is_help=True)

_NEVER = "never"


@app.command("create", epilog="Example: stagetune token create gpu-nodes --scope worker --expires 90d")
def create(
    name: Annotated[str, typer.Argument(help="What it is for, so that you know it again in the list.")],
    scope: Annotated[
        list[Scope],
        typer.Option(
            help="read: see everything. submit: also create and command studies. worker: run trials, nothing else. "
            "admin: all of it. May be given repeatedly."
        ),
    ],
    expires: Annotated[str, typer.Option(help="For how long: 12h, 90d, 8w, or never.")] = "90d",
    database_url: DatabaseOption = None,
) -> None:
    """Make a token. It is shown this once: the database keeps its hash alone.

    From the first token on, the server asks everyone for one, on loopback too.
    """
    lifetime = lifetime_of(expires)
    text, new = new_token(name, tuple(dict.fromkeys(scope)), lifetime)
    with _new_credentials(database_url) as credentials:
        token = credentials.create_token(new)
    until = "never expires" if token.expires_at is None else f"expires on {_date(token.expires_at)}"
    err.print(f"Token {token.id} ({name}: {_scopes(token)}) {until}. It is not shown again:")
    out.print(text, markup=False)


@app.command("list", epilog="Example: stagetune token list")
def list_tokens(database_url: DatabaseOption = None) -> None:
    """List all tokens, the expired and revoked ones too, newest first."""
    with _credentials(database_url) as credentials:
        found = credentials.tokens()
    if found:
        show(_table(found))
    else:
        out.print("No token yet: make one with `stagetune token create NAME --scope SCOPE`.")


@app.command("revoke", epilog="Example: stagetune token revoke tk_7k2m9qx4v0abcd")
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id, as in the list.")],
    database_url: DatabaseOption = None,
) -> None:
    """End a token, and the browser sessions that it opened, within seconds."""
    with _credentials(database_url) as credentials:
        token = credentials.revoke_token(token_id)
    out.print(f"Token {token.id} ({token.name}) is revoked.", markup=False)


def lifetime_of(text: str) -> float | None:
    """Return the seconds that ``12h``, ``90d`` or ``8w`` are, None for ``never``.

    Raises:
        typer.BadParameter
    """
    if text == _NEVER:
        return None
    seconds = seconds_of(text)
    if seconds is None:
        raise typer.BadParameter(
            "give a number of hours, days or weeks (12h, 90d, 8w), or never", param_hint="--expires"
        )
    return seconds


@contextmanager
def _new_credentials(database_url: str | None) -> Iterator[Credentials]:
    """Open the database, which is made where there is none yet: a server's first token may come before the server."""
    from service.storage import open_database  # heavy to load: not for `--help`

    settings = read_settings(database_url=kept_database(database_url))
    with closing(open_database(settings)) as store:
        yield store.credentials


@contextmanager
def _credentials(database_url: str | None) -> Iterator[Credentials]:
    """Open the database as it is: whoever looks at it must not upgrade it under a server that is at work."""
    from studies.storage import open_store  # heavy to load: not for `--help`

    with closing(open_store(existing_database(database_url))) as store:
        store.check()
        yield store.credentials


def _table(tokens: Sequence[Token]) -> Table:
    table = Table("id", "name", "scopes", "state", "expires", "last used", box=None, pad_edge=False)
    for token in tokens:
        expires = _NEVER if token.expires_at is None else _date(token.expires_at)
        used = _NEVER if token.last_used_at is None else _date(token.last_used_at)
        table.add_row(token.id, token.name, _scopes(token), token.state, expires, used)
    return table


def _scopes(token: Token) -> str:
    return ", ".join(token.scopes)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
