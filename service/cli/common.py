"""What commands share: the server's and the database's address, studies named by name or id, spans of time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from service.client import ApiClient, ApiError
from service.settings import read_settings
from studies.errors import StagetuneError

DEFAULT_SERVER = "http://127.0.0.1:8080"

ServerOption = Annotated[str, typer.Option("--server", envvar="STAGETUNE_SERVER", help="The server's address.")]
TokenOption = Annotated[
    str | None, typer.Option("--token", envvar="STAGETUNE_TOKEN", show_envvar=True, help="The server's token.")
]
FilterOption = Annotated[
    str, typer.Option("--filter", help="Only trials of which this holds, e.g. 'lr < 0.1 and state = diverged'.")
]
SortOption = Annotated[
    str, typer.Option("--sort", help="By what to sort: lr, dev_accuracy, 'last(loss)'; else by number.")
]
DescendingOption = Annotated[bool, typer.Option("--descending", help="The largest first.")]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        envvar="STAGETUNE_DATABASE_URL",
        help="sqlite:///FILE or postgresql://USER@HOST/NAME. Default: sqlite:///stagetune-data/stagetune.db",
    ),
]
StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="A study's name or id.")]


_SECONDS = {"h": 3_600.0, "d": 86_400.0, "w": 7 * 86_400.0}
_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])")


def seconds_of(span: str) -> float | None:
    """Return the seconds that ``12h``, ``90d`` or ``8w`` are; None for what is no span of time."""
    found = _SPAN.fullmatch(span)
    return None if found is None else int(found[1]) * _SECONDS[found[2]]


def database_of(given: str | None) -> str:
    """Return the address of the database that a command works on."""
    return read_settings().database_url if given is None else given


def existing_database(given: str | None) -> str:
    """Return the address of a database that is there: a command that only looks must not make an empty one.

    Raises:
        StagetuneError: it is not, or keeps nothing beyond this command.
    """
    from studies.storage.sql.engine import database_url, sqlite_path  # heavy to load: not for `--help`

    address = kept_database(given)
    path = sqlite_path(database_url(address))
    if path is not None and not path.exists():
        raise StagetuneError(f"There is no database {path}: name one with --database-url.")
    return address


def kept_database(given: str | None) -> str:
    """Return the address of a database that outlives this command.

    Raises:
        StagetuneError: it is ``memory://``.
    """
    address = database_of(given)
    if address == "memory://":
        raise StagetuneError("memory:// keeps nothing for another command: name a database with --database-url.")
    return address


def study_id_of(client: ApiClient, given: str) -> str:
    """Return the id of the study of that name; what names no study is taken for an id."""
    found = client.studies(name=given)
    return found[0].id if found else given


def media_type_of(path: Path) -> str:
    return "application/json" if path.suffix.lower() == ".json" else "application/yaml"


def trial_id_of(client: ApiClient, given: str) -> str:
    """Return the id of the trial that is named as ``study/12``; anything else is taken for an id.

    Raises:
        ApiProblem, ApiError: there is no such trial.
    """
    study, separator, number = given.rpartition("/")
    if not separator or not number.isdecimal():
        return given
    found = client.trial_numbered(study_id_of(client, study), int(number))
    if found is None:
        raise ApiError(f"{study} has no trial {number}: its page lists what there is")
    return found.id
