"""All routes of the dashboard. None of them is part of the API, so none of them is in ``openapi.json``."""

from __future__ import annotations

from fastapi import APIRouter

from service.auth.requires import OPEN, requires
from service.pages import (
    assets,
    compare,
    figures,
    login,
    report,
    selection,
    study,
    study_list,
    timelines,
    trial,
    trials,
    workers,
)
from studies.contract.scopes import Scope

router = APIRouter(include_in_schema=False)
for module in (assets, login):
    router.include_router(module.router, dependencies=[OPEN])
for module in (study_list, study, report, selection, trials, trial, compare, workers, figures, timelines):
    router.include_router(module.router, dependencies=[requires(Scope.READ)])
