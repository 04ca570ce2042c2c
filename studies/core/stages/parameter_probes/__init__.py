"""Stage 3 of a guided search: one hyperparameter after the other, a step to either side (guide, section 7)."""

from __future__ import annotations

from studies.contract.study_file import ParameterProbes
from studies.core.actions import Action
from studies.core.context import Context, SearchRule
from studies.core.search.course import follow
from studies.core.search.stopping import stop_behind_parent
from studies.core.stages.parameter_probes.probes import next_probe
from studies.core.stages.parameter_probes.record import conclude


def act(context: Context[ParameterProbes]) -> tuple[Action, ...]:
    """Return what the stage does now: end what is lost, ask for the next probe, or close."""
    return follow(context, next_probe, conclude, stop_behind_parent)


RULE = SearchRule(act)
