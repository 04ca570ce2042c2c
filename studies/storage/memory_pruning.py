"""Forgetting old studies in the memory store; `sql.pruning` does it in SQL."""

from __future__ import annotations

from collections.abc import Collection

from studies.contract.views import StudySize
from studies.storage.memory_tables import Tables
from studies.storage.port import Pruned, PrunedStudy
from studies.storage.presenting import optuna_name
from studies.storage.records import StudyRecord


def prune(tables: Tables, before: float, *, dry_run: bool) -> Pruned:
    """Do as `studies.storage.port.StudyStore.prune` says, of what ended before a moment."""
    due = [study for study in tables.studies.values() if study.state.ended and study.updated_at < before]
    ids = {study.id for study in due}
    kept = {attempt.worker_id for attempt in tables.attempts.values() if attempt.study_id not in ids}
    silent = [item.id for item in tables.workers.values() if item.last_sync_at < before and item.id not in kept]
    events = [event for event in tables.events if event.at >= before and event.study_id not in ids]
    studies = sorted(due, key=lambda study: (study.created_at, study.id))
    pruned = Pruned(
        tuple(_described(tables, study) for study in studies), len(silent), len(tables.events) - len(events)
    )
    if not dry_run:
        tables.events = events
        for worker_id in silent:
            del tables.workers[worker_id]
        _remove(tables, ids)
    return pruned


def _described(tables: Tables, study: StudyRecord) -> PrunedStudy:
    trials = tables.trials_of(study.id)
    points, size = sum(trial.points for trial in trials), sum(trial.bytes for trial in trials)
    names = tuple(optuna_name(study.name, stage.kind) for stage in study.spec.stages)
    return PrunedStudy(study.id, study.name, names, StudySize(trials=len(trials), points=points, bytes=size))


def _remove(tables: Tables, ids: Collection[str]) -> None:
    trials = {trial.id for trial in tables.trials.values() if trial.study_id in ids}
    attempts = {attempt.id for attempt in tables.attempts.values() if attempt.study_id in ids}
    tables.decisions = [decision for decision in tables.decisions if decision.study_id not in ids]
    tables.idempotency = {key: seen for key, seen in tables.idempotency.items() if seen[0] not in ids}
    tables.chunks = {key: chunks for key, chunks in tables.chunks.items() if key[0] not in attempts}
    for table, gone in (
        (tables.studies, ids),
        (tables.stages, ids),
        (tables.trials, trials),
        (tables.summaries, trials),
        (tables.mirrored, trials),
        (tables.checkpoints, trials),
        (tables.attempts, attempts),
        (tables.logs, attempts),
    ):
        for key in gone:
            table.pop(key, None)
