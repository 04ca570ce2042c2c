"""Views from records: what the API answers with, built in one place for both stores. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from studies.contract.base import Params, Timestamp
from studies.contract.packing import PackReport, RunProfile
from studies.contract.states import AttemptState, StageState, StudyState, TrialState, WorkerHold
from studies.contract.study_file import Metric, StageKind
from studies.contract.views import (
    AttemptView,
    BestTrial,
    DeviceView,
    MetricSummary,
    PackView,
    ProfileView,
    Progress,
    StageView,
    StudySize,
    StudySummary,
    StudyView,
    TrialDetail,
    TrialView,
    WorkerView,
)
from studies.core.listing import Card
from studies.core.search.budget import total
from studies.core.snapshot import Curve, Stage, Trial
from studies.core.trial_columns import TrialColumns, best_so_far, seconds_left
from studies.storage.port import KnownParam, SettledTrial
from studies.storage.records import AttemptRecord, DeviceRecord, StageRecord, StudyRecord, TrialRecord, WorkerRecord
from studies.storage.summaries import score

Summaries = Mapping[str, MetricSummary]

OPEN_STAGES = (StageState.PENDING, StageState.AWAITING_APPROVAL, StageState.RUNNING)
"""States of a stage that may still continue its trials."""


@dataclass(frozen=True)
class Tally:
    """How many trials a stage has asked for, how many ended, how many steps they trained, and what they left behind:
    metric points, and the bytes of these and of their output.
    """

    trials: int = 0
    ended: int = 0
    steps: int = 0
    points: int = 0
    bytes: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.trials + other.trials,
            self.ended + other.ended,
            self.steps + other.steps,
            self.points + other.points,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True)
class StudyPicture:
    """All that a study's view is made of, as it is at the time ``now``."""

    study: StudyRecord
    stages: Sequence[StageRecord]
    tallies: Mapping[StageKind, Tally]
    columns: TrialColumns
    best: BestTrial | None
    device_seconds: float
    now: Timestamp


def study_summary(picture: StudyPicture) -> StudySummary:
    study = picture.study
    whole = sum(picture.tallies.values(), Tally())
    return StudySummary(
        id=study.id,
        name=study.name,
        state=study.state,
        reason=study.reason,
        stages=tuple(_stage_view(study, stage, picture.tallies.get(stage.kind, Tally())) for stage in picture.stages),
        best=picture.best,
        progress=_progress(study, whole),
        size=_size(whole),
        owner=study.owner,
        tags=study.spec.tags,
        created_at=study.created_at,
        updated_at=study.updated_at,
        archived_at=study.archived_at,
        device_seconds=picture.device_seconds,
        eta_seconds=_eta(picture, _progress(study, whole)),
        best_so_far=best_so_far(picture.columns, study.spec.metric.direction),
    )


def _eta(picture: StudyPicture, progress: Progress) -> float | None:
    """Return how long the rest of the budget takes; None where the study does not run."""
    if picture.study.state is not StudyState.RUNNING:
        return None
    if progress.steps_budget is not None:
        return seconds_left(picture.columns, progress.steps_budget - progress.steps, "steps", picture.now)
    return seconds_left(picture.columns, progress.trials_budget - progress.trials_ended, "trials", picture.now)


def card(study: StudyRecord) -> Card:
    """Return what a study is found by."""
    metric = study.spec.metric
    return Card(
        id=study.id,
        name=study.name,
        state=study.state,
        owner=study.owner,
        tags=study.spec.tags,
        metric=metric.name,
        direction=metric.direction,
        created_at=study.created_at,
        updated_at=study.updated_at,
        archived_at=study.archived_at,
    )


def size(tallies: Iterable[Tally]) -> StudySize:
    """Return what a study with these tallies has left behind."""
    return _size(sum(tallies, Tally()))


def _size(whole: Tally) -> StudySize:
    return StudySize(trials=whole.trials, points=whole.points, bytes=whole.bytes)


