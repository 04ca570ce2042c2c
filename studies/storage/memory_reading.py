"""What the memory store's tables say: records by id, curves put together, and the pictures that views are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from studies.contract.states import AttemptState
from studies.contract.study_file import StageKind
from studies.contract.views import BestTrial, TrialView
from studies.core.device_time import Ran, busy_seconds, spans
from studies.core.snapshot import Curve, Trial
from studies.core.trial_columns import TrialColumns
from studies.errors import LeaseLost, NotFound
from studies.storage import presenting
from studies.storage.assembly import Part, joined, merged
from studies.storage.copies import copy_of
from studies.storage.memory_tables import Tables
from studies.storage.picture import Picture
from studies.storage.records import StageRecord, StudyRecord, TrialRecord

Record = TypeVar("Record")


def found(table: Mapping[str, Record], key: str, what: str) -> Record:
    """Return what stands in a table under an id.

    Raises:
        NotFound
    """
    if key not in table:
        raise NotFound(f"there is no {what} {key}: list what there is and try again.")
    return table[key]


def study_of(tables: Tables, study_id: str) -> StudyRecord:
    return found(tables.studies, study_id, "study")


def trial_of(tables: Tables, trial_id: str) -> TrialRecord:
    return found(tables.trials, trial_id, "trial")


def trial_of_lease(tables: Tables, attempt_id: str, token: str) -> str:
    """Return the id of the trial that a running attempt is of.

    Raises:
        LeaseLost: no attempt of this id and token is running.
    """
    attempt = tables.attempts.get(attempt_id)
    if attempt is None or attempt.token != token or attempt.state is not AttemptState.RUNNING:
        raise LeaseLost
    return attempt.trial_id


def stages(tables: Tables, study_id: str) -> list[StageRecord]:
    own = tables.stages[study_id].values()
    return [replace(stage, decision=stage.decision and copy_of(stage.decision)) for stage in own]


def summaries(tables: Tables, trial_id: str) -> presenting.Summaries:
    return {name: known.summary for name, known in tables.summaries.get(trial_id, {}).items()}


def views(tables: Tables, trials: Iterable[TrialRecord]) -> list[TrialView]:
    names = tables.latest_workers()
    return [presenting.trial_view(trial, summaries(tables, trial.id), names.get(trial.id, "")) for trial in trials]


def curve(tables: Tables, trial_id: str, name: str) -> Curve:
    """Return a trial's whole curve of a metric, empty where it has none."""
    reporters = [attempt for attempt in tables.attempts_of(trial_id) if attempt.chunks]
    return merged([Part(attempt.started_from, _piece(tables, attempt.id, name)) for attempt in reporters])


def _piece(tables: Tables, attempt_id: str, name: str) -> Curve:
    chunks = tables.chunks.get((attempt_id, name), {})
    return joined([chunks[sequence] for sequence in sorted(chunks)])


def core_trial(tables: Tables, trial: TrialRecord) -> Trial:
    """Return a trial as decisions are told of it, with all its curves."""
    names = summaries(tables, trial.id)
    return presenting.core_trial(trial, {name: curve(tables, trial.id, name) for name in names})


# --- pictures --------------------------------------------------------------------------------------------------------


def picture(tables: Tables, study_id: str, now: float) -> Picture:
    """Return what the rules of `studies.storage.applying` and `commanding` work on."""
    trials = tables.trials_of(study_id)
    return Picture(
        study=study_of(tables, study_id),
        now=now,
        stages=dict(tables.stages[study_id]),
        trials={trial.id: trial for trial in trials},
        live={attempt.trial_id: attempt for attempt in tables.live_attempts_of(study_id)},
        next_number=len(trials),
        next_decision=sum(record.study_id == study_id for record in tables.decisions),
    )


def study_picture(tables: Tables, study: StudyRecord, now: float) -> presenting.StudyPicture:
    """Return what the views of a study are made of."""
    trials = tables.trials_of(study.id)
    tallies = {kind: _tally(trials, kind) for kind in tables.stages[study.id]}
    copied = replace(study, spec=copy_of(study.spec))
    best, busy = _best(tables, study, trials), device_seconds(tables, study.id, now)
    return presenting.StudyPicture(copied, stages(tables, study.id), tallies, _columns(trials), best, busy, now)


def device_seconds(tables: Tables, study_id: str, now: float) -> float:
    """Return for how long devices were busy with a study."""
    own = [item for item in tables.attempts.values() if item.study_id == study_id]
    ran = [Ran((item.worker_id, item.device), item.started_at, item.ended_at) for item in own]
    return busy_seconds(spans(ran, now))


def _best(tables: Tables, study: StudyRecord, trials: Sequence[TrialRecord]) -> BestTrial | None:
    scores = {trial.id: trial.score for trial in trials}
    best = study.best_trial_id or presenting.leader(scores, study.spec.metric.direction)
    if best is None:
        return None
    return presenting.best_trial(trial_of(tables, best), summaries(tables, best), study.spec.metric)


def _columns(trials: Sequence[TrialRecord]) -> TrialColumns:
    rows = [(trial.started_at, trial.ended_at, trial.last_step, trial.score) for trial in trials]
    return TrialColumns(*np.array(rows, np.float64).reshape(-1, 4).T)


def _tally(trials: Sequence[TrialRecord], kind: StageKind) -> presenting.Tally:
    own = [trial for trial in trials if trial.stage == kind]
    return presenting.Tally(
        trials=len(own),
        ended=sum(trial.state.ended for trial in own),
        steps=sum(trial.last_step for trial in own),
        points=sum(trial.points for trial in own),
        bytes=sum(trial.bytes for trial in own),
    )
