"""Studies: submit, list, look at, command."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from service.auth.principal import owner_of
from service.auth.requires import requires
from service.dependencies import RawBody, StoreDep, StudyId
from service.openapi import body_of
from service.routes import PROBLEMS
from service.submission import read_study, require_searchable
from studies.contract.scopes import Scope
from studies.contract.states import StudyCommand, StudyState
from studies.contract.study_file import NAME, StudySpec
from studies.contract.study_query import MOST, StudyOrder, StudyQuery
from studies.contract.views import DecisionRecord, StudySummary, StudyView
from studies.storage.port import StudyStore

router = APIRouter(prefix="/api/v1/studies", tags=["studies"], responses=PROBLEMS, dependencies=[requires(Scope.READ)])

_SUBMIT = [requires(Scope.SUBMIT)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Any key of your own: the same key with the same document answers 200 with the study of then.",
    ),
]


def study_query(
    *,
    q: Annotated[str, Query(max_length=200, description="Words that stand in the name, a tag or the owner.")] = "",
    state: Annotated[tuple[StudyState, ...], Query(description="Any of these states.")] = (),
    tag: Annotated[tuple[str, ...], Query(max_length=20, description="All of these tags.")] = (),
    owner: Annotated[str | None, Query(description="Submitted with the token of this name.")] = None,
    archived: Annotated[bool, Query(description="The archived ones instead of the others.")] = False,
    sort: Annotated[StudyOrder, Query(description="What comes first.")] = "created",
    offset: Annotated[int, Query(ge=0, lt=2**31, description="Leave out so many at the beginning.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="At most so many.")] = MOST,
) -> StudyQuery:
    """Return what a request asks for."""
    return StudyQuery(
        text=q, states=state, tags=tag, owner=owner, archived=archived, sort=sort, offset=offset, limit=limit
    )


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
    created = store.create_study(spec, idempotency_key, owner_of(request))
    response.status_code = 201 if created.fresh else 200
    response.headers["Location"] = request.url_for("get_study", study_id=created.study_id).path
    return store.get_study(created.study_id)


@router.get("")
def list_studies(
    store: StoreDep,
    response: Response,
    asked: Annotated[StudyQuery, Depends(study_query)],
    name: Annotated[str | None, Query(description="Only the study of this name, archived or not.")] = None,
) -> list[StudySummary]:
    """List studies, the newest first unless sorted otherwise. The header X-Total-Count says how many there are in all.

    What was archived is left out, unless it is asked for.
    """
    if name is not None and not NAME.fullmatch(name):  # no study has such a name, and PostgreSQL knows no NUL
        return []
    if name is not None:
        return list(store.list_studies(asked.limit, name))
    found = store.find_studies(asked)
    response.headers["X-Total-Count"] = str(found.total)
    return list(found.studies)


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


@router.post("/{study_id}/archive", dependencies=_SUBMIT)
def archive_study(store: StoreDep, study_id: StudyId) -> StudyView:
    """Put a study that has ended out of sight: lists leave it out unless they are asked for archived ones."""
    return _command(store, study_id, StudyCommand.ARCHIVE)


@router.post("/{study_id}/unarchive", dependencies=_SUBMIT)
def unarchive_study(store: StoreDep, study_id: StudyId) -> StudyView:
    """Bring an archived study back into the lists."""
    return _command(store, study_id, StudyCommand.UNARCHIVE)


def _command(store: StudyStore, study_id: str, command: StudyCommand) -> StudyView:
    return store.command(study_id, command)
