"""What commands share: the server's address, and studies named by name or id."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.client import ApiClient, ApiError

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
StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="A study's name or id.")]


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
