"""What a page shows of a study of any size, from the tables of the memory store; `sql.overview` does it in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice

import numpy as np

from studies.contract.states import TrialState
from studies.contract.study_file import StageKind
from studies.storage.memory_tables import Tables
from studies.storage.port import NAMED_BY, DeviceUse, Scores, Thinned, TrialResult
from studies.storage.presenting import stride
from studies.storage.records import AttemptRecord, StudyRecord, TrialRecord


def numbers(tables: Tables, trial_ids: Collection[str]) -> dict[str, int]:
    return {trial_id: tables.trials[trial_id].number for trial_id in trial_ids if trial_id in tables.trials}


def metric_names(tables: Tables, study_id: str) -> list[str]:
    trials = tables.trials_of(study_id)
    ends = [*trials[:NAMED_BY], *trials[-NAMED_BY:]]
    return sorted({name for trial in ends for name in tables.summaries.get(trial.id, {})})


def best(tables: Tables, study: StudyRecord, limit: int) -> list[TrialRecord]:
    sign = -1.0 if study.spec.metric.direction == "maximize" else 1.0
    own = tables.trials_of(study.id)
    ranked = sorted((sign * trial.score, trial.number, trial.id) for trial in own if trial.score is not None)
    return [tables.trials[trial_id] for _, _, trial_id in ranked[:limit]]


def same_configuration(tables: Tables, trial: TrialRecord, limit: int) -> list[TrialRecord]:
    own = (other for other in tables.trials_of(trial.study_id) if _configuration(other) == _configuration(trial))
    return list(islice(own, limit))


def _configuration(trial: TrialRecord) -> tuple[object, ...]:
    return trial.params, trial.schedule, trial.num_steps


def running(tables: Tables, study_id: str, limit: int) -> list[TrialRecord]:
    return [trial for trial in tables.trials_of(study_id) if trial.state is TrialState.RUNNING][:limit]


def sample(tables: Tables, study_id: str, stage: StageKind, most: int) -> list[TrialRecord]:
    return _evenly([trial for trial in tables.trials_of(study_id) if trial.stage == stage], most)


def scores(tables: Tables, study_id: str, stage: StageKind) -> Scores:
    own = [trial for trial in tables.trials_of(study_id) if trial.stage == stage]
    found = [(trial.number, trial.score) for trial in own if trial.score is not None]
    table = np.array(found, np.float64).reshape(-1, 2)
    return Scores(table[:, 0].astype(np.int64), table[:, 1])


def results(tables: Tables, study_id: str, most: int, stage: StageKind | None) -> list[TrialResult]:
    own = [trial for trial in tables.trials_of(study_id) if stage in (None, trial.stage)]
    return [_result(trial) for trial in _evenly(own, most) if trial.ended_at is not None]


def _result(trial: TrialRecord) -> TrialResult:
    return TrialResult(
        trial.id,
        trial.number,
        trial.stage,
        trial.state,
        dict(trial.params),
        trial.schedule,
        trial.num_steps,
        trial.score,
    )


def thinned(tables: Tables, study_id: str, name: str, most: int) -> list[Thinned]:
    return [
        Thinned(trial.id, trial.state, tables.summaries[trial.id][name].thinned)
        for trial in _evenly(tables.trials_of(study_id), most)
        if name in tables.summaries.get(trial.id, {})
    ]


def device_use(tables: Tables, study_id: str, now: float) -> list[DeviceUse]:
    order = {kind: stage.position for kind, stage in tables.stages[study_id].items()}
    found: dict[tuple[StageKind, str, str, str, str], list[float]] = {}
    for attempt in tables.attempts.values():
        if attempt.study_id == study_id:
            where = _where(tables, attempt)
            found.setdefault(where, []).append((attempt.ended_at or now) - attempt.started_at)
    ordered = sorted(found, key=lambda where: (order[where[0]], *where))
    return [DeviceUse(*where, len(found[where]), sum(found[where])) for where in ordered]


def _where(tables: Tables, attempt: AttemptRecord) -> tuple[StageKind, str, str, str, str]:
    worker = tables.workers[attempt.worker_id]
    models = {device.name: device.model for device in worker.devices}
    stage = tables.trials[attempt.trial_id].stage
    return stage, worker.name, worker.version, attempt.device, models.get(attempt.device, "")


def _evenly(trials: Sequence[TrialRecord], most: int) -> list[TrialRecord]:
    if not trials:
        return []
    lowest, highest = trials[0].number, trials[-1].number
    step = stride(highest - lowest + 1, most)
    return [trial for trial in trials if (trial.number - lowest) % step == 0]
