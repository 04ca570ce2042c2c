"""A study of any size, written straight into a database: what weeks of training leave behind, in seconds.

Only rows that the store itself would have written: chunks in its own encoding, summaries by its own rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection, insert

from studies.contract.ids import new_id, new_token
from studies.contract.schedule import Schedule
from studies.contract.states import AttemptState, StageState, StudyState, TrialState
from studies.contract.study_file import StageKind, StudySpec
from studies.core.curves import Ragged
from studies.core.snapshot import LOSS, Curve
from studies.storage import upgrade_database
from studies.storage.codec import encode
from studies.storage.documents import document_hash
from studies.storage.records import AttemptRecord, StageRecord, StudyRecord, TrialRecord, WorkerRecord
from studies.storage.sql import metrics, tables
from studies.storage.sql.engine import make_engine, now, writing
from studies.storage.sql.rows import columns, insert_all
from studies.storage.summaries import extended, scored

POINTS_PER_CHUNK = 256
EVALUATIONS = 20
"""Points of the dev metric in each trial; all others are of the training loss."""

RUN_SECONDS = 60.0
"""How long each trial ran; so many at a time did as run at the end."""

_TRIALS_PER_INSERT = 250
_OBJECTIVE = {"kind": "builtin", "name": "image_classification", "args": {"dataset": "digits", "model": "small_cnn"}}


@dataclass(frozen=True)
class Shape:
    """How large the study is: so many trials, the last of them running, with so many points each."""

    trials: int
    points: int = 1_000
    running: int = 32


def load_study(url: str, name: str, shape: Shape, state: StudyState = StudyState.PAUSED) -> str:
    """Create the schema where it is lacking, write a study of `shape` and return its id."""
    upgrade_database(url)
    engine = make_engine(url)
    with writing(engine) as connection:
        writer = _Writer(connection, name, shape, state)
        for start in range(0, shape.trials, _TRIALS_PER_INSERT):
            writer.write_trials(range(start, min(shape.trials, start + _TRIALS_PER_INSERT)))
    engine.dispose()
    return writer.study.id


class _Writer:
    def __init__(self, connection: Connection, name: str, shape: Shape, state: StudyState) -> None:
        self._connection, self._shape = connection, shape
        self._random = np.random.default_rng(0)
        budget = {"steps": shape.points, "trials": shape.trials}
        spec = StudySpec.model_validate({"name": name, "objective": _OBJECTIVE, "budget": budget})
        self._now = now(connection)
        self.study = StudyRecord(new_id("study"), name, spec, state, self._now, self._now)
        self._worker = WorkerRecord(new_id("worker"), "bench", "bench", "0", (), (), self._now, self._now)
        self._write_study(spec)

    def _write_study(self, spec: StudySpec) -> None:
        extra = {"idempotency_key": None, "document_hash": document_hash(spec)}
        self._connection.execute(insert(tables.study).values(columns(self.study) | extra))
        insert_all(self._connection, tables.stage, list(self._stages(spec)))
        worker = {column.name: getattr(self._worker, column.name) for column in tables.worker.c}
        self._connection.execute(insert(tables.worker).values(worker))

    def _stages(self, spec: StudySpec) -> Iterator[StageRecord]:
        for position, stage in enumerate(spec.stages):
            state = StageState.RUNNING if stage.kind == "joint_search" else StageState.COMPLETED
            yield StageRecord(self.study.id, stage.kind, position, state, opened_at=self._now)

    def write_trials(self, numbers: Sequence[int]) -> None:
        trials = [self._trial(number) for number in numbers]
        attempts = [self._attempt(trial) for trial in trials]
        curves = [self._curves(trial) for trial in trials]
        metric = self.study.spec.metric
        glances = [{name: extended(None, curve).summary for name, curve in by_name.items()} for by_name in curves]
        trials = [scored(trial, names, metric) for trial, names in zip(trials, glances, strict=True)]
        insert_all(self._connection, tables.trial, trials)
        insert_all(self._connection, tables.attempt, attempts)
        rows = [row for attempt, by_name in zip(attempts, curves, strict=True) for row in _chunks(attempt, by_name)]
        self._connection.execute(insert(tables.metric_chunk), rows)
        metrics.renew_summaries(self._connection, [trial.id for trial in trials])

    def _trial(self, number: int) -> TrialRecord:
        lr = float(10 ** self._random.uniform(-4, 0))
        params = {"lr": lr, "batch_size": int(2 ** self._random.integers(4, 9)), "momentum": 0.9, "weight_decay": 1e-4}
        runs = number >= self._shape.trials - self._shape.running
        began = self._now - RUN_SECONDS * -(-(self._shape.trials - number) // max(1, self._shape.running))
        return TrialRecord(
            id=new_id("trial"),
            study_id=self.study.id,
            number=number,
            key=f"point {number}",
            stage=_stage_of(number),
            params=params,
            schedule=Schedule(),
            num_steps=self._shape.points,
            seed=0,
            created_at=began,
            state=TrialState.RUNNING if runs else TrialState.COMPLETED,
            reason="the model expects the most here",
            started_at=began,
            ended_at=None if runs else began + RUN_SECONDS,
            attempts=1,
            last_step=self._shape.points,
            points=self._shape.points,
            bytes=5 * self._shape.points,
        )

    def _attempt(self, trial: TrialRecord) -> AttemptRecord:
        ended = trial.state is TrialState.COMPLETED
        attempt = AttemptRecord(
            new_id("attempt"), trial.id, self.study.id, 0, self._worker.id, "cuda:0", new_token(), trial.created_at,
            lease_expires_at=self._now + 3_600, state=AttemptState.COMPLETED if ended else AttemptState.RUNNING,
        )  # fmt: skip
        chunks = 1 + -(-(self._shape.points - EVALUATIONS) // POINTS_PER_CHUNK)
        return replace(attempt, chunks=chunks, ended_at=trial.ended_at)

    def _curves(self, trial: TrialRecord) -> dict[str, Curve]:
        losses = self._shape.points - EVALUATIONS
        steps = np.arange(1, losses + 1)
        floor = 0.2 + 0.1 * np.log10(trial.params["lr"]) ** 2
        loss = floor + 2.0 * np.exp(-steps / (0.2 * losses)) + self._random.normal(0, 0.03, losses)
        dev_steps = np.linspace(losses / EVALUATIONS, losses, EVALUATIONS).astype(np.int64)
        dev = 1.0 / (1.0 + floor + np.exp(-dev_steps / (0.2 * losses))) + self._random.normal(0, 0.005, EVALUATIONS)
        return {LOSS: _curve(steps, loss), self.study.spec.metric.name: _curve(dev_steps, dev)}


def _stage_of(number: int) -> StageKind:
    if number < 9:
        return "lr_halving"
    return "decay_probes" if number < 11 else "parameter_probes" if number < 20 else "joint_search"


def _curve(steps: np.ndarray, values: np.ndarray) -> Curve:
    """Return a curve of single precision, as training reports it."""
    return Curve(steps.astype(np.int64), values.astype(np.float32).astype(np.float64))


def _chunks(attempt: AttemptRecord, curves: dict[str, Curve]) -> Iterator[dict[str, object]]:
    for name, curve in curves.items():
        for sequence, start in enumerate(range(0, len(curve), POINTS_PER_CHUNK)):
            part = slice(start, start + POINTS_PER_CHUNK)
            (encoded,) = encode(Ragged.of([Curve(curve.steps[part], curve.values[part])]))
            yield {"attempt_id": attempt.id, "name": name, "sequence": sequence} | vars(encoded)
