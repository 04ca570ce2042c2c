"""What a study took, stage by stage: trials, how long it was on its way, how long its runs took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.format import MISSING, duration, number, stage_title
from studies.contract.views import StageView, StudyView
from studies.storage.port import DeviceUse


@dataclass(frozen=True)
class CostRow:
    """A stage's costs in words. ``runs`` counts attempts; those that shared a device each count in ``run_time``."""

    stage: str
    trials: str
    steps: str
    runs: str
    wall_time: str
    run_time: str


@dataclass(frozen=True)
class Costs:
    """``device_time`` is how long devices were busy; a card that ran eight trials for an hour was busy for an hour."""

    rows: tuple[CostRow, ...]
    total: CostRow
    device_time: str


def costs(study: StudyView, use: Sequence[DeviceUse], now: float) -> Costs:
    """Return the costs of every stage that has begun, and of all of them."""
    begun = [stage for stage in study.stages if stage.opened_at is not None]
    rows = tuple(_row(stage, [part for part in use if part.stage == stage.kind], now) for stage in begun)
    whole = study.updated_at - study.created_at if study.state.ended else now - study.created_at
    total = CostRow(
        stage="all stages",
        trials=number(study.progress.trials_ended),
        steps=number(study.progress.steps),
        runs=number(sum(part.runs for part in use)),
        wall_time=duration(whole),
        run_time=duration(sum(part.seconds for part in use)),
    )
    return Costs(rows, total, duration(study.device_seconds))


def _row(stage: StageView, use: Sequence[DeviceUse], now: float) -> CostRow:
    taken = None if stage.opened_at is None else (stage.closed_at or now) - stage.opened_at
    return CostRow(
        stage=stage_title(stage.kind),
        trials=number(stage.trials_ended),
        steps=number(stage.steps),
        runs=number(sum(part.runs for part in use)),
        wall_time=duration(taken),
        run_time=duration(sum(part.seconds for part in use)) if use else MISSING,
    )
