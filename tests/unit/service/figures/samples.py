"""Trials and curves for figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.contract.study_file import StageKind
from studies.contract.views import MetricSummary, TrialView
from studies.core.snapshot import Curve

HOSTILE = '<a href="javascript:alert(1)">x</a>&<b>'


def trial(
    number: int, state: TrialState = TrialState.COMPLETED, stage: StageKind = "lr_sweep", **fields: Any
) -> TrialView:
    defaults: dict[str, Any] = {
        "params": {"lr": 0.1, "batch_size": 64, "momentum": 0.9},
        "schedule": Schedule(),
        "num_steps": 100,
        "seed": 0,
    }
    return TrialView(
        id=f"tr_{number}",
        study_id="st_1",
        number=number,
        key=f"key-{number}",
        stage=stage,
        state=state,
        created_at=0.0,
        **(defaults | fields),
    )


def scored(number: int, score: float, name: str = "dev_accuracy", **fields: Any) -> TrialView:
    """A trial whose metric has only that value."""
    summary = MetricSummary(last_step=100, last=score, minimum=score, maximum=score, count=1)
    return trial(number, metrics={name: summary}, **fields)


def curve(*values: float) -> Curve:
    """A curve of those values at steps 1, 2, ..."""
    return Curve(np.arange(1, len(values) + 1, dtype=np.int64), np.asarray(values, np.float64))


def falling(to: float, steps: int = 100) -> Curve:
    """A loss that falls from 2.3 to `to`."""
    return curve(*(to + (2.3 - to) * np.exp(-np.arange(steps) / 15)))
