"""Reading numbers out of a decision's evidence, which is open JSON data: what is absent or odd is None."""

from __future__ import annotations

import math

from studies.contract.decision import Decision


def evidence_number(decision: Decision | None, key: str) -> float | None:
    """Return the finite number under `key`, None where there is none."""
    value = decision.evidence.get(key) if decision else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def chosen_trial(decision: Decision | None) -> str | None:
    """Return the id of the trial that stands for the choice."""
    return decision.candidates[0].trial_id if decision and decision.candidates else None


def weighed_trials(decision: Decision | None) -> tuple[str, ...]:
    """Return the ids of what was carried along or came close: further candidates, then runners-up."""
    if decision is None:
        return ()
    others = (*decision.candidates[1:], *decision.runners_up)
    return tuple(dict.fromkeys(c.trial_id for c in others if c.trial_id != chosen_trial(decision)))
