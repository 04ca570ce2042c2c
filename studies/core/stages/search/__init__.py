"""A search that the user defines: a sampler over the study's space, runs stopped early by a pruner."""

from __future__ import annotations

from studies.contract.study_file import SamplerSearch
from studies.core.actions import Action
from studies.core.context import Context, SearchRule
from studies.core.records import end_diverged
from studies.core.search.course import ask, close
from studies.core.stages.search.points import next_points
from studies.core.stages.search.record import conclude
from studies.core.stages.search.stopping import stop_early


def act(context: Context[SamplerSearch]) -> tuple[Action, ...]:
    """Return what the search does now: end what is lost, ask for more points, wait, or close."""
    ended = end_diverged(context) or stop_early(context)
    if ended:
        return ended
    added = ask(context, next_points(context))
    if added or context.in_flight:
        return added
    return close(context, conclude)


RULE = SearchRule(act)
