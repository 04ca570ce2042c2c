"""Stage 5 of a guided search: the best with new seeds, chosen by their means (guide, section 7)."""

from __future__ import annotations

from studies.contract.study_file import Confirm
from studies.core.actions import Action
from studies.core.context import Context, SearchRule
from studies.core.search.course import follow, stop_nothing
from studies.core.stages.confirm.record import conclude
from studies.core.stages.confirm.repeats import finalist_repeats


def act(context: Context[Confirm]) -> tuple[Action, ...]:
    """Return what the stage does now: end what diverged, repeat the finalists, or close."""
    return follow(context, finalist_repeats, conclude, stop_nothing)


RULE = SearchRule(act)
