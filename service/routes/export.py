"""A study as a file to keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from service.auth.requires import requires
from service.dependencies import StoreDep, StudyId
from service.export import asked_for, chosen_csv_lines, csv_lines, json_lines
from service.routes import PROBLEMS
from service.trial_queries import AskedDep, ColumnsText, read_columns, vocabulary_of
from studies.contract.scopes import Scope

router = APIRouter(prefix="/api/v1/studies", tags=["studies"], responses=PROBLEMS, dependencies=[requires(Scope.READ)])

_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@router.get("/{study_id}/export", response_class=StreamingResponse)
def export_study(
    store: StoreDep,
    study_id: StudyId,
    asked: AskedDep,
    file_format: Annotated[Literal["csv", "json"], Query(alias="format")] = "json",
    columns: ColumnsText = "",
) -> StreamingResponse:
    """Return the study's trials as CSV, or study, decisions and trials as JSON.

    With ``filter`` and ``sort`` these trials in this order alone; ``columns`` are those of the CSV, else it has all.
    """
    study = store.get_study(study_id)
    vocabulary = vocabulary_of(store, study)
    trials = asked_for(store, study_id, asked.read(vocabulary) if asked.anything else None)
    if file_format == "json":
        lines: Iterator[str] = json_lines(store, study, trials)
    elif columns:
        lines = chosen_csv_lines(trials, read_columns(vocabulary, columns), vocabulary)
    else:
        lines = csv_lines(trials)
    disposition = f'attachment; filename="{study.name}.{file_format}"'
    return StreamingResponse(lines, media_type=_MEDIA_TYPES[file_format], headers={"Content-Disposition": disposition})
