"""All routes of the dashboard. None of them is part of the API, so none of them is in ``openapi.json``."""

from __future__ import annotations

from fastapi import APIRouter

from service.pages import assets, figures, study, study_list, trial, workers

router = APIRouter(include_in_schema=False)
for module in (assets, study_list, study, trial, workers, figures):
    router.include_router(module.router)
