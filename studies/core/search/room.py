"""How many runs to ask for now: each is chosen as late as can be, and no worker is left without one."""

from __future__ import annotations

from studies.contract.states import TrialState
from studies.core.context import Context, StageT

AHEAD = 4
"""Where nobody says how many run at once, one run waits for every four that are running, and one at least."""


def room(context: Context[StageT], parallel: int | None) -> int:
    """Return how many runs may be added, such that `parallel` of the stage are under way; 0 or less for none."""
    running = sum(trial.state is TrialState.RUNNING for trial in context.trials)
    waiting = len(context.in_flight) - running
    if parallel is not None:
        return parallel - running - waiting
    return max(1, running // AHEAD) - waiting
