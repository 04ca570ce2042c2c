"""Stage 2 of the guide: batch size and momentum together, the learning rate scaled with them."""

from __future__ import annotations

from studies.contract.study_file import BatchMomentum
from studies.core.actions import Action
from studies.core.context import Context, Rule
from studies.core.course import follow
from studies.core.stages.batch_momentum.phases import PHASES, demand, standing
from studies.core.stages.batch_momentum.record import conclude


def act(context: Context[BatchMomentum]) -> tuple[Action, ...]:
    """Return what the stage does now: end what diverged, ask for trials, or close."""
    return follow(context, PHASES, standing, conclude)


RULE = Rule(demand, act)
