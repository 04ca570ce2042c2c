"""A study as a file to keep."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from service.auth.requires import requires
from service.dependencies import StoreDep, StudyId
from service.export import csv_lines, json_lines
from service.routes import PROBLEMS
from studies.contract.scopes import Scope

router = APIRouter(prefix="/api/v1/studies", tags=["studies"], responses=PROBLEMS, dependencies=[requires(Scope.READ)])

_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@router.get("/{study_id}/export", response_class=StreamingResponse)
def export_study(
    store: StoreDep,
    study_id: StudyId,
    file_format: Annotated[Literal["csv", "json"], Query(alias="format")] = "json",
) -> StreamingResponse:
    """Return the study's trials as CSV, or study, decisions and trials as JSON."""
    study = store.get_study(study_id)
    lines = csv_lines(store, study) if file_format == "csv" else json_lines(store, study)
    disposition = f'attachment; filename="{study.name}.{file_format}"'
    return StreamingResponse(lines, media_type=_MEDIA_TYPES[file_format], headers={"Content-Disposition": disposition})
