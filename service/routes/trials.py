"""Trials: a study's pages of them, one in full, its curves and its log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from service.auth.requires import requires
from service.dependencies import StoreDep, StudyId, TrialId
from service.errors import RequestRefused
from service.problems import INVALID_REQUEST
from service.routes import PROBLEMS
from service.trial_queries import AskedDep, vocabulary_of
from studies.contract.scopes import Scope
from studies.contract.trial_query import MOST_ROWS
from studies.contract.views import CurveView, LogPage, TrialDetail, TrialPage
from studies.contract.worker_protocol import MAX_LOG_CHARS, MetricName
from studies.core.curves import minmax_thin
from studies.core.curves.thinning import MIN_POINTS
from studies.core.snapshot import LOSS, Curve

MAX_OFFSET = 2**53
MAX_NUMBER = 2**31 - 1

OFFSET = "`next_offset` of the page before. A negative one counts from the end of what there is."

router = APIRouter(prefix="/api/v1", tags=["trials"], responses=PROBLEMS, dependencies=[requires(Scope.READ)])


@router.get("/studies/{study_id}/trials")
def list_trials(
    store: StoreDep,
    study_id: StudyId,
    asked: AskedDep,
    *,
    after: Annotated[int | None, Query(ge=-1, le=MAX_NUMBER, description="`next_after` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    offset: Annotated[int | None, Query(ge=0, le=MAX_NUMBER, description="Leave out so many of the first.")] = None,
) -> TrialPage:
    """Return a page of the study's trials: in order of number, or those that a filter asks for in any order.

    With ``filter``, ``sort`` or ``offset`` the answer says how many there are in all, and pages go by ``offset``.
    """
    if offset is None and not asked.anything:
        return store.list_trials(study_id, after, limit)
    if after is not None:
        raise RequestRefused(INVALID_REQUEST, "`after` pages by number alone: use `offset` with a filter or an order.")
    vocabulary = vocabulary_of(store, store.get_study(study_id))
    return store.find_trials(study_id, asked.read(vocabulary, offset or 0, limit))


@router.get("/trials/{trial_id}")
def get_trial(store: StoreDep, trial_id: TrialId) -> TrialDetail:
    return store.get_trial(trial_id)


@router.get("/trials/{trial_id}/metrics")
def get_curve(
    store: StoreDep,
    trial_id: TrialId,
    name: MetricName = LOSS,
    points: Annotated[int, Query(ge=MIN_POINTS, le=100_000, description="At most this many.")] = 1000,
) -> CurveView:
    """Return a metric's curve, thinned so that its minima and maxima stay. NaN and infinities are strings."""
    whole = store.curve(trial_id, name)
    return _curve_view(trial_id, name, minmax_thin(whole, points), total=len(whole))


@router.get("/trials/{trial_id}/log")
def get_log(
    store: StoreDep,
    trial_id: TrialId,
    offset: Annotated[int, Query(ge=-MAX_OFFSET, le=MAX_OFFSET, description=OFFSET)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LOG_CHARS, description="At most so many characters.")] = MAX_LOG_CHARS,
) -> LogPage:
    """Return what the trial has printed, from a character on."""
    return store.log(trial_id, offset, limit)


def _curve_view(trial_id: str, name: str, curve: Curve, total: int) -> CurveView:
    return CurveView(
        trial_id=trial_id,
        name=name,
        steps=tuple(curve.steps.tolist()),
        values=tuple(curve.values.tolist()),
        total_points=total,
    )
