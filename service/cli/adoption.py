"""What `run` does about a study of that name that is already there: go on, report, or ask the user to choose."""

from __future__ import annotations

import json
from collections.abc import Collection

from service.client import ApiClient, ApiError
from studies.contract.states import StudyCommand, StudyState
from studies.contract.study_file import StudySpec
from studies.contract.views import StudyView


class StudyChanged(ApiError):
    """A study of this name is there, with another document."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"'{name}' was begun here with a different study file. Choose one:\n"
            "  - put the file back as it was, to go on with that study;\n"
            "  - change `name:` in the file, to begin another one beside it;\n"
            "  - add --fresh, to begin again under the same name with a number."
        )


def adopt(client: ApiClient, spec: StudySpec, *, fresh: bool) -> StudyView:
    """Return the study to follow: the one already there, resumed if it was paused, or a new one.

    Raises:
        StudyChanged: the study of that name has another document.
        ApiProblem: the server refused the document.
    """
    names = {study.name: study.id for study in client.studies()}
    if fresh:
        return _submit(client, spec.model_copy(update={"name": free_name(spec.name, names)}))
    if spec.name not in names:
        return _submit(client, spec)
    found = client.study(names[spec.name])
    if found.spec != spec:
        raise StudyChanged(spec.name)
    return client.command(found.id, StudyCommand.RESUME) if found.state == StudyState.PAUSED else found


def free_name(name: str, taken: Collection[str]) -> str:
    """Return `name`, or the first of ``name-2``, ``name-3``, ... that is not taken."""
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def _submit(client: ApiClient, spec: StudySpec) -> StudyView:
    return client.submit(json.dumps(spec.model_dump(mode="json")).encode(), "application/json")
