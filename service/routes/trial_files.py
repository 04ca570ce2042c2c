"""What of a trial can be taken away: its run, to be run again alone."""

from __future__ import annotations

from fastapi import APIRouter

from service.auth.requires import requires
from service.dependencies import StoreDep, TrialId
from service.routes import PROBLEMS
from studies.contract.runs import run_of
from studies.contract.scopes import Scope
from studies.contract.worker_protocol import RunSpec

router = APIRouter(prefix="/api/v1/trials", tags=["trials"], responses=PROBLEMS, dependencies=[requires(Scope.READ)])


@router.get("/{trial_id}/run")
def get_run(store: StoreDep, trial_id: TrialId) -> RunSpec:
    """Return what a worker is told to run for the trial: `stagetune reproduce` runs it alone."""
    trial = store.get_trial(trial_id)
    return run_of(trial, store.get_study(trial.study_id).spec)
