"""A trial as an event file: its hyperparameters for the HParams tab, then its curves."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator

from service.figures.axes import Ruler, positions, spans
from service.tensorboard.messages import Status, scalar_events, session_end, session_start, version_event
from service.usage import steps_done
from studies.contract.base import Scalar
from studies.contract.states import TrialState
from studies.contract.views import TrialDetail
from studies.core.schedules import describe
from studies.core.snapshot import Curve
from studies.storage.port import StudyStore

POINTS = 65_536
"""Points that are written at once: some megabytes."""


def event_file(store: StudyStore, trial_id: str) -> Iterator[bytes]:
    """Return the trial's event file in pieces.

    Raises:
        NotFound: at once, not with the first piece.
    """
    return _pieces(store, store.get_trial(trial_id))


def file_name(trial: TrialDetail) -> str:
    """Return a name by which TensorBoard takes it for an event file."""
    return f"events.out.tfevents.{int(trial.started_at or trial.created_at)}.stagetune"


def _pieces(store: StudyStore, trial: TrialDetail) -> Iterator[bytes]:
    began = trial.started_at or trial.created_at
    measured = Ruler(spans=spans(trial.attempts, steps_done(trial), time.time()))
    yield version_event(began) + session_start(_params(trial), _group(trial), began)
    for name in trial.metrics:
        yield from _curve(name, store.curve(trial.id, name), measured, began)
    yield session_end(_status(trial.state), trial.ended_at or began)


def _curve(name: str, curve: Curve, measured: Ruler, began: float) -> Iterator[bytes]:
    for first in range(0, len(curve), POINTS):
        steps, values = curve.steps[first : first + POINTS], curve.values[first : first + POINTS]
        seconds = positions("time", steps, measured)
        yield scalar_events(name, steps, values, began if seconds is None else began + seconds)


def _params(trial: TrialDetail) -> dict[str, Scalar]:
    own: dict[str, Scalar] = {"schedule": describe(trial.schedule), "steps": trial.num_steps, "seed": trial.seed}
    return {**trial.params, **own, "stage": trial.stage}


def _group(trial: TrialDetail) -> str:
    """Return a name for the configuration: trials that differ in their seed alone are averaged."""
    identity = [trial.study_id, trial.params, trial.schedule.model_dump(mode="json"), trial.num_steps]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _status(state: TrialState) -> Status:
    if not state.ended:
        return "running"
    return "success" if state is TrialState.COMPLETED else "failure"
