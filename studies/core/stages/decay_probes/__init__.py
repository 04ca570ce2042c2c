"""Stage 2 of a guided search: late decays, early (guide, section 7)."""

from __future__ import annotations

from studies.contract.study_file import DecayProbes
from studies.core.actions import Action
from studies.core.context import Context, SearchRule
from studies.core.search.course import follow, stop_nothing
from studies.core.stages.decay_probes.probes import probes
from studies.core.stages.decay_probes.record import conclude


def act(context: Context[DecayProbes]) -> tuple[Action, ...]:
    """Return what the stage does now: end what is lost, ask for a probe of every form, or close."""
    return follow(context, probes, conclude, stop_nothing)


RULE = SearchRule(act)
