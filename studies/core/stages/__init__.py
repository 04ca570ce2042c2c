"""The stages of both strategies, one package each, and the registry by which `decide` finds the rule of a stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studies.contract.study_file import StageKind, StudySpec
from studies.core.context import Rule, SearchRule
from studies.core.plan import Demand
from studies.core.stages import (
    batch_momentum,
    confirm,
    decay_probes,
    decay_schedule,
    joint_search,
    lr_halving,
    lr_sweep,
    parameter_probes,
    search,
)

_RULES: Mapping[StageKind, Rule[Any] | SearchRule[Any]] = {
    "lr_sweep": lr_sweep.RULE,
    "batch_momentum": batch_momentum.RULE,
    "decay_schedule": decay_schedule.RULE,
    "lr_halving": lr_halving.RULE,
    "decay_probes": decay_probes.RULE,
    "parameter_probes": parameter_probes.RULE,
    "search": search.RULE,
    "joint_search": joint_search.RULE,
    "confirm": confirm.RULE,
}


def rule_of(kind: StageKind) -> Rule[Any] | SearchRule[Any]:
    """Return the rule of a kind of stage."""
    return _RULES[kind]


def demands_of(spec: StudySpec) -> tuple[Demand, ...]:
    """Return what the stages of the guide ask for, in their order; none where steps are what is counted."""
    rules = [(rule_of(stage.kind), stage) for stage in spec.stages]
    return tuple(rule.demand(spec, stage) for rule, stage in rules if isinstance(rule, Rule))
