"""What Prometheus scrapes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from service.auth.requires import requires
from service.metrics.instruments import Instruments
from service.routes import PROBLEMS
from studies.contract.scopes import Scope

router = APIRouter(tags=["health"], responses=PROBLEMS, dependencies=[requires(Scope.READ)])


@router.get("/metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Tell how the service is doing, in Prometheus' text format or as OpenMetrics."""
    instruments: Instruments = request.app.state.instruments
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(instruments.registry), headers={"Content-Type": media_type, "Cache-Control": "no-store"})
