"""The API's own description."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from service.auth.requires import requires
from studies.contract.scopes import Scope

router = APIRouter(include_in_schema=False, dependencies=[requires(Scope.READ)])


@router.get("/openapi.json", name="openapi")
async def openapi(request: Request) -> JSONResponse:
    """Answer with the OpenAPI document."""
    return JSONResponse(request.app.openapi())
