"""Health: is the process there (/healthz), and can it do its work (/readyz)."""

from __future__ import annotations

from fastapi import APIRouter, Request

from service import problems
from service.auth.requires import OPEN
from service.dependencies import StoreDep
from service.errors import RequestRefused
from service.routes import PROBLEMS
from service.ticker import Ticker
from studies.contract.base import Message

router = APIRouter(tags=["health"], responses=PROBLEMS, dependencies=[OPEN])


class Health(Message):
    status: str


@router.get("/healthz")
async def healthz() -> Health:
    """Answer as long as the process lives."""
    return Health(status="ok")


@router.get("/readyz")
def readyz(request: Request, store: StoreDep) -> Health:
    """Answer when the database can be used and the engine moves the studies; 503 says what is wrong."""
    store.check()
    ticker: Ticker = request.app.state.ticker
    if ticker.trouble is not None:
        raise RequestRefused(problems.NOT_READY, ticker.trouble)
    return Health(status="ready")
