"""Which trials a decision is about: the one that stands for the choice, and those weighed against it."""

from __future__ import annotations

from studies.contract.decision import Decision


def chosen_trial(decision: Decision | None) -> str | None:
    """Return the id of the trial that stands for the choice."""
    return decision.candidates[0].trial_id if decision and decision.candidates else None


def weighed_trials(decision: Decision | None) -> tuple[str, ...]:
    """Return the ids of what was carried along or came close: further candidates, then runners-up."""
    if decision is None:
        return ()
    others = (*decision.candidates[1:], *decision.runners_up)
    return tuple(dict.fromkeys(c.trial_id for c in others if c.trial_id != chosen_trial(decision)))