def study_view(picture: StudyPicture, waiting_because: str) -> StudyView:
    summary = study_summary(picture)
    fields = {name: getattr(summary, name) for name in StudySummary.model_fields}
    return StudyView(**fields, spec=picture.study.spec, waiting_because=waiting_because)


def optuna_name(study_name: str, stage: str) -> str:
    """Return the name of a stage's study in Optuna's record."""
    return f"{study_name}/{stage}"


def _stage_view(study: StudyRecord, stage: StageRecord, tally: Tally) -> StageView:
    return StageView(
        kind=stage.kind,
        state=stage.state,
        decision=stage.decision,
        trials=tally.trials,
        trials_ended=tally.ended,
        steps=tally.steps,
        optuna_study=optuna_name(study.name, stage.kind),
        opened_at=stage.opened_at,
        closed_at=stage.closed_at,
    )


def _progress(study: StudyRecord, whole: Tally) -> Progress:
    return Progress(
        trials=whole.trials,
        trials_ended=whole.ended,
        trials_budget=study.spec.budget.trials,
        steps=whole.steps,
        steps_budget=total(study.spec) if study.spec.strategy == "guided_search" else None,
    )


def best_trial(trial: TrialRecord, summaries: Summaries, metric: Metric) -> BestTrial:
    """Return the trial with each metric's last value; the study's own metric comes first, with its best."""
    best = score(summaries.get(metric.name), metric.direction)
    own = {} if best is None else {metric.name: best}
    others = {name: summary.last for name, summary in summaries.items() if name not in own}
    return BestTrial(trial_id=trial.id, params=dict(trial.params), metrics=own | others)


def leader(scores: Mapping[str, float | None], direction: Literal["maximize", "minimize"]) -> str | None:
    """Return the trial with the best score, the earliest where they tie; None where nothing was scored."""
    scored = {trial_id: value for trial_id, value in scores.items() if value is not None}
    choose = max if direction == "maximize" else min
    return choose(scored, key=lambda trial_id: scored[trial_id], default=None)


