"""The stages of the guide, one package each, and the registry by which `decide` finds the rule of a stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studies.contract.study_file import StageKind
from studies.core.context import Rule
from studies.core.stages import batch_momentum, decay_schedule, lr_sweep

_RULES: Mapping[StageKind, Rule[Any]] = {
    "lr_sweep": lr_sweep.RULE,
    "batch_momentum": batch_momentum.RULE,
    "decay_schedule": decay_schedule.RULE,
}


def rule_of(kind: StageKind) -> Rule[Any]:
    """Return the rule of a kind of stage."""
    return _RULES[kind]
