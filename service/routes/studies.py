"""Studies: submit, list, look at, command."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from service.auth.requires import requires
from service.dependencies import RawBody, StoreDep, StudyId
from service.openapi import body_of
from service.routes import PROBLEMS
from service.submission import read_study, require_searchable
from studies.contract.scopes import Scope
from studies.contract.states import StudyCommand
from studies.contract.study_file import NAME, StudySpec
from studies.contract.views import DecisionRecord, StudySummary, StudyView
from studies.storage.port import StudyStore

router = APIRouter(prefix="/api/v1/studies", tags=["studies"], responses=PROBLEMS, dependencies=[requires(Scope.READ)])

_SUBMIT = [requires(Scope.SUBMIT)]

MOST_STUDIES = 1_000
"""Most studies of one answer."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Any key of your own: the same key with the same document answers 200 with the study of then.",
    ),
]


@router.post(
    "",
    status_code=201,
    openapi_extra=body_of(StudySpec, "application/json", "application/yaml"),
    dependencies=_SUBMIT,
    responses={200: {"model": StudyView, "description": "The study that this Idempotency-Key made before."}},
)
def create_study(
    request: Request,
    response: Response,
    store: StoreDep,
    body: RawBody,
    idempotency_key: IdempotencyKey = None,
) -> StudyView:
    """Submit a study file (JSON or YAML). Answers 201, or 200 where the Idempotency-Key was seen before."""
    spec = read_study(body, request.headers.get("content-type", ""))
    require_searchable(spec)
    created = store.create_study(spec, idempotency_key)
    response.status_code = 201 if created.fresh else 200
    response.headers["Location"] = request.url_for("get_study", study_id=created.study_id).path
    return store.get_study(created.study_id)


@router.get("")
def list_studies(
    store: StoreDep,
    name: Annotated[str | None, Query(description="Only the study of this name.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_STUDIES, description="At most so many, the newest.")] = MOST_STUDIES,
) -> list[StudySummary]:
    """List studies, newest first."""
    if name is not None and not NAME.fullmatch(name):  # no study has such a name, and PostgreSQL knows no NUL
        return []
    return list(store.list_studies(limit, name))


@router.get("/{study_id}")
def get_study(store: StoreDep, study_id: StudyId) -> StudyView:
    return store.get_study(study_id)


@router.get("/{study_id}/decisions")
def list_decisions(store: StoreDep, study_id: StudyId) -> list[DecisionRecord]:
    """List what the stages concluded, in the order in which they did."""
    return list(store.decisions(study_id))


@router.post("/{study_id}/pause", dependencies=_SUBMIT)
def pause_study(store: StoreDep, study_id: StudyId) -> StudyView:
    """Stop granting runs; running trials save a checkpoint and go back to waiting."""
    return _command(store, study_id, StudyCommand.PAUSE)


@router.post("/{study_id}/resume", dependencies=_SUBMIT)
def resume_study(store: StoreDep, study_id: StudyId) -> StudyView:
    return _command(store, study_id, StudyCommand.RESUME)


@router.post("/{study_id}/cancel", dependencies=_SUBMIT)
def cancel_study(store: StoreDep, study_id: StudyId) -> StudyView:
    """End the study for good; what it has found stays readable."""
    return _command(store, study_id, StudyCommand.CANCEL)


@router.post("/{study_id}/approve", dependencies=_SUBMIT)
def approve_study(store: StoreDep, study_id: StudyId) -> StudyView:
    """Let the stage that waits for a person begin (``gates: approve``)."""
    return _command(store, study_id, StudyCommand.APPROVE)


def _command(store: StudyStore, study_id: str, command: StudyCommand) -> StudyView:
    return store.command(study_id, command)