def stride(span: int, most: int) -> int:
    """Return k such that every k-th of `span` numbers are at most `most`; 1 where all of them are."""
    return max(1, -(-span // most))


def trial_view(trial: TrialRecord, summaries: Summaries, worker: str) -> TrialView:
    """Return a trial; ``worker`` is the name of the one of its latest attempt, "" before the first."""
    return TrialView(**_trial_fields(trial, summaries), worker=worker)


def known_params(configurations: Sequence[Params]) -> list[KnownParam]:
    """Return the hyperparameters of `configurations`, those that vary first, then in the order in which they come."""
    names = dict.fromkeys(name for params in configurations for name in params)
    known = [KnownParam(name, len({repr(params.get(name)) for params in configurations}) > 1) for name in names]
    return sorted(known, key=lambda param: not param.varies)


def trial_detail(
    trial: TrialRecord,
    summaries: Summaries,
    attempts: Sequence[AttemptRecord],
    worker_names: Mapping[str, str],
    waiting_because: str = "",
) -> TrialDetail:
    views = tuple(_attempt_view(attempt, worker_names.get(attempt.worker_id, "")) for attempt in attempts)
    worker = views[-1].worker_name if views else ""
    return TrialDetail(
        **_trial_fields(trial, summaries), worker=worker, attempts=views, waiting_because=waiting_because
    )


def _trial_fields(trial: TrialRecord, summaries: Summaries) -> dict[str, Any]:
    shared = TrialView.model_fields.keys() - {"metrics", "params", "worker"}
    fields: dict[str, Any] = {name: getattr(trial, name) for name in shared}
    return fields | {"params": dict(trial.params), "metrics": dict(summaries)}


def _attempt_view(attempt: AttemptRecord, worker_name: str) -> AttemptView:
    return AttemptView(
        id=attempt.id,
        worker_id=attempt.worker_id,
        worker_name=worker_name,
        device=attempt.device,
        state=attempt.state,
        reason=attempt.reason or attempt.stop,
        error=None if attempt.error is None else dict(attempt.error),
        started_from=attempt.started_from,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        alone=attempt.alone,
        engine=attempt.engine,
        width=attempt.width,
        peak_memory_bytes=attempt.peak_memory_bytes,
        samples_per_second=attempt.samples_per_second,
    )


def is_alive(worker: WorkerRecord, now: Timestamp, lease_seconds: float) -> bool:
    return now - worker.last_sync_at <= lease_seconds


def worker_view(
    worker: WorkerRecord, attempts: Iterable[AttemptRecord], now: Timestamp, lease_seconds: float
) -> WorkerView:
    live = [attempt for attempt in attempts if attempt.state is AttemptState.RUNNING]
    alive = is_alive(worker, now, lease_seconds)
    devices = tuple(_device_view(device, live, alive=alive) for device in worker.devices)
    shared = WorkerView.model_fields.keys() - {"devices", "alive", "hold"}
    fields = {name: getattr(worker, name) for name in shared}
    return WorkerView(**fields, devices=devices, alive=alive, hold=_hold(worker, live))


def _hold(worker: WorkerRecord, live: Collection[AttemptRecord]) -> WorkerHold | None:
    return WorkerHold.DRAINED if worker.hold is WorkerHold.DRAINING and not live else worker.hold


def _device_view(device: DeviceRecord, live: Iterable[AttemptRecord], *, alive: bool) -> DeviceView:
    trials = {attempt.id: attempt.trial_id for attempt in live if attempt.device == device.name}
    status = device.status
    return DeviceView(
        name=device.name,
        model=device.model,
        memory_bytes=device.memory_bytes,
        memory_used_bytes=device.memory_used_bytes,
        capacity=device.capacity,
        running=tuple(sorted(trials.values())),
        utilization=status.utilization if alive else None,
        mps=status.mps,
        packs=tuple(_pack_view(pack, trials) for pack in status.packs) if alive else (),
    )


def _pack_view(pack: PackReport, trials: Mapping[str, str]) -> PackView:
    return PackView(
        run_class=pack.run_class,
        engine=pack.engine,
        trials=tuple(trials[attempt_id] for attempt_id in pack.attempts if attempt_id in trials),
        samples_per_second=pack.samples_per_second,
        alone_rate=pack.alone_rate,
        memory_bytes=pack.memory_bytes,
        reserved_bytes=pack.reserved_bytes,
        note=pack.note,
    )


def profile_view(label: str, profile: RunProfile, measured_at: Timestamp) -> ProfileView:
    return ProfileView(label=label, profile=profile, measured_at=measured_at)


def core_stage(stage: StageRecord) -> Stage:
    return Stage(stage.kind, stage.state, stage.decision, stage.approved)


def core_trial(trial: TrialRecord, curves: Mapping[str, Curve]) -> Trial:
    return Trial(
        id=trial.id,
        number=trial.number,
        key=trial.key,
        stage=trial.stage,
        params=dict(trial.params),
        schedule=trial.schedule,
        num_steps=trial.num_steps,
        seed=trial.seed,
        state=trial.state,
        parent_id=trial.parent_id,
        ended_because=trial.ended_because,
        curves=curves,
    )


def is_settled(trial: TrialState, stage: StageState, study: StudyState) -> bool:
    """Return whether a trial's result will not change any more: it has ended, and so has its stage or its study."""
    return trial.ended and (study.ended or stage not in OPEN_STAGES)


def settled_trial(trial: TrialRecord, summaries: Summaries, curve: Curve, metric: Metric) -> SettledTrial:
    """Return what Optuna's record is told; ``curve`` and score are of the study's metric."""
    attributes = {
        "number": trial.number,
        "key": trial.key,
        "seed": trial.seed,
        "num_steps": trial.num_steps,
        "schedule": trial.schedule.model_dump(mode="json"),
        "reason": trial.reason,
        "ended_because": trial.ended_because,
    }
    return SettledTrial(
        trial_id=trial.id,
        stage=trial.stage,
        params=dict(trial.params),
        state=trial.state,
        score=score(summaries.get(metric.name), metric.direction),
        curve=curve,
        attributes=attributes,
    )
