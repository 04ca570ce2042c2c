"""What of a trial can be taken away: its run, to be run again alone, its log, and its curves for TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from service.auth.requires import requires
from service.dependencies import StoreDep, TrialId
from service.routes import PROBLEMS
from service.tensorboard.export import event_file, file_name
from studies.contract.runs import run_of
from studies.contract.scopes import Scope
from studies.contract.worker_protocol import MAX_LOG_CHARS, RunSpec
from studies.storage.port import StudyStore

router = APIRouter(prefix="/api/v1/trials", tags=["trials"], responses=PROBLEMS, dependencies=[requires(Scope.READ)])


@router.get("/{trial_id}/run")
def get_run(store: StoreDep, trial_id: TrialId) -> RunSpec:
    """Return what a worker is told to run for the trial: `stagetune reproduce` runs it alone."""
    trial = store.get_trial(trial_id)
    return run_of(trial, store.get_study(trial.study_id).spec)


@router.get("/{trial_id}/tensorboard", response_class=StreamingResponse)
def get_events(store: StoreDep, trial_id: TrialId) -> StreamingResponse:
    """Return the trial's curves and hyperparameters as a TensorBoard event file."""
    trial = store.get_trial(trial_id)
    return _file(event_file(store, trial_id), file_name(trial), "application/octet-stream")


@router.get("/{trial_id}/log.txt", response_class=StreamingResponse)
def get_log_file(store: StoreDep, trial_id: TrialId) -> StreamingResponse:
    """Return all that the trial has printed, as a text file."""
    trial = store.get_trial(trial_id)
    name = f"{store.get_study(trial.study_id).name}-{trial.number}.log"
    return _file(_whole_log(store, trial_id), name, "text/plain; charset=utf-8")


def _whole_log(store: StudyStore, trial_id: str) -> Iterator[bytes]:
    offset = 0
    while text := (found := store.log(trial_id, offset, MAX_LOG_CHARS)).text:
        yield text.encode()
        offset = found.next_offset


def _file(pieces: Iterator[bytes], name: str, media_type: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=media_type, headers=headers)
