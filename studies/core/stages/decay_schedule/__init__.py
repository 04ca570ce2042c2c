"""Stage 3 of the guide: whether the learning rate should decay, from when on, and in which form."""

from __future__ import annotations

from studies.contract.study_file import DecaySchedule
from studies.core.actions import Action
from studies.core.context import Context, Rule
from studies.core.course import follow
from studies.core.stages.decay_schedule.phases import PHASES, demand, standing
from studies.core.stages.decay_schedule.record import conclude


def act(context: Context[DecaySchedule]) -> tuple[Action, ...]:
    """Return what the stage does now: end what diverged, ask for trials, or close."""
    return follow(context, PHASES, standing, conclude)


RULE = Rule(demand, act)
