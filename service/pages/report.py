"""``/studies/{id}/report``: the study as one file, to be looked at or saved."""

from __future__ import annotations

import time

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from service.dependencies import StoreDep, StudyId
from service.pages.page_route import PageRoute
from service.report.page import POLICY, report_page
from service.version import installed_version

router = APIRouter(route_class=PageRoute)


@router.get("/studies/{study_id}/report", name="study_report")
def study_report(store: StoreDep, study_id: StudyId) -> HTMLResponse:
    """Answer with the report under its own policy, which is stricter than that of the pages."""
    name = store.get_study(study_id).name
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'inline; filename="{name}-report.html"',
        "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    }
    return HTMLResponse(report_page(store, study_id, time.time(), installed_version()), headers=headers)
