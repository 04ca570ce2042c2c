"""What routes and pages ask FastAPI for: the store, the settings, the raw body, ids in their known form.

All of them are coroutines: FastAPI calls plain functions in a thread each, which costs more than they do.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Request

from service.gathering import Gathering
from service.settings import Settings
from studies.contract.ids import ID_PATTERN
from studies.errors import NotFound
from studies.storage.port import StudyStore

_ID = re.compile(ID_PATTERN)


async def get_store(request: Request) -> StudyStore:
    store: StudyStore = request.app.state.store
    return store


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def get_gathering(request: Request) -> Gathering:
    gathering: Gathering = request.app.state.gathering
    return gathering


async def get_raw_body(request: Request) -> bytes:
    return await request.body()


def _known_form(given: str, kind: str, listing: str) -> str:
    """Return an id as it is; what no id can look like names nothing (and never reaches the database)."""
    if not _ID.fullmatch(given):
        raise NotFound(f"There is no {kind} with this id: GET {listing} lists what there is.")
    return given


async def get_study_id(study_id: str) -> str:
    return _known_form(study_id, "study", "/api/v1/studies")


async def get_trial_id(trial_id: str) -> str:
    return _known_form(trial_id, "trial", "/api/v1/studies/{id}/trials")


async def get_worker_id(worker_id: str) -> str:
    return _known_form(worker_id, "worker", "/api/v1/workers")


async def get_attempt_id(attempt_id: str) -> str:
    return _known_form(attempt_id, "attempt", "/api/v1/trials/{id}")


StoreDep = Annotated[StudyStore, Depends(get_store)]
SettingsDep = Annotated[Settings, Depends(get_settings)]
GatheringDep = Annotated[Gathering, Depends(get_gathering)]
RawBody = Annotated[bytes, Depends(get_raw_body)]
StudyId = Annotated[str, Depends(get_study_id)]
TrialId = Annotated[str, Depends(get_trial_id)]
WorkerId = Annotated[str, Depends(get_worker_id)]
AttemptId = Annotated[str, Depends(get_attempt_id)]
